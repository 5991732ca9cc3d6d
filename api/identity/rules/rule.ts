// SPDX-License-Identifier: Apache-2.0
/**
 * What a peer must prove before it is listened to: upstream's policies, one a file.
 *
 * A path has a token of each hop, made for the next one. The first two hops that see it
 * check signatures (`prev-token-signed`, `next-token-signed`); of those further away only what
 * they say, so each hop vouches for those behind it.
 */
import { status } from '@grpc/grpc-js';
import type { Peer } from '../../chain/peer.js';
import { WireError } from '../../errors/wire-error.js';
import { readToken, type Claims } from '../token.js';

/** What a rule goes by. */
export interface EvidenceOptions {
  /** The tokens of the path's segments: as far as our own on a server, all on a client. */
  readonly tokens: readonly string[];
  /** Our own segment. */
  readonly index: number;
  /** Who is at the other end of the connection. */
  readonly peer: Peer | undefined;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** The segments' names, for words. */
  readonly names?: readonly string[];
  /** To whom the name belongs that is to be registered; nothing where it is free. */
  readonly owner?: Owner | undefined;
}

/** Who registered a name. */
export interface Owner {
  /** Such as `endpoint nse-1`. */
  readonly what: string;
  /** `path_ids[0]`; nothing where it was registered without a token. */
  readonly id: string | undefined;
}

/** A rule; `name` is upstream's with dashes. */
export interface Rule {
  readonly name: string;
  /** Throws, saying what is wrong; never with a token in it. */
  check(evidence: Evidence): void | Promise<void>;
}

/** A path and who brings it; tokens are read once for all rules. */
export class Evidence {
  readonly tokens: readonly string[];
  readonly index: number;
  readonly peer: Peer | undefined;
  readonly nowMs: number;
  readonly owner: Owner | undefined;
  readonly #names: readonly string[];
  readonly #claims = new Map<number, Claims>();

  constructor({ tokens, index, peer, nowMs, names = [], owner }: EvidenceOptions) {
    this.tokens = tokens;
    this.index = index;
    this.peer = peer;
    this.nowMs = nowMs;
    this.owner = owner;
    this.#names = names;
  }

  /** What the token of a segment says; throws where it is none. */
  claims(at: number): Claims {
    const known = this.#claims.get(at);
    if (known !== undefined) return known;
    const claims = this.about(at, () => readToken(this.tokens[at] ?? ''));
    this.#claims.set(at, claims);
    return claims;
  }

  /** The SPIFFE ID in a segment's token; empty where it has none. */
  subject(at: number): string {
    return this.claims(at).subject;
  }

  /** `act`, and which segment it was where that throws. */
  about<T>(at: number, act: () => T): T {
    try {
      return act();
    } catch (reason) {
      throw this.wrong(at, reason instanceof Error ? reason.message : String(reason));
    }
  }

  /** An error about a segment. */
  wrong(at: number, why: string): Error {
    const name = this.#names[at];
    const named = name === undefined || name === '' ? '' : ` (${name.slice(0, 128)})`;
    return new Error(`segment ${String(at)}${named} of the path: ${why}`);
  }
}

/** Pass only if every rule does; PERMISSION_DENIED naming the first that does not, and why. */
export async function obey(rules: readonly Rule[], given: EvidenceOptions): Promise<void> {
  const evidence = new Evidence(given);
  for (const rule of rules) {
    try {
      await rule.check(evidence);
    } catch (reason) {
      const why = reason instanceof Error ? reason.message : String(reason);
      const text = `rule ${rule.name}: ${why.slice(0, 1_024)}`;
      throw new WireError(status.PERMISSION_DENIED, text, { cause: reason });
    }
  }
}
