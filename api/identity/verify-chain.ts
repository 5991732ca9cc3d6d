// SPDX-License-Identifier: Apache-2.0
/**
 * Whether a peer is who its certificates say.
 *
 * The chain is walked from the leaf to a root, and that root must be of the
 * bundle of the very trust domain that the leaf's ID names. TLS itself does not
 * ask that: with several roots it takes a certificate of domain A that was signed by B's.
 */
import { status } from '@grpc/grpc-js';
import type { KeyObject, X509Certificate } from 'node:crypto';
import { WireError } from '../errors/wire-error.js';
import { certificateOf } from './der.js';
import { maySign } from './may-sign.js';
import { idOf } from './names.js';
import type { SpiffeId } from './spiffe-id.js';
import { validity } from './svid.js';
import type { Bundles } from './types.js';

/** Who a peer is. */
export interface Verified {
  readonly id: string;
  readonly certificate: X509Certificate;
  /** Of the leaf. */
  readonly publicKey: KeyObject;
  /** When the first certificate on the way to the root ends; milliseconds since 1970. */
  readonly notAfterMs: number;
}

/**
 * How far clocks may be apart. A machine without time service is easily a minute off, and an SVID is
 * used the second it was made; against a lifetime of an hour, as SVIDs have, a minute more is little.
 */
export const toleranceMs = 60_000;

/** With the leaf; OpenSSL's default is 100, real ones have two or three. */
const longestChain = 8;

/** `chain` is DER, the leaf first, others in any order, with or without the root; `nowMs` is milliseconds since 1970. UNAUTHENTICATED. */
export function verifyChain(chain: readonly Buffer[], bundles: Bundles, nowMs: number): Verified {
  if (chain.length === 0) throw refused('peer', 'shows no certificate: want an X.509-SVID');
  if (chain.length > longestChain) {
    const most = String(longestChain);
    throw refused('peer', `shows ${String(chain.length)} certificates: want at most ${most}`);
  }
  const [leaf, ...others] = told('peer', () =>
    chain.map((der, at) => certificateOf(der, `certificate ${String(at)}`)),
  );
  if (leaf === undefined) throw refused('peer', 'shows no certificate: want an X.509-SVID');
  const id = told('peer', () => idOf(leaf));
  if (maySign(leaf)) throw refused(id.text, "shows a CA's certificate: want a leaf");
  const roots = bundles.get(id.trustDomain);
  if (roots === undefined) throw unknownDomain(id, bundles);
  const way = wayToRoot(leaf, others, roots);
  if (way === undefined) throw noWay(id, leaf, others, bundles);
  for (const certificate of way) checkTime(id, leaf, certificate, nowMs);
  const notAfterMs = Math.min(...way.map((one) => validity(one).notAfterMs));
  return { id: id.text, certificate: leaf, publicKey: leaf.publicKey, notAfterMs };
}

/** The certificates from the leaf to one of `roots`, both included. */
function wayToRoot(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  const root = roots.find((one) => hasIssued(one, leaf));
  if (root !== undefined) return [leaf, root];
  for (const issuer of others.filter((one) => hasIssued(one, leaf))) {
    const rest = others.filter((one) => one !== issuer);
    const way = wayToRoot(issuer, rest, roots);
    if (way !== undefined) return [leaf, ...way];
  }
  return undefined;
}

function hasIssued(issuer: X509Certificate, subject: X509Certificate): boolean {
  return issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

function checkTime(
  id: SpiffeId,
  leaf: X509Certificate,
  certificate: X509Certificate,
  nowMs: number,
): void {
  const { notBeforeMs, notAfterMs } = validity(certificate);
  const whose =
    certificate === leaf ? 'its certificate' : 'a certificate that stands above its own';
  const here = `here it is ${time(nowMs)}: compare the clocks`;
  if (nowMs < notBeforeMs - toleranceMs) {
    throw refused(id.text, `${whose} is valid from ${time(notBeforeMs)}, and ${here}`);
  }
  // Negated, so that a time that is none is refused.
  if (!(nowMs <= notAfterMs + toleranceMs)) {
    const ended = `${whose} was valid until ${time(notAfterMs)}, and ${here}, and look at its agent`;
    throw refused(id.text, ended);
  }
}

function unknownDomain({ text, trustDomain }: SpiffeId, bundles: Bundles): WireError {
  const known = [...bundles.keys()].sort().join(', ') || 'none';
  return refused(
    text,
    `trust domain ${trustDomain} is not known here (known: ${known}): ` +
      'if it is to be trusted, give its bundle to `wanwire trust import`',
  );
}

function noWay(
  { text, trustDomain }: SpiffeId,
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  bundles: Bundles,
): WireError {
  for (const [domain, roots] of bundles) {
    if (domain !== trustDomain && wayToRoot(leaf, others, roots) !== undefined) {
      return refused(text, `signed by a root of ${domain}, which may not speak for ${trustDomain}`);
    }
  }
  return refused(
    text,
    `not signed by any root that is known here for ${trustDomain}: if ${trustDomain} has a new root, ` +
      'give its present bundle to `wanwire trust import`',
  );
}

function told<T>(who: string, act: () => T): T {
  try {
    return act();
  } catch (reason) {
    throw refused(who, reason instanceof Error ? reason.message : String(reason));
  }
}

function refused(who: string, why: string): WireError {
  return new WireError(status.UNAUTHENTICATED, `${who}: ${why}`);
}

function time(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'no time';
}
