// SPDX-License-Identifier: Apache-2.0
/**
 * Brings objects to what entries say, one write an object at a time. While the API server is away, what
 * is wanted is owed: the last wish for each name, written when it is back.
 */
import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import type { Clock, Timer } from '../../api/chain/clock.js';
import { Turns } from '../../api/chain/turns.js';
import { isAbort } from '../../api/errors/to-status.js';
import { WireError } from '../../api/errors/wire-error.js';
import { ConflictError } from '../../api/k8s/errors.js';
import type { Cluster, Resource } from '../../api/k8s/types.js';
import type { Logger } from '../../api/log/log.js';
import { objectName, type Part, type Stored } from './entries.js';

/** What an object is to be. */
export interface Wish {
  /** Undefined: it is to be gone. */
  readonly part: Part | undefined;
  /** Throws where another's object may not be written. */
  readonly check: (there: Stored) => void;
}

/** What the writer depends on. */
export interface WriterOptions {
  readonly cluster: Cluster;
  readonly resource: Resource;
  /** Where objects are made. */
  readonly namespace: string;
  /** What is known of an entry's object: it saves a read. */
  readonly known: (name: string) => Stored | undefined;
  /** Whether the API server answers, as far as anybody knows. */
  readonly isThere: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a registrant waits for the API server, in milliseconds. */
const patienceMs = 2_000;
const firstPauseMs = 500;
const longestPauseMs = 15_000;
/** How often a write is tried that others' writes cross. */
const conflictTries = 10;

/** Writes objects of one kind. */
export class Writer implements Disposable {
  readonly #options: WriterOptions;
  readonly #owed = new Map<string, Wish>();
  readonly #turns = new Map<string, Turns>();
  readonly #stop = new AbortController();
  #timer: Timer | undefined;
  #pauseMs = firstPauseMs;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Whether an entry's object is not yet what it is to be: what the API server says of it is old. */
  isBusy(name: string): boolean {
    return this.#owed.has(name) || this.#turns.has(name);
  }

  /** Names whose objects are owed. */
  get owed(): readonly string[] {
    return [...this.#owed.keys()];
  }

  /** Resolves when it is written, or owed. Rejects where the API server refuses it: then nothing is owed. */
  async write(name: string, wish: Wish): Promise<void> {
    this.#owed.set(name, wish);
    if (!this.#options.isThere()) {
      this.#later();
      return;
    }
    try {
      await this.#pay(name, patienceMs);
    } catch (reason) {
      if (!isAway(reason)) {
        if (this.#owed.get(name) === wish) this.#owed.delete(name);
        throw reason;
      }
      const { log, resource } = this.#options;
      log.warn(
        { err: reason, resource: resource.plural, name },
        'not stored yet: kept, trying again',
      );
      this.#later();
    }
  }

  /** The API server is back. */
  now(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pauseMs = firstPauseMs;
    if (this.#owed.size > 0) void this.#payAll();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#timer?.cancel();
  }

  #later(): void {
    if (this.#timer !== undefined || this.#stop.signal.aborted) return;
    const pauseMs = this.#pauseMs * (0.5 + Math.random() / 2);
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
    this.#timer = this.#options.clock.after(pauseMs, () => {
      this.#timer = undefined;
      void this.#payAll();
    });
  }

  async #payAll(): Promise<void> {
    const { log, resource } = this.#options;
    for (const name of [...this.#owed.keys()]) {
      try {
        await this.#pay(name, longestPauseMs);
      } catch (reason) {
        if (this.#stop.signal.aborted) return;
        log.error({ err: reason, resource: resource.plural, name }, 'not stored: trying again');
        if (isAway(reason)) break;
      }
    }
    if (this.#owed.size > 0) this.#later();
    else this.#pauseMs = firstPauseMs;
  }

  /** Write what is owed of a name, if anything still is when its turn comes. */
  async #pay(name: string, withinMs: number): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(withinMs)]);
    const turns = this.#turns.get(name) ?? new Turns();
    this.#turns.set(name, turns);
    try {
      using _turn = await turns.take(signal);
      const wish = this.#owed.get(name);
      if (wish === undefined) return;
      await this.#bring(name, wish, signal);
      if (this.#owed.get(name) === wish) this.#owed.delete(name);
    } finally {
      if (turns.idle) this.#turns.delete(name);
    }
  }

  async #bring(name: string, wish: Wish, signal: AbortSignal): Promise<void> {
    let there = this.#options.known(name);
    for (let tries = 1; ; tries++) {
      try {
        // What is not known here may yet be there: it is only just made, or another's.
        const isGone = wish.part === undefined && there === undefined;
        if (isGone && tries > 1) return;
        if (!isGone) {
          await this.#tried(name, wish, there, signal);
          return;
        }
      } catch (reason) {
        if (!isCrossed(reason) || tries === conflictTries) throw reason;
      }
      const { cluster, resource, namespace } = this.#options;
      const place = there?.metadata ?? { name: objectName(name), namespace };
      there = await cluster.get<Stored>(resource, place, signal);
    }
  }

  /** One write; rejects where another's has crossed it. */
  async #tried(
    name: string,
    { part, check }: Wish,
    there: Stored | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { cluster, resource, namespace } = this.#options;
    if (there !== undefined) check(there);
    if (part === undefined) {
      if (there !== undefined) await cluster.remove(resource, there.metadata, signal);
      return;
    }
    const labels = { 'app.kubernetes.io/managed-by': 'wanwire' };
    if (there === undefined) {
      const metadata = { name: objectName(name), namespace, labels };
      const object = { metadata: { ...metadata, annotations: part.annotations }, spec: part.spec };
      await cluster.create(resource, object, signal);
      return;
    }
    const { metadata, spec } = there;
    const annotations = { ...metadata.annotations, ...part.annotations };
    const isSame =
      isDeepStrictEqual(spec, part.spec) && isDeepStrictEqual(metadata.annotations, annotations);
    if (isSame) return;
    const next = { ...there, metadata: { ...metadata, annotations }, spec: part.spec };
    await cluster.replace(resource, next, signal);
  }
}

/** Another was faster: somebody has made, changed or deleted it meanwhile. */
function isCrossed(reason: unknown): boolean {
  if (reason instanceof ConflictError) return true;
  if (!(reason instanceof WireError)) return false;
  const isGone = reason.code === status.NOT_FOUND && reason.name === 'WireError';
  return isGone || reason.code === status.ALREADY_EXISTS;
}

/** Nobody is there to refuse it, or others write it all the time. */
function isAway(reason: unknown): boolean {
  if (isAbort(reason) || reason instanceof ConflictError) return true;
  if (!(reason instanceof WireError)) return false;
  return reason.code === status.UNAVAILABLE || reason.code === status.RESOURCE_EXHAUSTED;
}
