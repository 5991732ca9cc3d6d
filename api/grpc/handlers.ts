// SPDX-License-Identifier: Apache-2.0
/**
 * Between grpc-js and our promises: each call is answered once, within its
 * deadline, whatever the code behind it does, and never throws out of here.
 *
 * A unary call is answered a little before its client's deadline, so that the
 * client hears it; one without gets `defaultDeadlineMs`. Code that ignores its
 * signal is answered for, and what it comes to later is dropped.
 */
import {
  Metadata,
  status,
  type handleServerStreamingCall,
  type handleUnaryCall,
} from '@grpc/grpc-js';
import type { Clock } from '../chain/clock.js';
import { toStatus } from '../errors/to-status.js';
import { WireError } from '../errors/wire-error.js';
import type { Logger } from '../log/log.js';
import { deadlineOf, defaultDeadlineMs, type GrpcCall, type Incoming } from './incoming.js';
import type { Peer } from './peer.js';

/** What all calls of one listen URL share. */
export interface Door {
  readonly url: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** Ends each running stream; used when the server closes. */
  readonly streams: Set<() => void>;
  /** Whose connection it is that grpc-js calls by this name; nothing without TLS. */
  readonly peerOf?: ((name: string) => Peer | undefined) | undefined;
}

/** A handler of a unary RPC. */
export function unary<Req, Res>(
  door: Door,
  method: string,
  act: (incoming: Incoming, request: Req) => Promise<Res>,
): handleUnaryCall<Req, Res> {
  return (call, callback) => {
    const abort = new AbortController();
    const now = door.clock.now();
    const deadlineMs = answerBy(deadlineOf(call), now);
    let answered = false;
    const answer = (reason: unknown, value?: Res): void => {
      if (answered) return;
      answered = true;
      timer.cancel();
      if (value !== undefined) callback(null, value);
      else callback(told(door, method, reason));
    };
    const timer = door.clock.after(deadlineMs - now, () => {
      abort.abort(timeout());
      answer(abort.signal.reason);
    });
    // grpc-js emits this after every answer, too.
    call.on('cancelled', () => {
      if (!answered) abort.abort(door.clock.now() >= deadlineMs ? timeout() : gaveUp());
      answer(abort.signal.reason);
    });
    const { request } = call;
    const incoming = incomingOf(door, call, abort.signal, deadlineMs);
    start(() => act(incoming, request)).then(
      (value) => {
        answer(undefined, value);
      },
      (reason: unknown) => {
        if (answered) door.log.debug({ method, err: reason }, 'failed after its caller had left');
        answer(reason);
      },
    );
  };
}

/** How much of its time a call is left for hearing that it was too little, in milliseconds. */
const farewellMs = 250;

/** A little before the client's deadline: at the deadline it no longer listens. */
function answerBy(given: number, now: number): number {
  if (given === Infinity) return now + defaultDeadlineMs;
  return given - Math.min(farewellMs, (given - now) / 20);
}

/** A handler of a server stream; it ends with its client, its source or the server. */
export function serverStream<Req, Res>(
  door: Door,
  method: string,
  act: (incoming: Incoming, request: Req) => AsyncIterable<Res>,
): handleServerStreamingCall<Req, Res> {
  return (call) => {
    const abort = new AbortController();
    const deadlineMs = deadlineOf(call);
    let over = false;
    const end = (reason?: unknown): void => {
      if (over) return;
      over = true;
      door.streams.delete(close);
      if (reason === undefined) call.end();
      else call.emit('error', told(door, method, reason));
      abort.abort(gaveUp());
    };
    const close = (): void => {
      end(new WireError(status.UNAVAILABLE, 'the server is closing'));
    };
    door.streams.add(close);
    call.on('cancelled', () => {
      over = true;
      door.streams.delete(close);
      abort.abort(gaveUp());
    });
    const { request } = call;
    const incoming = incomingOf(door, call, abort.signal, deadlineMs);
    const pump = async (): Promise<void> => {
      for await (const message of act(incoming, request)) {
        if (abort.signal.aborted) return;
        if (!call.write(message)) await drained(call, abort.signal);
      }
    };
    start(pump).then(() => {
      end();
    }, end);
  };
}

function incomingOf<Req, Res>(
  door: Door,
  call: GrpcCall<Req, Res>,
  signal: AbortSignal,
  deadlineMs: number,
): Incoming {
  const peer = door.peerOf?.(call.getPeer());
  const sendHeaders = (headers: Readonly<Record<string, string>>): void => {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    call.sendMetadata(metadata);
  };
  const { metadata } = call;
  const incoming = { signal, deadlineMs, metadata, url: door.url, sendHeaders };
  return peer === undefined ? incoming : { ...incoming, peer };
}

/** Run it so that a synchronous throw is a rejection, too. */
async function start<T>(act: () => Promise<T>): Promise<T> {
  return await act();
}

interface Drains {
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

function drained(call: Drains, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      call.off('close', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    call.once('close', done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}

/** Headers hold it: more would reset the stream instead of telling the error. */
const longestDetails = 2_000;

function told(door: Door, method: string, reason: unknown): { code: status; details: string } {
  const { code, details } = toStatus(reason);
  if (code === status.INTERNAL) door.log.error({ method, err: reason }, 'internal error');
  else door.log.debug({ method, code: status[code], details }, 'refused');
  // grpc-js throws on half a surrogate pair.
  return { code, details: wellFormed(details.slice(0, longestDetails)) };
}

function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

function timeout(): Error {
  return new DOMException('the deadline passed', 'TimeoutError');
}

function gaveUp(): Error {
  return new DOMException('the caller gave up', 'AbortError');
}
