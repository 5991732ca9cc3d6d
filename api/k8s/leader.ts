// SPDX-License-Identifier: Apache-2.0
/**
 * One of several leads, by a Lease (coordination.k8s.io/v1), as client-go does it: who holds it
 * renews it; who sees it unchanged for its whole duration takes it over.
 *
 * No clock of another machine is believed: how old a lease is counts from when we first saw it so, on
 * a clock that only goes forward. Who leads stops `renewBeforeMs` before others may take over,
 * whether or not the API server can be reached, so two never lead at once as long as
 * clocks run equally fast and `lead` ends at its signal.
 *
 * It needs get, create and update of leases.
 */
import { delay, type Clock } from '../chain/clock.js';
import { status } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';
import type { Logger } from '../log/log.js';
import type { Cluster, KubeObject } from './types.js';
import { ConflictError } from './errors.js';
import { leases } from './resources.js';

/** What an election depends on; times in milliseconds. */
export interface ElectOptions {
  readonly cluster: Cluster;
  /** The Lease's name, in the cluster's own namespace. */
  readonly lease: string;
  /** Who we are: different for each that may lead, such as the pod's name. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends it all. */
  readonly signal: AbortSignal;
  /** Called when we lead; has to end soon after its signal. What it throws ends the election. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  /** How long a lease counts that is not renewed (15,000; whole seconds). */
  readonly durationMs?: number;
  /** After how long without renewal a leader stops (10,000). */
  readonly renewBeforeMs?: number;
  /** How often it is renewed or looked at (2,000). */
  readonly retryMs?: number;
}

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number | null;
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number | null;
  };
}

/** Take part until `signal`; then the lease is released. Resolves at the end. */
export async function elect(options: ElectOptions): Promise<void> {
  await new Election(options).run();
}

/** Milliseconds of a clock that no setting of the time changes. */
const monotonic = (): number => performance.now();

class Election {
  readonly #options: ElectOptions;
  readonly #durationMs: number;
  readonly #renewBeforeMs: number;
  readonly #retryMs: number;
  /** The lease as we saw it last, and when we first saw it so. */
  #seen:
    | { readonly version: string | undefined; readonly lease: Lease; readonly sinceMs: number }
    | undefined;
  #trouble: string | undefined;
  /** The last attempt; never rejects. */
  #trying: Promise<unknown> = Promise.resolve();

  constructor(options: ElectOptions) {
    this.#options = options;
    this.#durationMs = options.durationMs ?? 15_000;
    this.#renewBeforeMs = options.renewBeforeMs ?? (this.#durationMs * 2) / 3;
    this.#retryMs = options.retryMs ?? 2_000;
  }

  async run(): Promise<void> {
    const { signal, clock } = this.#options;
    while (!signal.aborted) {
      const takenMs = await this.#try();
      if (takenMs !== undefined) await this.#leadFrom(takenMs);
      if (this.#isOver()) return;
      await delay(clock, this.#retryMs * (1 + Math.random() / 5), signal).catch(() => undefined);
    }
  }

  /** Lead until the signal, or until it cannot be renewed. */
  async #leadFrom(takenMs: number): Promise<void> {
    const { lease, identity, lead, log, signal, clock } = this.#options;
    const stop = new AbortController();
    log.info({ lease, identity }, 'leading');
    const ended = AbortSignal.any([signal, stop.signal]);
    const isEnded = (): boolean => ended.aborted;
    const leading = lead(ended).finally(() => {
      stop.abort();
    });
    // Heard below.
    leading.catch(() => undefined);
    let renewedMs = takenMs;
    // `try` may hang as long as the API server does.
    const deadline = async (): Promise<undefined> => {
      const leftMs = renewedMs + this.#renewBeforeMs - monotonic();
      await delay(clock, leftMs, ended).catch(() => undefined);
      return undefined;
    };
    while (!isEnded()) {
      await delay(clock, this.#retryMs, ended).catch(() => undefined);
      if (isEnded()) break;
      const again = await Promise.race([this.#try(), deadline()]);
      if (again !== undefined) renewedMs = again;
      const isLost = again === undefined && this.#seen?.lease.spec?.holderIdentity !== identity;
      if (isLost || monotonic() - renewedMs >= this.#renewBeforeMs) {
        log.error({ lease, identity }, 'no longer leading: the lease was not renewed');
        break;
      }
    }
    stop.abort();
    try {
      await leading;
    } finally {
      await this.#release();
    }
  }

  #isOver(): boolean {
    return this.#options.signal.aborted;
  }

  /** Take or renew it: since when it counts, or nothing where another has it or nobody answers. */
  #try(): Promise<number | undefined> {
    const trying = this.#tried();
    this.#trying = trying;
    return trying;
  }

  async #tried(): Promise<number | undefined> {
    const { cluster, lease: name, identity, log } = this.#options;
    const beganMs = monotonic();
    const signal = AbortSignal.timeout(this.#renewBeforeMs);
    try {
      const now = await cluster.get<Lease>(leases, { name }, signal);
      if (now === undefined) {
        this.#see(await cluster.create<Lease>(leases, this.#wanted(undefined), signal));
      } else {
        this.#see(now);
        if (!this.#mayTake(now)) return undefined;
        this.#see(await cluster.replace<Lease>(leases, this.#wanted(now), signal));
      }
      this.#trouble = undefined;
      return beganMs;
    } catch (reason) {
      // Another was faster.
      if (reason instanceof ConflictError) return undefined;
      if (reason instanceof WireError && reason.code === status.ALREADY_EXISTS) return undefined;
      const text = reason instanceof Error ? reason.message : String(reason);
      if (this.#trouble === undefined) {
        log.error({ err: reason, lease: name, identity }, 'no lease: trying again');
      }
      this.#trouble = text;
      return undefined;
    }
  }

  #see(lease: Lease): void {
    const version = lease.metadata.resourceVersion;
    if (this.#seen?.version === version) return;
    this.#seen = { version, lease, sinceMs: monotonic() };
  }

  #mayTake({ spec }: Lease): boolean {
    const holder = spec?.holderIdentity ?? '';
    if (holder === '' || holder === this.#options.identity) return true;
    const durationMs = (spec?.leaseDurationSeconds ?? 0) * 1_000 || this.#durationMs;
    return this.#seen !== undefined && monotonic() - this.#seen.sinceMs > durationMs;
  }

  #wanted(before: Lease | undefined): Lease {
    const { cluster, lease: name, identity, clock } = this.#options;
    const now = micro(clock.now());
    const isOurs = before?.spec?.holderIdentity === identity;
    const { acquireTime, leaseTransitions } = before?.spec ?? {};
    return {
      metadata: before?.metadata ?? { name, namespace: cluster.namespace },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(this.#durationMs / 1_000),
        acquireTime: isOurs ? (acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (leaseTransitions ?? 0) + (isOurs || before === undefined ? 0 : 1),
      },
    };
  }

  /** So that the next need not wait. */
  async #release(): Promise<void> {
    const { cluster, identity, lease, clock, log } = this.#options;
    const signal = AbortSignal.timeout(2_000);
    const patience = delay(clock, 1_000).catch(() => undefined);
    await Promise.race([this.#trying, patience]);
    try {
      // A renewal that was under way may have changed it since we saw it.
      const now = await cluster.get<Lease>(leases, { name: lease }, signal);
      if (now?.spec?.holderIdentity !== identity) return;
      const renewTime = micro(clock.now());
      const spec = { ...now.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime };
      this.#see(await cluster.replace<Lease>(leases, { ...now, spec }, signal));
      log.info({ lease, identity }, 'lease released');
    } catch (reason) {
      log.debug({ err: reason, lease }, 'lease not released: it ends by itself');
    }
  }
}

/** `metav1.MicroTime`. */
function micro(ms: number): string {
  return new Date(ms).toISOString().replace(/(\.\d{3})Z$/, '$1000Z');
}
