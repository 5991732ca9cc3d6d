// SPDX-License-Identifier: Apache-2.0
/**
 * What this node's forwarder tells at its operator's socket: wires, strands, links, policies, moves of
 * sessions. It tells what is otherwise (`GET /changes`), and that alone is asked: after the stream has
 * begun, so that nothing is lost between both. It may be away: what it told last stays known, and is told to
 * be old.
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../api/chain/clock.js';
import type { Logger } from '../api/log/log.js';
import { Backoff, Wake } from '../api/registry/backoff.js';
import { asked, opened } from './operator-socket.js';
import {
  changeLine,
  linksAnswer,
  movesAnswer,
  nothingTold,
  policiesAnswer,
  qualityAnswer,
  wiresAnswer,
  type Told,
  type Versions,
} from './told.js';

/** What {@link FollowedForwarder} works with. */
export interface ForwarderOptions {
  /** Path of the socket; without one it is never heard. */
  readonly socket: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after each change of what is known. */
  readonly changed: () => void;
}

/** Three beats of a forwarder that lives. */
const silenceMs = 15_000;
/** Versions are some hundred bytes. */
const longestLine = 65_536;

type Topic = keyof Versions;

/** See the head of this file; until disposed. */
export class FollowedForwarder implements Disposable {
  readonly #options: ForwarderOptions;
  readonly #stop = new AbortController();
  readonly #wake = new Wake();
  readonly #backoff = new Backoff();
  #told = nothingTold;
  /** Of what is known. A version says also of which life of the forwarder it is. */
  #known: Partial<Versions> = {};
  #latest: Versions | undefined;
  #isAsking = false;
  #failure = '';

  constructor(options: ForwarderOptions) {
    this.#options = options;
    if (options.socket !== undefined) void this.#run(options.socket);
  }

  get told(): Told {
    return this.#told;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#wake.now();
  }

  async #run(socket: string): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow(socket);
        throw new Error('it has ended');
      } catch (reason) {
        if (this.#isOver()) return;
        this.#away(reason);
      }
      await this.#wake.after(this.#options.clock, this.#backoff.next());
    }
  }

  /** A call: what is known of it before an `await` says nothing about after it. */
  #isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  #away(reason: unknown): void {
    const { log, changed } = this.#options;
    const text = reason instanceof Error ? reason.message : String(reason);
    if (text !== this.#failure) log.info({ reason: text }, 'the forwarder does not answer');
    this.#failure = text;
    if (!this.#told.isRunning) return;
    this.#told = { ...this.#told, isRunning: false };
    changed();
  }

  /** Until the stream ends; throws where it breaks or an answer fails. */
  async #follow(socket: string): Promise<void> {
    const { clock } = this.#options;
    const stream = await opened(socket, '/changes', this.#stop.signal);
    const silent = (): void => {
      const text = `silent for ${String(silenceMs / 1_000)} s`;
      stream.destroy(new Error(`GET /changes: ${text}`));
    };
    let silence = clock.after(silenceMs, silent);
    let asking: Promise<void> = Promise.resolve();
    try {
      for await (const line of linesOf(stream)) {
        silence.cancel();
        silence = clock.after(silenceMs, silent);
        this.#latest = changeLine.parse(JSON.parse(line)).versions;
        // The stream is read meanwhile: what changes then is asked again.
        if (this.#isAsking) continue;
        asking = this.#catchUp(socket).catch((reason: unknown) => {
          stream.destroy(reason instanceof Error ? reason : new Error(String(reason)));
        });
      }
    } finally {
      silence.cancel();
      stream.destroy();
      await asking;
    }
  }

  /** Ask for what is otherwise, until nothing is. */
  async #catchUp(socket: string): Promise<void> {
    this.#isAsking = true;
    try {
      for (let latest = this.#unknown(); latest !== undefined; latest = this.#unknown()) {
        await this.#learn(socket, latest);
      }
    } finally {
      // At once with the last look: a line that comes now asks again.
      this.#isAsking = false;
    }
  }

  /** The versions, where they are not those of what is known. */
  #unknown(): Versions | undefined {
    const latest = this.#latest;
    if (latest === undefined || this.#isOver()) return undefined;
    const isKnown = this.#told.isRunning && this.#othersOf(latest).length === 0;
    return isKnown ? undefined : latest;
  }

  #othersOf(latest: Versions): readonly Topic[] {
    return (Object.keys(latest) as Topic[]).filter((topic) => latest[topic] !== this.#known[topic]);
  }

  async #learn(socket: string, latest: Versions): Promise<void> {
    const { log, changed } = this.#options;
    const parts = await Promise.all(this.#othersOf(latest).map((one) => this.#ask(socket, one)));
    if (this.#isOver()) return;
    const told = { ...this.#told, isRunning: true };
    this.#told = parts.reduce<Told>((all, part) => ({ ...all, ...part }), told);
    this.#known = latest;
    this.#backoff.reset();
    if (this.#failure !== '') log.info('the forwarder answers again');
    this.#failure = '';
    changed();
  }

  async #ask(socket: string, topic: Topic): Promise<Partial<Told>> {
    const ask = (path: string): Promise<unknown> => asked(socket, path, this.#stop.signal);
    switch (topic) {
      case 'wires':
        return wiresAnswer.parse(await ask('/wires'));
      case 'policies': {
        const { policies } = policiesAnswer.parse(await ask('/policies'));
        const own = policies.filter(({ from }) => from === 'site');
        return { policies: Object.fromEntries(own.map(({ name, digest }) => [name, digest])) };
      }
      // Without a site there are none.
      case 'links': {
        const { links } = linksAnswer.parse((await ask('/links')) ?? { links: [] });
        const { strands } = qualityAnswer.parse((await ask('/quality')) ?? { strands: [] });
        return { links, strands };
      }
      case 'moves':
        return { moves: movesAnswer.parse((await ask('/moves')) ?? nothingTold.moves) };
    }
  }
}

async function* linesOf(stream: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const part of stream.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + part).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) throw new Error('GET /changes: no end of line');
    yield* lines;
  }
}
