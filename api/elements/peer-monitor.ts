// SPDX-License-Identifier: Apache-2.0
/**
 * What next hops say of our connections: one MonitorConnections stream per peer
 * URL and own name, shared by all who watch (`follow`, `heal`).
 *
 * Opened with the first watcher, closed with the last. A stream that breaks is
 * opened again with a back-off; a connection that the peer's new initial state does
 * not have is missing: closed, or forgotten by a peer that was restarted. Leaves nothing behind.
 */
import { status } from '@grpc/grpc-js';
import { delay, type Clock } from '../chain/clock.js';
import { pathOf } from '../chain/connection.js';
import { WireError } from '../errors/wire-error.js';
import {
  ConnectionEventType,
  MonitorConnectionService,
  MonitorScopeSelector,
  type Connection,
  type ConnectionEvent,
} from '../gen/connection.js';
import type { Channel, Channels } from '../grpc/channel.js';
import type { Logger } from '../log/log.js';

/** What is said of one connection: it is so now; the peer closed it; the peer does not know it (any more); nothing more is heard from the peer. */
export type News =
  | { readonly kind: 'is'; readonly connection: Connection }
  | { readonly kind: 'gone' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'silent' };

/** Who listens for one connection. */
export interface Watcher {
  /** Our own name and id: our segment of the path. */
  readonly name: string;
  readonly id: string;
  told(news: News): void;
}

/** What a stream needs of its surroundings. */
export interface Surroundings {
  readonly clock: Clock;
  readonly log: Logger;
}

const byChannels = new WeakMap<Channels, PeerMonitors>();

/** The streams over these channels; the same object for the same channels. */
export function peerMonitors(channels: Channels): PeerMonitors {
  const known = byChannels.get(channels);
  if (known !== undefined) return known;
  const monitors = new PeerMonitors(channels);
  byChannels.set(channels, monitors);
  return monitors;
}

/** All streams of one process; made by {@link peerMonitors}. */
export class PeerMonitors {
  readonly #channels: Channels;
  readonly #streams = new Map<string, PeerStream>();

  constructor(channels: Channels) {
    this.#channels = channels;
  }

  /** How many streams are open or being opened. */
  get size(): number {
    return this.#streams.size;
  }

  /** Tell `watcher` what the peer at `url` says of its connection, until disposed. */
  watch(url: string, watcher: Watcher, around: Surroundings): Disposable {
    const key = `${url} ${watcher.name}`;
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = new PeerStream(this.#channels.acquire(url), watcher.name, around);
      this.#streams.set(key, stream);
    }
    const { watching } = stream;
    const open = stream;
    const entry = { watcher, silent: false };
    watching.add(entry);
    stream.start();
    return {
      [Symbol.dispose]: () => {
        watching.delete(entry);
        if (watching.size > 0 || this.#streams.get(key) !== open) return;
        this.#streams.delete(key);
        open[Symbol.dispose]();
      },
    };
  }
}

interface Entry {
  readonly watcher: Watcher;
  /** Told that nothing more is heard, and nothing since. */
  silent: boolean;
}

const firstBackOffMs = 50;
const longestBackOffMs = 1_000;

class PeerStream implements Disposable {
  readonly watching = new Watching();
  readonly #channel: Channel;
  readonly #selector: MonitorScopeSelector;
  readonly #around: Surroundings;
  readonly #abort = new AbortController();
  #started = false;

  constructor(channel: Channel, name: string, around: Surroundings) {
    this.#channel = channel;
    this.#around = around;
    this.#selector = MonitorScopeSelector.fromPartial({ pathSegments: [{ name }] });
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#run().catch((reason: unknown) => {
      this.#around.log.error({ err: reason, unexpected: true }, 'monitor stream ended');
    });
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
    this.#channel[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#around;
    const { signal } = this.#abort;
    let backOffMs = firstBackOffMs;
    let isKnown = false;
    while (!signal.aborted) {
      // Those who join while it is being opened may be too new for its initial state.
      const asked = this.watching.all();
      try {
        for await (const event of this.#open()) {
          backOffMs = firstBackOffMs;
          isKnown = false;
          this.watching.tell(event, asked);
        }
        if (this.#isOver(undefined)) return;
        log.info({ peer: this.#channel.url }, 'the peer ended its monitor');
      } catch (reason) {
        if (this.#isOver(reason)) return;
        // Another site may be away for hours.
        const fields = { peer: this.#channel.url, err: reason };
        log[isKnown ? 'debug' : 'info'](fields, 'monitor stream broken');
        isKnown = true;
      }
      this.watching.silence();
      await delay(clock, backOffMs, signal).catch(() => undefined);
      backOffMs = Math.min(backOffMs * 2, longestBackOffMs);
    }
  }

  #open(): AsyncIterable<ConnectionEvent> {
    return this.#channel.stream(MonitorConnectionService.monitorConnections, this.#selector, {
      signal: this.#abort.signal,
    });
  }

  /** Whether there is no use in trying again. */
  #isOver(reason: unknown): boolean {
    if (this.#abort.signal.aborted) return true;
    if (!(reason instanceof WireError) || reason.code !== status.UNIMPLEMENTED) return false;
    this.#around.log.warn({ peer: this.#channel.url }, 'the peer has no monitor');
    return true;
  }
}

/** The watchers of one stream, by the id of their connection. */
class Watching {
  readonly #entries = new Map<string, Set<Entry>>();

  get size(): number {
    return this.#entries.size;
  }

  all(): ReadonlySet<Entry> {
    return new Set([...this.#entries.values()].flatMap((entries) => [...entries]));
  }

  add(entry: Entry): void {
    const { id } = entry.watcher;
    const entries = this.#entries.get(id) ?? new Set();
    this.#entries.set(id, entries.add(entry));
  }

  delete(entry: Entry): void {
    const { id } = entry.watcher;
    const entries = this.#entries.get(id);
    entries?.delete(entry);
    if (entries?.size === 0) this.#entries.delete(id);
  }

  tell(event: ConnectionEvent, asked: ReadonlySet<Entry>): void {
    const isInitial = event.type === ConnectionEventType.INITIAL_STATE_TRANSFER;
    const isDelete = event.type === ConnectionEventType.DELETE;
    const present = new Set<Entry>();
    for (const connection of Object.values(event.connections)) {
      for (const entry of this.#of(connection)) {
        present.add(entry);
        entry.silent = false;
        entry.watcher.told(isDelete ? { kind: 'gone' } : { kind: 'is', connection });
      }
    }
    if (!isInitial) return;
    for (const entry of asked) {
      if (present.has(entry) || !this.#has(entry)) continue;
      entry.silent = false;
      entry.watcher.told({ kind: 'missing' });
    }
  }

  silence(): void {
    for (const entry of this.all()) {
      if (entry.silent || !this.#has(entry)) continue;
      entry.silent = true;
      entry.watcher.told({ kind: 'silent' });
    }
  }

  /** The connection is at the peer's index, so our segment is there or one before. */
  #of(connection: Connection): readonly Entry[] {
    const { index, pathSegments } = pathOf(connection);
    return [pathSegments[index - 1], pathSegments[index]].flatMap((segment) =>
      [...(this.#entries.get(segment?.id ?? '') ?? [])].filter(
        ({ watcher }) => watcher.name === segment?.name,
      ),
    );
  }

  #has(entry: Entry): boolean {
    return this.#entries.get(entry.watcher.id)?.has(entry) === true;
  }
}
