// SPDX-License-Identifier: Apache-2.0
/** Elements and calls for tests: recording, failing, slow, answering. */
import type { Call } from '../../api/chain/call.js';
import type { Request, Step } from '../../api/chain/element.js';
import { State } from '../../api/chain/state.js';
import { systemClock, type Clock } from '../../api/chain/clock.js';
import { Connection, type Mechanism } from '../../api/gen/connection.js';
import { silentLogger } from '../../api/log/log.js';

/** A call of 15 seconds for elements tested without `begin`. */
export function testCall(change: Partial<Call> = {}): Call {
  const clock: Clock = change.clock ?? systemClock;
  const abort = new AbortController();
  return {
    signal: abort.signal,
    deadlineMs: clock.now() + 15_000,
    log: silentLogger(),
    clock,
    state: new State(),
    again: { request: () => Promise.resolve(), close: () => Promise.resolve() },
    ...change,
  };
}

/** A message of which a test says only what matters to it. */
export type Sketch<T> = T extends bigint | Uint8Array
  ? T
  : T extends readonly (infer U)[]
    ? readonly Sketch<U>[]
    : T extends object
      ? { readonly [K in keyof T]?: Sketch<T[K]> | undefined }
      : T;

/** A Request of a partial connection. */
export function testRequest(
  connection: Sketch<Connection>,
  mechanismPreferences: readonly Mechanism[] = [],
): Request {
  return { connection: Connection.fromPartial(connection as Connection), mechanismPreferences };
}

/** Notes what passes. */
export function recording(): Step & {
  readonly requests: Request[];
  readonly closes: Connection[];
} {
  const requests: Request[] = [];
  const closes: Connection[] = [];
  return {
    kind: 'step',
    name: 'recording',
    requests,
    closes,
    request(call, request, next) {
      requests.push(request);
      return next(call, request);
    },
    close(_call, connection) {
      closes.push(connection);
      return Promise.resolve();
    },
  };
}

/** Fails each Request, and each Close too, with `error`. */
export function failing(error: Error): Step {
  return {
    kind: 'step',
    name: 'failing',
    request: () => Promise.reject(error),
    close: () => Promise.reject(error),
  };
}

/** Changes the answer on the way back. */
export function answering(change: (connection: Connection) => Connection): Step {
  return {
    kind: 'step',
    name: 'answering',
    request: async (call, request, next) => change(await next(call, request)),
    close: () => Promise.resolve(),
  };
}
