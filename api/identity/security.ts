// SPDX-License-Identifier: Apache-2.0
/** How a process secures its connections: with SPIFFE identities, or, for development, not at all. */
import { status } from '@grpc/grpc-js';
import { systemClock, type Clock } from '../chain/clock.js';
import { WireError } from '../errors/wire-error.js';
import { developmentTokens, type Tokens } from './development-tokens.js';
import type { IdentitySource, Surroundings } from './types.js';

/** Plaintext, on this machine and between control addresses of sites only. */
export interface Insecure extends Disposable {
  readonly kind: 'insecure';
  /** They prove nothing. */
  readonly tokens: Tokens;
}

/** Mutual TLS and signed tokens. */
export interface Spiffe extends Disposable {
  readonly kind: 'spiffe';
  readonly source: IdentitySource;
  /** How long a token lives at most, in milliseconds. */
  readonly tokenLifetimeMs: number;
}

/** What goes to `channels`, `serve` and `updateToken`. Disposing it ends the identity's renewal. */
export type Security = Insecure | Spiffe;

/** What of a process's environment decides it; see api/env/common.ts. */
export interface SecurityConfig {
  readonly WANWIRE_INSECURE: boolean;
  /** `unix:///path` or `tcp://ip:port`. */
  readonly SPIFFE_ENDPOINT_SOCKET: string | undefined;
  /** Milliseconds. */
  readonly NSM_MAX_TOKEN_LIFETIME: number;
}

const tenMinutesMs = 600_000;

/** For development and tests: plaintext, and tokens in this name, of ten minutes where not given. */
export function insecure(
  name: string,
  lifetimeMs: number = tenMinutesMs,
  clock: Clock = systemClock,
): Insecure {
  return {
    kind: 'insecure',
    tokens: developmentTokens(name, lifetimeMs, clock),
    [Symbol.dispose]: () => undefined,
  };
}

/** SPIFFE with the identity of `source`, which is disposed with it; tokens of ten minutes where not given. */
export function spiffe(source: IdentitySource, tokenLifetimeMs: number = tenMinutesMs): Spiffe {
  return {
    kind: 'spiffe',
    source,
    tokenLifetimeMs,
    [Symbol.dispose]: () => {
      source[Symbol.dispose]();
    },
  };
}

/**
 * As the environment says: nothing (WANWIRE_INSECURE=true), or the identity that the agent at
 * SPIFFE_ENDPOINT_SOCKET gives; then it resolves with the first one, however long that takes, and
 * says in the log what it waits for. `name` is the process's, in tokens for development. FAILED_PRECONDITION where neither is set.
 */
export async function openSecurity(
  config: SecurityConfig,
  around: Surroundings & { readonly name: string },
): Promise<Security> {
  const { WANWIRE_INSECURE, SPIFFE_ENDPOINT_SOCKET, NSM_MAX_TOKEN_LIFETIME: lifetimeMs } = config;
  if (WANWIRE_INSECURE) return insecure(around.name, lifetimeMs, around.clock);
  if (SPIFFE_ENDPOINT_SOCKET === undefined) {
    throw new WireError(status.FAILED_PRECONDITION, neither);
  }
  // Nobody else needs the protocol in memory.
  const { workloadIdentity } = await import('./workload-api.js');
  return spiffe(await workloadIdentity(SPIFFE_ENDPOINT_SOCKET, around), lifetimeMs);
}

const neither =
  'no identity: set SPIFFE_ENDPOINT_SOCKET to the socket of a SPIFFE agent (`wanwire manager` and ' +
  '`wanwire up` have one; `wanwire id` tells more), or, for development on this machine, WANWIRE_INSECURE=true';
