// SPDX-License-Identifier: Apache-2.0
/**
 * gRPC channels by URL: one connection per peer, shared by all who ask.
 *
 * `acquire` gives a share at once and connects with the first call. A call on
 * a channel that is not connected waits for it up to the dial timeout, so a
 * peer that is just restarting is no failure. The connection is closed a
 * moment after its last share was disposed.
 */
import { status, type Client } from '@grpc/grpc-js';
import { systemClock, type Clock, type Timer } from '../chain/clock.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { WireError } from '../errors/wire-error.js';
import { tokenMetadata } from '../identity/development-tokens.js';
import { parseAddresses } from './address.js';
import { hasNotBegun, openStream, unaryCall, type Peer } from './call.js';
import type { CallOptions, Channel, Channels, Method } from './channel.js';
import { credentials, type Credentials, type SecurityOptions } from './credentials.js';
import { OneLine, type Line } from './line.js';
import { SeveralLines } from './several-lines.js';

/** How peers are dialled. */
export interface DialOptions extends SecurityOptions {
  /** How long a call waits for a connection. */
  readonly dialTimeoutMs: number;
  readonly clock?: Clock;
}

/** How long an unused connection stays: the next connection to the same peer is often near. */
const lingerMs = 1_000;
/** How often one call may meet a connection that is just ending. */
const mostAgain = 3;

/** Channels that live until disposed. */
export function channels(options: DialOptions): Channels & Disposable {
  const peers = new Map<string, SharedPeer>();
  const ends = credentials(options);
  ends.onRenewed(() => {
    for (const peer of [...peers.values()]) peer.renew();
  });
  let closed = false;
  return {
    acquire(url) {
      if (closed) throw new WireError(status.CANCELLED, `${url}: this process is closing`);
      let peer = peers.get(url);
      if (peer === undefined) {
        peer = new SharedPeer(url, options, ends, () => peers.delete(url));
        peers.set(url, peer);
      }
      return peer.share();
    },
    [Symbol.dispose]() {
      closed = true;
      for (const peer of [...peers.values()]) peer.close();
      ends[Symbol.dispose]();
    },
  };
}

/** One peer's connection and how many share it. */
class SharedPeer implements Peer {
  readonly url: string;
  readonly #line: Line;
  readonly #options: DialOptions;
  readonly #onClose: () => void;
  #shares = 0;
  #closed = false;
  #linger: Timer | undefined;

  constructor(url: string, options: DialOptions, ends: Credentials, onClose: () => void) {
    const addresses = parseAddresses(url);
    // One that must not be dialled refuses them all.
    for (const address of addresses) ends.toDial(address);
    const { dialTimeoutMs } = options;
    const lineOptions = { url, dialTimeoutMs, credentials: ends.toDial(addresses[0]) };
    this.url = url;
    this.#options = options;
    this.#onClose = onClose;
    this.#line =
      addresses.length > 1
        ? new SeveralLines(addresses, lineOptions)
        : new OneLine(addresses[0], lineOptions);
  }

  get client(): Client {
    return this.#line.client;
  }

  /** What goes with each call where nothing else says who asks: TLS has its own way. */
  metadata(): Readonly<Record<string, string>> {
    const { security } = this.#options;
    return security.kind === 'insecure' ? tokenMetadata(security.tokens.issue()) : {};
  }

  share(): Channel {
    this.#linger?.cancel();
    this.#shares++;
    let held = true;
    return {
      url: this.url,
      carriesFiles: this.#options.security.kind === 'spiffe' && this.url.startsWith('unix:'),
      unary: (method, request, options) => this.#unary(method, request, options),
      stream: (method, request, options) => openStream(this, method, request, options),
      [Symbol.dispose]: () => {
        if (held) this.#release();
        held = false;
      },
    };
  }

  renew(): void {
    this.#line.renew();
  }

  close(): void {
    this.#closed = true;
    this.#linger?.cancel();
    this.#onClose();
    this.#line.close();
  }

  readonly isReady = (): boolean => !this.#closed && this.#line.isReady();

  readonly connected = async (options: CallOptions): Promise<void> => {
    if (this.#closed) throw new WireError(status.CANCELLED, `${this.url}: the channel is closed`);
    if (this.isReady()) return;
    try {
      await this.#line.connected(options.deadlineMs ?? Infinity, options.signal);
    } catch (reason) {
      this.#options.log.debug({ url: this.url, err: reason }, 'no connection');
      throw reason;
    }
  };

  async #unary<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    options: CallOptions,
  ): Promise<Res> {
    try {
      if (!this.isReady()) await this.connected(options);
      return await this.#unaryCall(method, request, options);
    } catch (reason) {
      // The peer answers before the deadline, if only to say that it is near.
      const isOther = /Failed to connect|Protocol error|NGHTTP2/.test(String(reason));
      if (this.#options.security.kind === 'insecure' && isOther) throw wantsTls(reason);
      const isLate = reason instanceof WireError && reason.code === status.DEADLINE_EXCEEDED;
      if (isLate && Date.now() >= (options.deadlineMs ?? Infinity)) this.#line.suspect();
      throw reason;
    }
  }

  /** Where the peer has asked to come again (GOAWAY) just as a call went out, it has not begun: it is made again. */
  async #unaryCall<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    options: CallOptions,
  ): Promise<Res> {
    for (let again = 0; ; again++) {
      try {
        return await unaryCall(this, method, request, options);
      } catch (reason) {
        if (again >= mostAgain || !hasNotBegun(reason) || options.signal.aborted) throw reason;
        await this.connected(options);
      }
    }
  }

  #release(): void {
    this.#shares--;
    if (this.#shares > 0) return;
    const clock = this.#options.clock ?? systemClock;
    this.#linger = clock.after(lingerMs, () => {
      this.close();
    });
  }
}

function wantsTls(reason: unknown): unknown {
  if (!(reason instanceof UnreachableError)) return reason;
  const hint = 'does the peer ask for TLS? WANWIRE_INSECURE=true talks plaintext';
  return new UnreachableError(`${reason.message}: ${hint}`, { cause: reason });
}
