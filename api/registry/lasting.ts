// SPDX-License-Identifier: Apache-2.0
/**
 * A watch of another site's registry that outlasts that site's absence.
 *
 * A Find without watch is passed on as it is. A watch that breaks is opened again
 * with a back-off; what it has told stays told meanwhile. Opened again, it tells
 * what has changed; what is not there any more is told as deleted a few seconds later,
 * because after a restart endpoints need a moment to register again. Only the first
 * opening fails for its caller: who asks for the first time wants to know.
 */
import { isDeepStrictEqual } from 'node:util';
import { abortReason, delay } from '../chain/clock.js';
import { Deadline } from '../chain/deadline.js';
import { Backoff } from './backoff.js';
import { findAll } from './look-up.js';
import type { Found, Registry, RegistryCall } from './registry.js';

/** Where to ask, now; throws where there is nobody any more. */
export interface Source<T> {
  readonly registry: Registry<T>;
  /** Aborted when another source is to be asked. */
  readonly changed: AbortSignal;
}

/** How long endpoints of a site that came back have to register again, in milliseconds. */
const settleMs = 5_000;
/** What a snapshot may take. */
const snapshotMs = 10_000;

/** The registry whose watches last; registering is refused by whoever stands before it. */
export function lasting<T extends { readonly name: string }>(
  source: () => Source<T>,
): Pick<Registry<T>, 'find'> {
  return {
    async *find(call, query, watch) {
      if (watch) yield* new Lasting(source, call, query).watch();
      else yield* source().registry.find(call, query, false);
    },
  };
}

/** What happens on one stream: news, everything there is now, or its end. */
type Event<T> = Found<T> | { readonly all: readonly T[] } | { readonly end: unknown };

class Lasting<T extends { readonly name: string }> {
  readonly #source: () => Source<T>;
  readonly #call: RegistryCall;
  readonly #query: T;
  /** What has been told and not taken back. */
  readonly #told = new Map<string, T>();
  #wasOpen = false;
  /** Told already: it may be away for hours. */
  #isAway = false;

  constructor(source: () => Source<T>, call: RegistryCall, query: T) {
    this.#source = source;
    this.#call = call;
    this.#query = query;
  }

  async *watch(): AsyncGenerator<Found<T>> {
    const { clock, log, signal } = this.#call;
    const isOver = (): boolean => signal.aborted;
    const backoff = new Backoff();
    while (!isOver()) {
      const source = this.#source();
      try {
        yield* this.#stream(source, backoff);
      } catch (reason) {
        if (!this.#wasOpen || isOver()) throw reason;
        const text = 'another site’s registry is away: keeping what it told';
        log[this.#isAway ? 'debug' : 'info']({ err: reason }, text);
        this.#isAway = true;
      }
      if (source.changed.aborted) continue;
      await delay(clock, backoff.next(), signal).catch(() => undefined);
    }
    throw abortReason(signal);
  }

  /** One stream until it breaks. */
  async *#stream(source: Source<T>, backoff: Backoff): AsyncGenerator<Found<T>> {
    using stop = new Stop(this.#call.signal, source.changed);
    const events = new Queue<Event<T>>();
    const call = { ...this.#call, signal: stop.signal };
    const fail = (end: unknown): void => {
      events.push({ end });
    };
    follow(source.registry.find(call, this.#query, true), events).then(fail, fail);
    this.#everything(call, source).then((all) => {
      events.push({ all });
    }, fail);
    const heard = new Set<string>();
    for (;;) {
      const event = await events.next();
      if ('end' in event) {
        if (source.changed.aborted) return;
        throw event.end;
      }
      backoff.reset();
      this.#wasOpen = true;
      this.#isAway = false;
      if ('all' in event) yield* this.#compare(event.all, heard);
      else {
        heard.add(event.entry.name);
        yield* this.#tell(event);
      }
    }
  }

  async #everything(call: RegistryCall, { registry }: Source<T>): Promise<T[]> {
    if (this.#wasOpen) await delay(call.clock, settleMs, call.signal);
    using deadline = new Deadline(call.clock, snapshotMs, call.signal);
    const { signal, atMs: deadlineMs } = deadline;
    return await findAll({ ...call, signal, deadlineMs }, registry, this.#query);
  }

  *#compare(all: readonly T[], heard: ReadonlySet<string>): Generator<Found<T>> {
    const names = new Set(all.map(({ name }) => name));
    for (const entry of all) {
      // What the stream has told since is newer.
      if (!heard.has(entry.name)) yield* this.#tell({ entry, deleted: false });
    }
    for (const [name, entry] of [...this.#told]) {
      if (!names.has(name) && !heard.has(name)) yield* this.#tell({ entry, deleted: true });
    }
  }

  *#tell(found: Found<T>): Generator<Found<T>> {
    const { entry, deleted } = found;
    const before = this.#told.get(entry.name);
    if (deleted ? before === undefined : isDeepStrictEqual(before, entry)) return;
    if (deleted) this.#told.delete(entry.name);
    else this.#told.set(entry.name, entry);
    yield found;
  }
}

async function follow<T>(source: AsyncIterable<Found<T>>, events: Queue<Event<T>>): Promise<Error> {
  for await (const found of source) events.push(found);
  return new Error('the registry ended its watch');
}

/** Aborted with any of several signals, and at the end of its block. */
class Stop implements Disposable {
  readonly #abort = new AbortController();
  readonly #signals: readonly AbortSignal[];
  readonly #onAbort = (): void => {
    this.#abort.abort();
  };

  constructor(...signals: readonly AbortSignal[]) {
    this.#signals = signals;
    for (const signal of signals) {
      if (signal.aborted) this.#onAbort();
      else signal.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#onAbort);
    this.#abort.abort();
  }
}

/** In order, one reader. */
class Queue<T> {
  readonly #items: T[] = [];
  #wake: (() => void) | undefined;

  push(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  async next(): Promise<T> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) return item;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
