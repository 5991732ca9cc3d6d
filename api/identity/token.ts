// SPDX-License-Identifier: Apache-2.0
/**
 * Tokens that say who asks whom until when: JWTs, ES256, signed with the key of an SVID.
 *
 * `sub` is the caller's SPIFFE ID, `aud` a list with the peer's, `exp` the end; nothing
 * else, as upstream's `spiffejwt`. No message of this file has a token in it.
 */
import { status } from '@grpc/grpc-js';
import { compactVerify, decodeJwt, decodeProtectedHeader, errors, SignJWT } from 'jose';
import type { KeyObject } from 'node:crypto';
import type { ClientToken } from '../chain/call.js';
import { WireError } from '../errors/wire-error.js';

/** What a new token says. */
export interface TokenWords {
  /** The caller's SPIFFE ID. */
  readonly subject: string;
  /** The peer's SPIFFE ID. */
  readonly audience: string;
  /** Milliseconds since 1970; cut to the second. */
  readonly expiresMs: number;
}

/** What a token says, true or not. */
export interface Claims {
  /** `sub`; empty where there is none. */
  readonly subject: string;
  /** `aud`; undefined where it is no list of texts. */
  readonly audience: readonly string[] | undefined;
  /** `exp` in milliseconds since 1970; undefined where there is none. */
  readonly expiresMs: number | undefined;
  /** `nbf` in milliseconds since 1970; undefined where there is none. */
  readonly notBeforeMs: number | undefined;
  /** `alg`, such as `ES256`. */
  readonly algorithm: string;
}

/** The one algorithm. */
const algorithm = 'ES256';
/** Characters; an ES256 token of two long SPIFFE IDs has 6,000. */
const longestToken = 16_384;

/** A token signed with `key`, an EC P-256 one. */
export async function issueToken(key: KeyObject, words: TokenWords): Promise<ClientToken> {
  const seconds = Math.floor(words.expiresMs / 1000);
  const token = await new SignJWT()
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .setSubject(words.subject)
    .setAudience([words.audience])
    .setExpirationTime(seconds)
    .sign(key);
  return { token, expiresMs: seconds * 1000 };
}

/** What a token says, its signature not looked at; UNAUTHENTICATED where it is no JWT. */
export function readToken(token: string): Claims {
  if (token === '') throw refused('it is missing');
  if (token.length > longestToken) {
    const most = String(longestToken);
    throw refused(`it has ${String(token.length)} characters: want at most ${most}`);
  }
  if (token.split('.').length !== 3) throw refused('it is no JWT: want three parts');
  try {
    const { sub, aud, exp, nbf } = decodeJwt(token);
    const { alg } = decodeProtectedHeader(token);
    return {
      subject: typeof sub === 'string' ? sub : '',
      audience: Array.isArray(aud) && aud.every((one) => typeof one === 'string') ? aud : undefined,
      expiresMs: typeof exp === 'number' ? exp * 1000 : undefined,
      notBeforeMs: typeof nbf === 'number' ? nbf * 1000 : undefined,
      algorithm: typeof alg === 'string' ? alg : '',
    };
  } catch {
    throw refused('it is no JWT: its parts cannot be read');
  }
}

/** Whether `key` has signed it, with ES256 and nothing else; UNAUTHENTICATED where not. */
export async function verifySignature(token: string, key: KeyObject): Promise<void> {
  const { algorithm: got } = readToken(token);
  if (got !== algorithm) {
    throw refused(`it is signed with ${JSON.stringify(got.slice(0, 32))}: want ${algorithm}`);
  }
  try {
    await compactVerify(token, key, { algorithms: [algorithm] });
  } catch (reason) {
    if (reason instanceof errors.JWSSignatureVerificationFailed) {
      throw refused("its signature is not of the key in the peer's certificate");
    }
    throw refused(`its signature cannot be checked with this key: want one of EC P-256`);
  }
}

/** How far the clock of who made a token may be ahead of ours: only `nbf` is looked at with it. */
export const tokenToleranceMs = 60_000;

/** UNAUTHENTICATED where it has ended, does not say when, or has not begun. */
export function checkTokenTime({ expiresMs, notBeforeMs }: Claims, nowMs: number): void {
  if (expiresMs === undefined) throw refused('exp is missing: want when it ends');
  if (!(nowMs < expiresMs))
    throw refused(`it ended ${time(expiresMs)}, and here it is ${time(nowMs)}`);
  if (notBeforeMs === undefined || nowMs >= notBeforeMs - tokenToleranceMs) return;
  throw refused(`it begins ${time(notBeforeMs)}, and here it is ${time(nowMs)}`);
}

/** UNAUTHENTICATED where `id` is none of those it was made for. */
export function checkAudience({ audience }: Claims, id: string): void {
  if (audience === undefined)
    throw refused('aud is no list: want a list with the SPIFFE ID of its peer');
  if (audience.includes(id)) return;
  throw refused(`aud is ${JSON.stringify(audience).slice(0, 512)}: want a list with ${id}`);
}

/** All checks at once: signed by `key`, made for `audience`, not over. UNAUTHENTICATED. */
export async function verifyToken(
  token: string,
  key: KeyObject,
  { audience, nowMs }: { readonly audience: string; readonly nowMs: number },
): Promise<Claims> {
  const claims = readToken(token);
  checkTokenTime(claims, nowMs);
  checkAudience(claims, audience);
  await verifySignature(token, key);
  return claims;
}

function refused(why: string): WireError {
  return new WireError(status.UNAUTHENTICATED, `token: ${why}`);
}

function time(ms: number): string {
  const at = new Date(ms);
  return Number.isFinite(at.getTime()) ? at.toISOString() : 'no time';
}
