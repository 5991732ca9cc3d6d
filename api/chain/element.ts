// SPDX-License-Identifier: Apache-2.0
/** The two kinds of chain element, and what flows between them. */
import type { Connection, Mechanism } from '../gen/connection.js';
import type { Call } from './call.js';

/** The wish as it goes down the chain. Its connection's `path` is never empty after `updatePath`. */
export interface Request {
  readonly connection: Connection;
  /** In order of preference. */
  readonly mechanismPreferences: readonly Mechanism[];
}

/** The rest of a chain, for a Request. Resolves to the Connection as it is now. */
export type RequestNext = (call: Call, request: Request) => Promise<Connection>;
/** The rest of a chain, for a Close. */
export type CloseNext = (call: Call, connection: Connection) => Promise<void>;

interface Named {
  /** Upstream's name of the behaviour, for logs and metrics. */
  readonly name: string;
  request(call: Call, request: Request, next: RequestNext): Promise<Connection>;
  /** Told once, by `compose`, of the rest of its chain: for an element that closes out of turn. */
  composed?(rest: Chain): void;
}

/** An ordinary element. Its `close` cannot keep the others from closing. */
export interface Step extends Named {
  readonly kind: 'step';
  close(call: Call, connection: Connection): Promise<void>;
}

/** An element that may decide that a Close goes no further, or changes it on its way. */
export interface Guard extends Named {
  readonly kind: 'guard';
  close(call: Call, connection: Connection, next: CloseNext): Promise<void>;
}

/** What `compose` takes. */
export type Element = Step | Guard;

/** A composed chain; a fit for `connect` and for `api/grpc/serve.ts`. */
export interface Chain {
  readonly request: RequestNext;
  readonly close: CloseNext;
}
