// SPDX-License-Identifier: Apache-2.0
/**
 * One wire that is wished for: asked for until it is up, closed at the end.
 * In between its chain keeps it (`refresh`, `heal`).
 */
import type { Call } from '../api/chain/call.js';
import { delay, type Clock } from '../api/chain/clock.js';
import { Deadline } from '../api/chain/deadline.js';
import type { Chain, Request } from '../api/chain/element.js';
import { State } from '../api/chain/state.js';
import { kernel, kernelMechanism } from '../api/elements/kernel-mechanism.js';
import { Connection, State as ConnectionState } from '../api/gen/connection.js';
import type { Logger } from '../api/log/log.js';
import type { NetworkServiceUrl } from '../api/annotation/network-service-url.js';

/** What a wire needs. */
export interface WireOptions {
  /** Of its routes, against those of the client's other wires: the lowest is preferred. */
  readonly metric: number;
  readonly chain: Chain;
  /** Makes a Connection known to the chain's `begin`. */
  readonly adopt: (connection: Connection) => void;
  /** What the mesh has under an id. */
  readonly recall: (id: string, signal: AbortSignal) => Promise<Connection | undefined>;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const firstPauseMs = 200;
const longestPauseMs = 5_000;
/** How often an attempt that had too little time doubles that of the next one. */
const mostDoublings = 2;

/** See the head of this file. */
export class Wire {
  /** The client's own id of it, the same in every life of the client. */
  readonly id: string;
  readonly #wish: NetworkServiceUrl;
  readonly #options: WireOptions;
  readonly #stop = new AbortController();
  #asking: Promise<void> | undefined;
  #failures = 0;
  /** Attempts that ended because their time was over. */
  #late = 0;
  #up = false;
  #trouble = 'it was asked for, and nobody has answered yet';

  constructor(id: string, wish: NetworkServiceUrl, options: WireOptions) {
    this.id = id;
    this.#wish = wish;
    this.#options = options;
  }

  /** Why it is not up; nothing where it is. */
  get trouble(): string | undefined {
    return this.#up ? undefined : this.#trouble;
  }

  /** The network service it leads to. */
  get service(): string {
    return this.#wish.service;
  }

  /** Ask until it is up; each failure is logged. Rejects only when `close` comes first. */
  open(): Promise<void> {
    this.#asking ??= this.#ask();
    return this.#asking;
  }

  /** Close it, also where it is half made; resolves in about `timeoutMs`, at the latest. */
  async close(timeoutMs: number): Promise<void> {
    const { chain, clock, log } = this.#options;
    this.#stop.abort(new DOMException('the client is closing', 'AbortError'));
    await this.#asking?.catch(() => undefined);
    using deadline = new Deadline(clock, timeoutMs);
    try {
      if (!this.#up) await this.#adoptHalfMade(deadline.signal);
      await chain.close(this.#call(deadline), Connection.fromPartial({ id: this.id, path: {} }));
    } catch (reason) {
      log.warn({ conn: this.id, err: reason }, 'a wire did not close; the mesh will let it expire');
    }
  }

  async #ask(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    const fields = { conn: this.id, service: this.#wish.service };
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        await this.#attempt();
        this.#up = true;
        log.info(fields, 'wire is up');
        return;
      } catch (reason) {
        signal.throwIfAborted();
        this.#failures++;
        this.#trouble = reason instanceof Error ? reason.message : String(reason);
        log.warn({ ...fields, err: reason, pauseMs }, 'no wire yet');
      }
      await delay(clock, pauseMs, signal);
    }
  }

  async #attempt(): Promise<void> {
    const { chain, clock, recall, requestTimeoutMs } = this.#options;
    // Before each: an attempt that we gave up may have been answered all the same.
    const known = await recall(this.id, this.#stop.signal);
    // Where all pods of a node ask at once, who gives up and begins anew makes it last longer.
    const withinMs = requestTimeoutMs * 2 ** Math.min(this.#late, mostDoublings);
    using deadline = new Deadline(clock, withinMs, this.#stop.signal);
    try {
      await chain.request(this.#call(deadline), this.#request(known));
    } catch (reason) {
      if (deadline.signal.aborted) this.#late++;
      throw reason;
    }
  }

  /** A refresh of what is known where that is what we want; else the mesh is to choose anew. */
  #request(known: Connection | undefined): Request {
    const { service, interfaceName, labels } = this.#wish;
    const parameters = {
      ...(interfaceName === undefined ? {} : { [kernel.name]: interfaceName }),
      [kernel.metric]: String(this.#options.metric),
    };
    const mechanismPreferences = [kernelMechanism(parameters)];
    if (known !== undefined && this.#failures === 0 && this.#fits(known)) {
      return { connection: { ...known, labels: { ...labels } }, mechanismPreferences };
    }
    const connection = Connection.fromPartial({
      id: this.id,
      networkService: service,
      labels,
      context: { dnsContext: {} },
    });
    if (known === undefined) return { connection, mechanismPreferences };
    const state = ConnectionState.RESELECT_REQUESTED;
    return { connection: { ...connection, path: known.path, state }, mechanismPreferences };
  }

  #fits(known: Connection): boolean {
    const { service, interfaceName } = this.#wish;
    const name = known.mechanism?.parameters[kernel.name];
    return known.networkService === service && (interfaceName ?? name) === name;
  }

  async #adoptHalfMade(signal: AbortSignal): Promise<void> {
    const known = await this.#options.recall(this.id, signal);
    if (known !== undefined) this.#options.adopt(known);
  }

  #call({ signal, atMs }: Deadline): Call {
    const { clock, log } = this.#options;
    const again = { request: () => Promise.resolve(), close: () => Promise.resolve() };
    return { signal, deadlineMs: atMs, log, clock, state: new State(), again };
  }
}
