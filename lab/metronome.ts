// SPDX-License-Identifier: Apache-2.0
/**
 * What an application notices of a link's trouble: small messages in both
 * directions between two places of a lab (`bpf/tools/metronome`), and the longest time
 * in which none came.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { built } from './built.js';
import { LabError } from './file/mistakes.js';
import type { Place } from './place.js';

/** Which stream. */
export interface MetronomeOptions {
  readonly protocol: 'udp' | 'tcp';
  /** Of the listener. */
  readonly address: string;
  readonly port: number;
  /** The whole TOS byte: 184 is DSCP EF. */
  readonly tos?: number;
  /** Between two messages: 1,000 where not given. TCP's listener has always that. */
  readonly periodUs?: number;
}

/** What one end heard of the other since the last look. */
export interface Heard {
  /** The longest time in which nothing came, and when it began, in milliseconds of the monotonic clock. */
  readonly gapMs: number;
  readonly gapBeganMs: number;
  /** Datagrams up to the newest one that came, and those of them that did not come; of UDP. */
  readonly expected: number;
  readonly lost: number;
  readonly twice: number;
  /** Of TCP. */
  readonly bytes: number;
  /** One way, of datagrams that came; nothing where none did. */
  readonly delayMs: Spread | undefined;
  /** What broke the connection: ECONNRESET and the like; empty where nothing did. */
  readonly error: string;
}

/** How figures spread. */
export interface Spread {
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Both directions. */
export interface HeardBoth {
  /** By the listener. */
  readonly out: Heard;
  /** By the talker. */
  readonly back: Heard;
}

/** One that runs. Disposing it ends both programs. */
export class Metronome implements AsyncDisposable {
  readonly #ends: readonly [End, End];

  private constructor(ends: readonly [End, End]) {
    this.#ends = ends;
  }

  /** Listen at `to`, talk from `from`; resolves once both have heard something. */
  static async start(from: Place, to: Place, options: MetronomeOptions): Promise<Metronome> {
    const { protocol, address, port, tos = 0, periodUs = 1_000 } = options;
    const listener = new End(to, [protocol, 'listen', String(port)]);
    try {
      await listener.ready();
      const settings = [port, tos, periodUs].map(String);
      const talker = new End(from, [protocol, 'talk', address, ...settings]);
      const both = new Metronome([listener, talker]);
      try {
        await talker.ready();
        await both.look();
        return both;
      } catch (reason) {
        await talker.end();
        throw reason;
      }
    } catch (reason) {
      await listener.end();
      throw reason;
    }
  }

  /** What was heard since the last look; what is silent now counts as a gap. */
  async look(): Promise<HeardBoth> {
    const [listener, talker] = this.#ends;
    const [out, back] = await Promise.all([listener.look(), talker.look()]);
    return { out, back };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#ends) await one.end();
  }
}

/** As the program tells it: counts are since its start. */
interface Told {
  readonly expected: number;
  readonly received: number;
  readonly twice: number;
  readonly bytes: number;
  readonly gap_ns: number;
  readonly gap_began_ns: number;
  readonly delay_ns?: Spread;
  readonly error: string;
}

const none = { expected: 0, received: 0, twice: 0, bytes: 0 };
const patienceMs = 20_000;

class End {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  #before: Pick<Told, keyof typeof none> = none;

  constructor(place: Place, args: readonly string[]) {
    this.#name = `metronome ${args.join(' ')} at ${place.name}`;
    // It ends with us, even when we are killed.
    const command = ['--pdeathsig', 'KILL', '--', built('#metronome'), ...args];
    this.#child = place.spawn('setpriv', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdin, stdout } = this.#child;
    if (stdin === null || stdout === null) throw new TypeError('a metronome needs pipes');
    stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: stdout });
  }

  /** It has said so. */
  async ready(): Promise<void> {
    await this.#line();
  }

  async look(): Promise<Heard> {
    const line = this.#line();
    this.#child.stdin?.write('look\n');
    const told = JSON.parse(await line) as Told;
    const [before, { delay_ns: delay }] = [this.#before, told];
    this.#before = told;
    const expected = told.expected - before.expected;
    return {
      gapMs: told.gap_ns / 1e6,
      gapBeganMs: told.gap_began_ns / 1e6,
      expected,
      lost: expected - (told.received - before.received),
      twice: told.twice - before.twice,
      bytes: told.bytes - before.bytes,
      delayMs: delay && {
        min: delay.min / 1e6,
        p50: delay.p50 / 1e6,
        p99: delay.p99 / 1e6,
        max: delay.max / 1e6,
      },
      error: told.error,
    };
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  async #line(): Promise<string> {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(patienceMs)]);
    const ended = once(this.#child, 'exit', { signal }).then(() =>
      Promise.reject(new LabError(`${this.#name} has ended`)),
    );
    ended.catch(() => undefined);
    try {
      const [line] = (await Promise.race([once(this.#lines, 'line', { signal }), ended])) as [
        string,
      ];
      return line;
    } finally {
      stop.abort();
    }
  }
}
