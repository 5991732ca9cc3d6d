// SPDX-License-Identifier: Apache-2.0
/**
 * gRPC channels by URL: one grpc-js client per peer, shared by all who ask.
 *
 * `acquire` gives a share at once and connects with the first call. A call on
 * a channel that is not connected waits for it up to the dial timeout, so a
 * peer that is just restarting is no failure. The connection is closed a
 * moment after its last share was disposed.
 */
import { Client, connectivityState, status, type ChannelOptions } from '@grpc/grpc-js';
import { systemClock, type Clock, type Timer } from '../chain/clock.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { WireError } from '../errors/wire-error.js';
import type { Logger } from '../log/log.js';
import { grpcTarget, parseAddress } from './address.js';
import { openStream, unaryCall, type Peer } from './call.js';
import type { CallOptions, Channel, Channels } from './channel.js';
import { credentialsFor } from './credentials.js';
import { limits } from './limits.js';

/** How peers are dialled. */
export interface DialOptions {
  /** How long a call waits for a connection. */
  readonly dialTimeoutMs: number;
  /** Allow plaintext on unix sockets and loopback (`WANWIRE_INSECURE`). */
  readonly insecure: boolean;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** How long an unused connection stays: the next connection to the same peer is often near. */
const lingerMs = 1_000;

const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': limits.answer,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1_000,
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

/** Channels that live until disposed. */
export function channels(options: DialOptions): Channels & Disposable {
  const peers = new Map<string, SharedPeer>();
  let closed = false;
  return {
    acquire(url) {
      if (closed) throw new WireError(status.CANCELLED, `${url}: this process is closing`);
      let peer = peers.get(url);
      if (peer === undefined) {
        peer = new SharedPeer(url, options, () => peers.delete(url));
        peers.set(url, peer);
      }
      return peer.share();
    },
    [Symbol.dispose]() {
      closed = true;
      for (const peer of [...peers.values()]) peer.close();
    },
  };
}

/** One peer's client and how many share it. */
class SharedPeer implements Peer {
  readonly url: string;
  readonly client: Client;
  readonly #options: DialOptions;
  readonly #onClose: () => void;
  #shares = 0;
  #closed = false;
  #linger: Timer | undefined;

  constructor(url: string, options: DialOptions, onClose: () => void) {
    const address = parseAddress(url);
    const credentials = credentialsFor(address, options.insecure);
    this.url = url;
    this.#options = options;
    this.#onClose = onClose;
    this.client = new Client(grpcTarget(address), credentials, channelOptions);
  }

  share(): Channel {
    this.#linger?.cancel();
    this.#shares++;
    let held = true;
    return {
      url: this.url,
      unary: async (method, request, options) => {
        if (!this.isReady()) await this.connected(options);
        return await unaryCall(this, method, request, options);
      },
      stream: (method, request, options) => openStream(this, method, request, options),
      [Symbol.dispose]: () => {
        if (held) this.#release();
        held = false;
      },
    };
  }

  close(): void {
    this.#closed = true;
    this.#linger?.cancel();
    this.#onClose();
    this.client.close();
  }

  readonly isReady = (): boolean =>
    // `true`: an idle channel starts to connect.
    !this.#closed &&
    this.client.getChannel().getConnectivityState(true) === connectivityState.READY;

  readonly connected = async (options: CallOptions): Promise<void> => {
    if (this.#closed) throw new WireError(status.CANCELLED, `${this.url}: the channel is closed`);
    if (this.isReady()) return;
    const { dialTimeoutMs, log } = this.#options;
    const latest = Math.min(Date.now() + dialTimeoutMs, options.deadlineMs ?? Infinity);
    const problem = await untilReady(this.client, this.isReady, latest, options.signal);
    if (problem === undefined) return;
    log.debug({ url: this.url, err: problem }, 'no connection');
    const state = this.client.getChannel().getConnectivityState(false);
    // A call fails at once now, and tells why there is no connection.
    if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.READY) return;
    const text = `${this.url}: no connection within ${String(dialTimeoutMs)} ms`;
    throw new UnreachableError(text, { cause: problem });
  };

  #release(): void {
    this.#shares--;
    if (this.#shares > 0) return;
    const clock = this.#options.clock ?? systemClock;
    this.#linger = clock.after(lingerMs, () => {
      this.close();
    });
  }
}

/** Wait for a connection; gives what was wrong, or nothing. An abort ends the waiting, and the call then says so. */
function untilReady(
  client: Client,
  isReady: () => boolean,
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
      if (problem !== undefined || isReady()) {
        done(problem);
        return;
      }
      const state = channel.getConnectivityState(false);
      if (state === connectivityState.SHUTDOWN) done(new Error('the channel was closed'));
      else channel.watchConnectivityState(state, latestMs, look);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) done();
    else look();
  });
}
