// SPDX-License-Identifier: Apache-2.0
/**
 * The identity that an agent's Workload API gives, kept fresh by its stream.
 *
 * At start the agent may be away, or not know us yet: it is waited for. Later it may be
 * away until the identity expires; from then on there is none, until it is back. An answer that
 * cannot be understood changes nothing. Leaves nothing.
 */
import { status } from '@grpc/grpc-js';
import { abortReason, delay, type Clock, type Timer } from '../chain/clock.js';
import { WireError } from '../errors/wire-error.js';
import { X509SVIDResponse } from '../gen/workload.js';
import { Agent } from './agent.js';
import { agentTrouble } from './agent-trouble.js';
import type { Identity, IdentitySource, Surroundings } from './types.js';
import { identityOf } from './workload-message.js';

/** As the agent at `socket` says; resolves with the first identity, rejects with the signal's reason. */
export async function workloadIdentity(
  socket: string,
  around: Surroundings,
): Promise<IdentitySource> {
  const source = new WorkloadIdentity(socket, around);
  try {
    await source.first(around.signal);
    return source;
  } catch (reason) {
    source[Symbol.dispose]();
    throw reason;
  }
}

const firstBackOffMs = 200;
const longestBackOffMs = 5_000;
/** Between two reminders of what is waited for. */
const reminderMs = 5_000;
/** What `setTimeout` can do. */
const longestTimerMs = 2 ** 31 - 1;

class WorkloadIdentity implements IdentitySource {
  readonly #socket: string;
  readonly #around: Surroundings;
  readonly #agent: Agent;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  #identity: Identity | undefined;
  #bytes: Buffer | undefined;
  #trouble: WireError | undefined;
  #toldMs = -Infinity;
  #expiry: Timer | undefined;

  constructor(socket: string, around: Surroundings) {
    this.#socket = socket;
    this.#around = around;
    this.#agent = new Agent(socket);
    this.#run().catch((reason: unknown) => {
      if (this.#stop.signal.aborted) return;
      around.log.error({ err: reason, unexpected: true }, 'the identity is not renewed any more');
    });
  }

  /** Resolves once there is one that has not expired. */
  async first(signal: AbortSignal | undefined): Promise<void> {
    // Neither a dead socket nor our clock's timers keep a process that waits.
    const alive = setInterval(() => undefined, longestTimerMs);
    try {
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          reject(abortReason(signal));
        };
        if (signal?.aborted) onAbort();
        signal?.addEventListener('abort', onAbort, { once: true });
        const off = this.onChange(() => {
          if (!this.#isValid()) return;
          off();
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
      });
    } finally {
      clearInterval(alive);
    }
  }

  current(): Identity {
    if (this.#identity !== undefined && this.#isValid()) return this.#identity;
    throw this.#none();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#expiry?.cancel();
    this.#listeners.clear();
    this.#agent[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const isOver = (): boolean => signal.aborted;
    let backOffMs = firstBackOffMs;
    while (!isOver()) {
      try {
        for await (const answer of this.#agent.answers(signal)) {
          this.#take(answer);
          backOffMs = firstBackOffMs;
        }
        this.#failed(new Error('it ended the stream'));
      } catch (reason) {
        if (isOver()) return;
        this.#failed(reason);
      }
      await delay(this.#clock, backOffMs, signal).catch(() => undefined);
      backOffMs = Math.min(backOffMs * 2, longestBackOffMs);
    }
  }

  #take(answer: X509SVIDResponse): void {
    const { log } = this.#around;
    const bytes = Buffer.from(X509SVIDResponse.encode(answer).finish());
    if (this.#trouble !== undefined && this.#identity !== undefined) {
      log.info({ socket: this.#socket }, 'the agent answers again');
    }
    if (this.#bytes?.equals(bytes) === true) {
      this.#trouble = undefined;
      return;
    }
    let identity: Identity;
    try {
      identity = identityOf(answer);
    } catch (reason) {
      this.#failed(reason);
      return;
    }
    this.#trouble = undefined;
    this.#bytes = bytes;
    this.#identity = identity;
    const { id, notAfterMs } = identity.svid;
    const domains = [...identity.bundles.keys()].sort();
    log.info({ id, until: new Date(notAfterMs).toISOString(), domains }, 'identity');
    this.#untilExpiry(notAfterMs);
    this.#tell();
  }

  #untilExpiry(notAfterMs: number): void {
    this.#expiry?.cancel();
    const waitMs = notAfterMs - this.#clock.now();
    this.#expiry = this.#clock.after(Math.min(waitMs, longestTimerMs), () => {
      if (this.#isValid()) {
        this.#untilExpiry(notAfterMs);
        return;
      }
      this.#around.log.error({ err: this.#none() }, 'the identity has expired');
      this.#tell();
    });
  }

  /** Say it at once, then now and then while nothing can be done without an identity. */
  #failed(reason: unknown): void {
    const { log } = this.#around;
    const before = this.#trouble;
    const trouble = agentTrouble(this.#socket, reason);
    this.#trouble = trouble;
    const now = this.#clock.now();
    const isNew = before?.message !== trouble.message;
    const isDue = !this.#isValid() && now - this.#toldMs >= reminderMs;
    if (!isNew && !isDue) {
      log.debug({ err: trouble }, 'the agent gives no identity');
      return;
    }
    this.#toldMs = now;
    if (this.#identity === undefined) {
      log.warn({ why: trouble.message }, 'waiting for an identity');
      return;
    }
    const until = new Date(this.#identity.svid.notAfterMs).toISOString();
    log.warn({ why: trouble.message, until }, 'the identity is not renewed');
  }

  #none(): WireError {
    const why = this.#trouble?.message ?? `the agent at ${this.#socket} has not answered yet`;
    if (this.#identity === undefined) return new WireError(status.UNAVAILABLE, why);
    const { id, notAfterMs } = this.#identity.svid;
    const ended = `identity ${id} expired ${new Date(notAfterMs).toISOString()}`;
    return new WireError(status.UNAVAILABLE, `${ended} and was not renewed: ${why}`);
  }

  #isValid(): boolean {
    return this.#identity !== undefined && this.#clock.now() < this.#identity.svid.notAfterMs;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  get #clock(): Clock {
    return this.#around.clock;
  }
}
