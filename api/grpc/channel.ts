// SPDX-License-Identifier: Apache-2.0
/** What callers see of a gRPC peer: unary calls and streams with a signal, no grpc-js types. */

import type { Peer } from './peer.js';

/** One RPC of a generated service, such as `NetworkServiceService.request`. */
export interface Method<Req, Res> {
  readonly path: string;
  readonly requestSerialize: (value: Req) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Res;
}

/** How one RPC is made. */
export interface CallOptions {
  /** Cancels the RPC. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970; sent to the peer. Every unary call has one. */
  readonly deadlineMs?: number;
  /** Sent to the peer beside the token that goes with each call by itself. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Files sent beneath TLS before the call; the caller's may be closed once it has an answer. */
  readonly descriptors?: readonly number[];
  /** Told of the connection that carries the call; never where there is no TLS. */
  readonly onPeer?: (peer: Peer) => void;
  /** Told of the peer's initial metadata. */
  readonly onHeaders?: (headers: Readonly<Record<string, string>>) => void;
}

/** A share of one gRPC channel. Disposing the last share closes the channel. */
export interface Channel extends Disposable {
  /** The URL it leads to, as given. */
  readonly url: string;
  /** Whether descriptors go with its calls: TLS over a unix socket. */
  readonly carriesFiles?: boolean;
  /** One answer, or a `WireError` with the peer's code and text. */
  unary<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): Promise<Res>;
  /** Each message as it comes; throws a `WireError` when the stream breaks, ends when the peer ends it. */
  stream<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    options: CallOptions,
  ): AsyncIterable<Res>;
}

/** Channels by URL (`unix:///path`, `tcp://host:port`), one per peer, shared by all who ask. */
export interface Channels {
  /** A share of the channel to `url`; INVALID_ARGUMENT where the URL is none we can dial. */
  acquire(url: string): Channel;
}
