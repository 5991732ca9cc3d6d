// SPDX-License-Identifier: Apache-2.0
/** What a gRPC server knows of a call before any element sees it: deadline, token, the URL it came in on. */
import type { Metadata, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Again, Call, ClientToken } from '../chain/call.js';
import type { Clock } from '../chain/clock.js';
import { State } from '../chain/state.js';
import { invalid } from '../errors/wire-error.js';
import type { Logger } from '../log/log.js';
import { parsePath, pathKey } from '../registry/path.js';
import type { RegistryCall } from '../registry/registry.js';
import type { Peer } from './peer.js';

/** What a call has where its client gave no deadline. */
export const defaultDeadlineMs = 15_000;

/** Either kind of grpc-js call we serve. */
export type GrpcCall<Req, Res> = ServerUnaryCall<Req, Res> | ServerWritableStream<Req, Res>;

/** One call as it came in. */
export interface Incoming {
  readonly signal: AbortSignal;
  /** Infinity for a stream without deadline. */
  readonly deadlineMs: number;
  readonly metadata: Metadata;
  /** The listen URL. */
  readonly url: string;
  /** Initial metadata of the answer; once, and before it. */
  readonly sendHeaders?: (headers: Readonly<Record<string, string>>) => void;
  /** Who calls; none without TLS. */
  readonly peer?: Peer;
}

const noAgain: Again = {
  request: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/** The Call a chain starts with; `begin` puts in the connection's state. */
export function chainCall(incoming: Incoming, log: Logger, clock: Clock): Call {
  const { signal, deadlineMs, metadata, url, peer } = incoming;
  const token = tokenOf(metadata);
  return {
    signal,
    deadlineMs,
    log,
    clock,
    state: new State(),
    again: noAgain,
    door: url,
    ...(token === undefined ? {} : { token }),
    ...(peer === undefined ? {} : { peer }),
  };
}

/** The call a registry gets. */
export function registryCall(incoming: Incoming, log: Logger, clock: Clock): RegistryCall {
  const { signal, deadlineMs, metadata, url, peer } = incoming;
  const token = tokenOf(metadata);
  const path = metadata.get(pathKey).at(-1);
  return {
    signal,
    log,
    clock,
    arrivedOn: url,
    ...(deadlineMs === Infinity ? {} : { deadlineMs }),
    ...(token === undefined ? {} : { token }),
    ...(peer === undefined ? {} : { peer }),
    ...(path === undefined ? {} : { path: parsePath(String(path)) }),
  };
}

/** Milliseconds since 1970; Infinity where the client gave none. */
export function deadlineOf<Req, Res>(call: GrpcCall<Req, Res>): number {
  const deadline = call.getDeadline();
  return typeof deadline === 'number' ? deadline : deadline.getTime();
}

const longestToken = 16_384;

/** The caller's token; INVALID_ARGUMENT where it or its expiry is malformed. */
export function tokenOf(metadata: Metadata): ClientToken | undefined {
  const [token] = metadata.get('nsm-client-token');
  if (token === undefined || token.length === 0) return undefined;
  if (token.length > longestToken) {
    throw invalid(
      'nsm-client-token',
      `${String(token.length)} characters`,
      `at most ${String(longestToken)}`,
    );
  }
  const [expires] = metadata.get('nsm-client-token-expires');
  return { token: String(token), expiresMs: rfc3339(String(expires ?? '')) };
}

const rfc3339Form =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

function rfc3339(text: string): number {
  const ms = rfc3339Form.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isFinite(ms)) {
    throw invalid(
      'nsm-client-token-expires',
      text.slice(0, 64),
      'an RFC 3339 time such as 2026-01-02T03:04:05Z',
    );
  }
  return ms;
}
