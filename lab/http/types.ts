// SPDX-License-Identifier: Apache-2.0
/** The words of the lab's HTTP service and of the app that calls it. */

/** How a request is made. All of them reach the same port of the service. */
export type Protocol = 'http1' | 'http2' | 'grpc';

/** What one user asks for. */
export interface Load {
  readonly user: string;
  readonly protocol: Protocol;
  /** So many a second, at even distances, answered or not; without it one after the other. */
  readonly perSecond?: number;
  /** Without `perSecond`: so many at a time; 1 where not given. */
  readonly atATime?: number;
  /** It ends after so many; never where not given. */
  readonly count?: number;
  /** Of the body; above {@link mostEchoed} the answer is a digest. 200 where not given. */
  readonly bytes?: number;
}

/** What an app does. */
export interface AppOptions {
  /** Where it sends to, `address:port`. */
  readonly target: string;
  readonly loads: readonly Load[];
  /** Each user's first request has this number, so that no two apps give the same; 1 where not given. */
  readonly first?: number;
  /** A request that takes longer has failed; 30 s where not given. */
  readonly timeoutMs?: number;
}

/** What became of one request. */
export interface Answered {
  readonly user: string;
  /** Of this user's, in the order they were sent. */
  readonly number: number;
  readonly protocol: Protocol;
  /** When it was sent: ms since the epoch. */
  readonly atMs: number;
  /** Until the whole answer was there, or it had failed. */
  readonly tookMs: number;
  /** Why it failed: `503`, `ECONNRESET`; nothing where it was answered. */
  readonly error?: string;
}

/** What all requests carry in clear text, at the beginning of their body; the answer has it too. */
export function token(user: string, number: number): string {
  return `ww-request=${user}.${String(number)};`;
}

/** Bodies up to this many bytes come back as they are, longer ones as {@link digestAnswer}. */
export const mostEchoed = 65_536;

/** The answer to a long body: its token, how long it was, and its SHA-256. */
export function digestAnswer(ownToken: string, bytes: number, sha256: string): string {
  return `${ownToken}bytes=${String(bytes)};sha256=${sha256}`;
}
