// SPDX-License-Identifier: Apache-2.0
/** What an agent's answer comes to. */
import { status } from '@grpc/grpc-js';
import type { X509Certificate } from 'node:crypto';
import { invalid, WireError } from '../errors/wire-error.js';
import type { X509SVIDResponse } from '../gen/workload.js';
import { certificatesOf, splitDer } from './der.js';
import { parseSpiffeId, parseTrustDomain } from './spiffe-id.js';
import { svidOf } from './svid.js';
import type { Identity } from './types.js';

/**
 * The identity in an answer to FetchX509SVID: the first of its SVIDs is the one to use.
 * PERMISSION_DENIED where there is none, INVALID_ARGUMENT naming what is wrong with it.
 */
export function identityOf({ svids, federatedBundles }: X509SVIDResponse): Identity {
  const [first] = svids;
  if (first === undefined) {
    throw new WireError(status.PERMISSION_DENIED, 'the answer has no identity in it');
  }
  const { trustDomain } = parseSpiffeId(first.spiffeId, 'svids[0].spiffe_id');
  const svid = svidOf(splitDer(first.x509Svid, 'svids[0].x509_svid'), first.x509SvidKey);
  if (svid.id !== first.spiffeId) {
    throw invalid('svids[0].spiffe_id', first.spiffeId, `${svid.id}, as the certificate has it`);
  }
  const bundles = new Map<string, readonly X509Certificate[]>();
  for (const [domain, der] of Object.entries(federatedBundles)) {
    const field = `federated_bundles[${JSON.stringify(domain.slice(0, 256))}]`;
    bundles.set(parseTrustDomain(domain, field), certificatesOf(der, field));
  }
  const own = certificatesOf(first.bundle, 'svids[0].bundle');
  if (own.length === 0) {
    throw invalid('svids[0].bundle', 'nothing', `the roots of ${trustDomain}`);
  }
  // Nobody else says which roots are ours.
  bundles.set(trustDomain, own);
  return { svid, bundles };
}
