// SPDX-License-Identifier: Apache-2.0
/** One RPC on a connected grpc-js client: cancelled by its signal, failing with a `WireError`. */
import {
  Metadata,
  status,
  type CallOptions as GrpcOptions,
  type Client,
  type ClientReadableStream,
} from '@grpc/grpc-js';
import { abortReason } from '../chain/clock.js';
import { isServiceError, toStatus } from '../errors/to-status.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { WireError } from '../errors/wire-error.js';
import type { CallOptions, Method } from './channel.js';
import { CarriedCall } from './tls/call-credentials.js';

/** Whom a call goes to. */
export interface Peer {
  readonly url: string;
  readonly client: Client;
  readonly isReady: () => boolean;
  /** What goes with each call, unless the caller says otherwise. */
  metadata(): Readonly<Record<string, string>>;
  /** Resolves once a call can be made, if only to hear why it cannot be answered. */
  readonly connected: (options: CallOptions) => Promise<void>;
}

/** A unary call; resolves to the peer's answer. */
export function unaryCall<Req, Res>(
  peer: Peer,
  method: Method<Req, Res>,
  request: Req,
  options: CallOptions,
): Promise<Res> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(failure(peer, signal, undefined));
      return;
    }
    const onAbort = (): void => {
      call.cancel();
    };
    const call = peer.client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadataOf(peer, options),
      grpcOptions(options),
      (error, answer) => {
        signal.removeEventListener('abort', onAbort);
        if (error !== null) reject(failure(peer, signal, error));
        else if (answer === undefined)
          reject(new WireError(status.INTERNAL, `${peer.url}: no answer`));
        else resolve(answer);
      },
    );
    signal.addEventListener('abort', onAbort, { once: true });
    listenForHeaders(call, options);
  });
}

/**
 * A server stream, opened with the first `next`. It can be left at any moment,
 * also while a `next` is waiting: `return` cancels it. Messages are taken from
 * the peer only as fast as they are asked for.
 */
export function openStream<Req, Res>(
  peer: Peer,
  method: Method<Req, Res>,
  request: Req,
  options: CallOptions,
): AsyncIterable<Res> {
  return { [Symbol.asyncIterator]: () => new Messages(peer, options.signal, open) };

  async function open(): Promise<ClientReadableStream<Res>> {
    await peer.connected(options);
    if (options.signal.aborted) throw abortReason(options.signal);
    const stream = peer.client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadataOf(peer, options),
      grpcOptions(options),
    );
    listenForHeaders(stream, options);
    return stream;
  }
}

class Messages<Res> implements AsyncIterator<Res> {
  readonly #peer: Peer;
  readonly #signal: AbortSignal;
  readonly #open: () => Promise<ClientReadableStream<Res>>;
  #stream: ClientReadableStream<Res> | undefined;
  #messages: AsyncIterator<Res> | undefined;
  #over = false;
  readonly #cancel = (): void => {
    this.#stream?.cancel();
  };

  constructor(peer: Peer, signal: AbortSignal, open: () => Promise<ClientReadableStream<Res>>) {
    this.#peer = peer;
    this.#signal = signal;
    this.#open = open;
  }

  async next(): Promise<IteratorResult<Res>> {
    if (this.#over) return { done: true, value: undefined };
    try {
      this.#messages ??= await this.#start();
      const result = await this.#messages.next();
      if (result.done) this.#finish();
      return result;
    } catch (reason) {
      // Our own `return` cancelled it: that is an end, not a failure.
      if (this.#left()) return { done: true, value: undefined };
      this.#finish();
      throw failure(this.#peer, this.#signal, reason);
    }
  }

  return(): Promise<IteratorResult<Res>> {
    this.#finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  async #start(): Promise<AsyncIterator<Res>> {
    this.#stream = await this.#open();
    // An error after the last read (a cancelled stream has one) must not be an uncaught one.
    this.#stream.on('error', () => undefined);
    this.#signal.addEventListener('abort', this.#cancel, { once: true });
    if (this.#left()) this.#cancel();
    return this.#stream[Symbol.asyncIterator]() as AsyncIterator<Res>;
  }

  #left(): boolean {
    return this.#over;
  }

  #finish(): void {
    this.#over = true;
    this.#signal.removeEventListener('abort', this.#cancel);
    this.#cancel();
  }
}

function metadataOf(peer: Peer, options: CallOptions): Metadata {
  const metadata = new Metadata();
  const all = { ...peer.metadata(), ...options.metadata };
  for (const [key, value] of Object.entries(all)) metadata.set(key, value);
  return metadata;
}

function grpcOptions(options: CallOptions): GrpcOptions {
  const { deadlineMs, descriptors, onPeer } = options;
  const carries = descriptors !== undefined || onPeer !== undefined;
  return {
    ...(deadlineMs === undefined ? {} : { deadline: deadlineMs }),
    ...(carries ? { credentials: new CarriedCall(options) } : {}),
  };
}

/** Whether a call failed before the peer had anything of it, as grpc-js tells: it may be made again, whatever it is. */
export function hasNotBegun(reason: unknown): boolean {
  const cause = reason instanceof WireError ? reason.cause : reason;
  if (!isServiceError(cause)) return false;
  return /^(?:Stream refused by server|Failed to start HTTP\/2 stream)/.test(cause.details);
}

interface HeaderSource {
  on(event: 'metadata', listener: (metadata: Metadata) => void): unknown;
}

function listenForHeaders(call: HeaderSource, options: CallOptions): void {
  const { onHeaders } = options;
  if (onHeaders === undefined) return;
  call.on('metadata', (metadata) => {
    const entries = Object.entries(metadata.getMap()).map(([key, value]) => [key, String(value)]);
    onHeaders(Object.fromEntries(entries) as Record<string, string>);
  });
}

/** Our own giving up where that was the cause, else the peer's code and text. */
function failure({ url, isReady }: Peer, signal: AbortSignal, reason: unknown): WireError {
  if (reason instanceof WireError) return reason;
  if (signal.aborted) {
    const cause = abortReason(signal);
    const { code, details } = toStatus(cause);
    return new WireError(code, `${url}: ${details}`, { cause });
  }
  if (!isServiceError(reason)) {
    return new WireError(status.INTERNAL, `${url}: the call failed`, { cause: reason });
  }
  // A peer that passes on the failure of one further down has that one's URL in its text.
  const names = reason.details.includes('://');
  const local = reason.code === status.UNAVAILABLE || reason.code === status.DEADLINE_EXCEEDED;
  const text = local && !names ? `${url}: ${reason.details}` : reason.details;
  if (reason.code === status.UNAVAILABLE && !isReady()) {
    return new UnreachableError(text, { cause: reason });
  }
  return new WireError(reason.code, text, { cause: reason });
}
