// SPDX-License-Identifier: Apache-2.0
/** Which rules apply where: upstream's defaults. MonitorConnections and Find have none, as there. */
import { clientAllowed } from './client-allowed.js';
import { nextTokenSigned } from './next-token-signed.js';
import { prevTokenSigned } from './prev-token-signed.js';
import type { Rule } from './rule.js';
import { tokensChained } from './tokens-chained.js';
import { tokensExpired } from './tokens-expired.js';
import { tokensValid } from './tokens-valid.js';

/** What may be said otherwise. */
export interface RuleOptions {
  /** How long tokens of hops further away may be over (`WANWIRE_HOLD`), in milliseconds; not at all where not given. */
  readonly heldMs?: number | undefined;
}

const common = ({ heldMs }: RuleOptions): readonly Rule[] => [
  tokensValid,
  tokensExpired(heldMs),
  tokensChained,
];

/** Who is asked for a connection: of the path as far as its own segment. */
export function serverRules(options: RuleOptions = {}): readonly Rule[] {
  return [...common(options), prevTokenSigned];
}

/** Who asks for one: of the whole path that is answered. */
export function clientRules(options: RuleOptions = {}): readonly Rule[] {
  return [...common(options), nextTokenSigned];
}

/** A registry: of the path as far as its own segment. */
export const registryServerRules: readonly Rule[] = [...common({}), clientAllowed, prevTokenSigned];

/** Who registers: of the whole path that is answered. */
export const registryClientRules: readonly Rule[] = [...common({}), clientAllowed, nextTokenSigned];
