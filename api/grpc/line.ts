// SPDX-License-Identifier: Apache-2.0
/** The connection to one address: a grpc-js client that is waited for. `several-lines.ts` has one for many. */
import {
  Client,
  connectivityState,
  type ChannelCredentials,
  type ChannelOptions,
} from '@grpc/grpc-js';
import { systemClock } from '../chain/clock.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { grpcTarget, type Address } from './address.js';
import { limits } from './limits.js';

/** A way to a peer. */
export interface Line {
  /** What calls are made with, once connected. */
  readonly client: Client;
  /** Whether a call would go out at once; an idle line starts to connect. */
  isReady(): boolean;
  /** Resolves once a call can be made, if only to hear why it cannot be answered; an abort ends the waiting too. */
  connected(deadlineMs: number, signal: AbortSignal): Promise<void>;
  /** A call had no answer in its time: look for a better way, where there may be one. */
  suspect(): void;
  /** Our identity has changed: make another connection for new calls; what runs goes on where it is. */
  renew(): void;
  close(): void;
}

/** What every line needs. */
export interface LineOptions {
  readonly url: string;
  readonly credentials: ChannelCredentials;
  /** How long a call waits for a connection. */
  readonly dialTimeoutMs: number;
}

/** How grpc-js is to behave towards peers. */
export const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': limits.answer,
  'grpc.initial_reconnect_backoff_ms': 50,
  // Below the usual dial timeout, with grpc's own fifth more: a call meets an attempt, and finds a peer that is back.
  'grpc.max_reconnect_backoff_ms': 500,
  // Peers are never asked for configuration by DNS, nor reached through a proxy.
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
  'grpc.enable_http_proxy': 0,
  // Whether to try again is decided by `retry` and `heal`, which know what a Request means.
  'grpc.enable_retries': 0,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.default_authority': 'localhost',
  // The global pool keeps the connection of a closed channel for 10 seconds.
  'grpc.use_local_subchannel_pool': 1,
};

/**
 * On one machine the kernel tells when a peer is gone. Keepalive would end streams there: in a session that takes no
 * more calls (GOAWAY, or a new certificate) Node sends no ping, and grpc-js takes that for a lost one.
 */
const localOptions: ChannelOptions = { ...channelOptions, 'grpc.keepalive_time_ms': -1 };

/** How long until a connection that could not be made anew is tried again. */
const renewAgainMs = 500;

/** The line to the one address there is. */
export class OneLine implements Line {
  readonly #options: LineOptions;
  readonly #address: Address;
  readonly #stop = new AbortController();
  #client: Client;
  #isRenewing = false;

  constructor(address: Address, options: LineOptions) {
    this.#options = options;
    this.#address = address;
    this.#client = this.#open();
  }

  get client(): Client {
    return this.#client;
  }

  isReady(): boolean {
    return stateOf(this.client, true) === connectivityState.READY;
  }

  async connected(deadlineMs: number, signal: AbortSignal): Promise<void> {
    const { url, dialTimeoutMs } = this.#options;
    const latestMs = Math.min(Date.now() + dialTimeoutMs, deadlineMs);
    const problem = await untilState(this.client, ready, latestMs, signal);
    if (problem === undefined) return;
    const state = stateOf(this.client, false);
    // A call fails at once now, and tells why there is no connection.
    if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.READY) return;
    const why = troubleOf(this.#options.credentials);
    const text = `${url}: no connection within ${String(dialTimeoutMs)} ms${why}`;
    throw new UnreachableError(text, { cause: problem });
  }

  suspect(): void {
    // The kernel tells when a peer on this machine is gone; keepalive does for others. There is no other way.
  }

  renew(): void {
    // One that is not connected takes the new identity by itself.
    if (
      this.#stop.signal.aborted ||
      this.#isRenewing ||
      stateOf(this.#client, false) !== connectivityState.READY
    )
      return;
    this.#isRenewing = true;
    const next = this.#open();
    const latestMs = Date.now() + this.#options.dialTimeoutMs;
    void untilState(next, ready, latestMs, this.#stop.signal).then((problem) => {
      this.#isRenewing = false;
      if (problem !== undefined || this.#stop.signal.aborted) {
        next.close();
        if (!this.#stop.signal.aborted) setTimeout(() => this.renew(), renewAgainMs).unref();
        return;
      }
      closeLater(this.#client);
      this.#client = next;
    });
  }

  close(): void {
    this.#stop.abort();
    this.#client.close();
  }

  #open(): Client {
    const options = this.#address.kind === 'unix' ? localOptions : channelOptions;
    return new Client(grpcTarget(this.#address), this.#options.credentials, options);
  }
}

function troubleOf(credentials: ChannelCredentials): string {
  const { trouble } = credentials as { readonly trouble?: string };
  return trouble === undefined ? '' : `: ${trouble}`;
}

/** Long enough for a call that was made a moment ago to have gone out; from then on it no longer needs the client. */
const closeLaterMs = 5_000;

/** Take no more calls, but let those that were made a moment ago begin. Whatever has begun goes on to its end. */
export function closeLater(client: Client): void {
  systemClock.after(closeLaterMs, () => {
    client.close();
  });
}

/** The state of waiting for. */
export const ready: ReadonlySet<connectivityState> = new Set([connectivityState.READY]);

/** A client's state; `connect` lets an idle one start. */
export function stateOf(client: Client, connect: boolean): connectivityState {
  return client.getChannel().getConnectivityState(connect);
}

/** Connect and wait for one of `states`; gives what was wrong, or nothing. An abort ends the waiting without a problem. */
export function untilState(
  client: Client,
  states: ReadonlySet<connectivityState>,
  latestMs: number,
  signal: AbortSignal,
): Promise<Error | undefined> {
  const channel = client.getChannel();
  return new Promise((resolve) => {
    let over = false;
    const done = (problem?: Error): void => {
      over = true;
      signal.removeEventListener('abort', onAbort);
      resolve(problem);
    };
    const onAbort = (): void => {
      done();
    };
    const look = (problem?: Error): void => {
      if (over) return;
      const state = stateOf(client, true);
      if (problem !== undefined || states.has(state)) done(problem);
      else if (state === connectivityState.SHUTDOWN) done(new Error('the channel was closed'));
      else channel.watchConnectivityState(state, latestMs, look);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) done();
    else look();
  });
}
