// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps an endpoint registered for as long as its process wants.
 *
 * Start it once the endpoint can answer Requests. It registers the service (if
 * any), then the endpoint, tries again with back-off until that succeeds,
 * registers again when two thirds of the granted time are over, and watches
 * its own name: when the entry is deleted, or the registry goes away, it
 * registers again at once. `close` unregisters; a killed process leaves an
 * entry that expires.
 */
import { status } from '@grpc/grpc-js';
import { timestampMs } from '../chain/connection.js';
import type { Clock } from '../chain/clock.js';
import { Deadline } from '../chain/deadline.js';
import { isAbort } from '../errors/to-status.js';
import { WireError } from '../errors/wire-error.js';
import { NetworkServiceEndpoint, type NetworkService } from '../gen/registry.js';
import type { Logger } from '../log/log.js';
import { Backoff, Wake } from './backoff.js';
import type { Registries, RegistryCall } from './registry.js';

/** What is kept registered, and where. */
export interface KeepOptions {
  readonly registries: Registries;
  /** Registered before the endpoint; never unregistered, because others may share it. */
  readonly service?: NetworkService;
  readonly endpoint: NetworkServiceEndpoint;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends it without unregistering. */
  readonly signal?: AbortSignal;
}

/** A registration that is being kept. */
export interface Registration {
  /** The entry as first stored; rejects where the registry calls it malformed, or when it is ended before. */
  readonly ready: Promise<NetworkServiceEndpoint>;
  /** Stop keeping it, and unregister unless told not to. Never rejects. */
  close(options?: { readonly unregister?: boolean }): Promise<void>;
}

/** What one call to the registry may take, in milliseconds. */
const callMs = 5_000;
/** What the last one may take: often the manager is stopped at the same time. */
const unregisterMs = 1_000;

/** Start to keep `options.endpoint` registered. */
export function keepRegistered(options: KeepOptions): Registration {
  const keeper = new Keeper(options);
  return { ready: keeper.ready, close: (how = {}) => keeper.close(how.unregister ?? true) };
}

class Keeper {
  readonly ready: Promise<NetworkServiceEndpoint>;
  readonly #options: KeepOptions;
  readonly #stop = new AbortController();
  readonly #wake = new Wake();
  readonly #watchBackoff = new Backoff();
  readonly #loop: Promise<void>;
  #resolve: (entry: NetworkServiceEndpoint) => void = () => undefined;
  #reject: (reason: unknown) => void = () => undefined;
  #registered = false;
  #watching = false;

  constructor(options: KeepOptions) {
    this.#options = options;
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Not everybody waits for it.
    this.ready.catch(() => undefined);
    const { signal } = options;
    const onAbort = (): void => {
      this.#stop.abort();
    };
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#stop.signal.addEventListener('abort', () => {
      signal?.removeEventListener('abort', onAbort);
      this.#wake.now();
    });
    this.#loop = this.#run();
  }

  async close(unregister: boolean): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    if (!unregister || !this.#registered) return;
    this.#registered = false;
    const { registries, endpoint, clock, log } = this.#options;
    using deadline = new Deadline(clock, unregisterMs);
    try {
      await registries.endpoints.unregister(this.#call(deadline), endpoint);
    } catch (reason) {
      log.info({ endpoint: endpoint.name, err: reason }, 'not unregistered: it will expire');
    }
  }

  async #run(): Promise<void> {
    const { clock, endpoint, log } = this.#options;
    const backoff = new Backoff();
    while (!this.#isOver()) {
      let pauseMs: number;
      try {
        const entry = await this.#register();
        if (!this.#registered) log.info({ endpoint: endpoint.name }, 'registered');
        this.#registered = true;
        this.#resolve(entry);
        backoff.reset();
        void this.#watch();
        pauseMs = refreshMs(entry, clock);
      } catch (reason) {
        if (this.#isOver()) break;
        if (!this.#registered && reason instanceof WireError) {
          if (reason.code === status.INVALID_ARGUMENT) {
            this.#reject(reason);
            break;
          }
        }
        log.warn({ endpoint: endpoint.name, err: reason }, 'not registered: trying again');
        pauseMs = backoff.next();
      }
      await this.#wake.after(clock, pauseMs);
    }
    this.#stop.abort();
    this.#reject(new WireError(status.CANCELLED, `${endpoint.name}: registration ended`));
  }

  async #register(): Promise<NetworkServiceEndpoint> {
    const { registries, service, endpoint, clock } = this.#options;
    using deadline = new Deadline(clock, callMs, this.#stop.signal);
    const call = this.#call(deadline);
    if (service !== undefined) await registries.services.register(call, service);
    return await registries.endpoints.register(call, endpoint);
  }

  /** Until the entry goes or the registry does; then wake up the loop, which starts it again. */
  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    const { registries, endpoint, clock, log } = this.#options;
    const startMs = clock.now();
    const call = { signal: this.#stop.signal, log, clock };
    const query = NetworkServiceEndpoint.fromPartial({ name: endpoint.name });
    try {
      for await (const { entry, deleted } of registries.endpoints.find(call, query, true)) {
        if (!deleted || entry.name !== endpoint.name) continue;
        log.info({ endpoint: endpoint.name }, 'entry deleted: registering again');
        this.#wake.now();
      }
    } catch (reason) {
      if (!this.#isOver() && !isAbort(reason)) {
        log.info({ endpoint: endpoint.name, err: reason }, 'registry lost: registering again');
      }
    }
    this.#watching = false;
    if (this.#isOver()) return;
    // A registry that cannot be watched is not asked a thousand times a second.
    if (clock.now() - startMs >= soundWatchMs) {
      this.#watchBackoff.reset();
      this.#wake.now();
    } else this.#wake.within(clock, this.#watchBackoff.next());
  }

  #call({ signal, atMs }: Deadline): RegistryCall {
    const { clock, log } = this.#options;
    return { signal, deadlineMs: atMs, clock, log };
  }

  #isOver(): boolean {
    return this.#stop.signal.aborted;
  }
}

/** A watch that lasted so long was no failure. */
const soundWatchMs = 1_000;

/** Two thirds of the time that was granted. */
function refreshMs(entry: NetworkServiceEndpoint, clock: Clock): number {
  if (entry.expirationTime === undefined) return Infinity;
  const leftMs = timestampMs(entry.expirationTime) - clock.now();
  return Math.max((leftMs * 2) / 3, shortestPauseMs);
}

const shortestPauseMs = 100;
