// SPDX-License-Identifier: Apache-2.0
/** What is trusted in all: our own roots, those that were imported, and those of the site's peers. */
import type { X509Certificate } from 'node:crypto';
import type { Bundles } from '../../api/identity/types.js';
import type { ImportedBundle } from './bundle-folder.js';
import type { PeerBundle } from './peer-bundles.js';
import type { Roots } from './roots.js';

/** What came of joining. */
export interface Joined {
  readonly bundles: Bundles;
  /** What of it is not used, and why. */
  readonly problems: readonly string[];
}

/**
 * Join them. Of a domain that is named twice, all roots count; our own domain's are ours alone. A file
 * that is broken now leaves that domain as it was before.
 */
export function joinBundles(
  own: Roots,
  imported: readonly ImportedBundle[],
  peers: readonly PeerBundle[],
  before: Bundles,
): Joined {
  const all = new Map<string, X509Certificate[]>();
  const problems: string[] = [];
  const add = (trustDomain: string, roots: readonly X509Certificate[], from: string): void => {
    if (trustDomain === own.trustDomain) {
      problems.push(`${from} is a bundle of our own trust domain: only its own roots count`);
      return;
    }
    const known = all.get(trustDomain) ?? [];
    const fresh = roots.filter((root) => !known.some((one) => one.raw.equals(root.raw)));
    all.set(trustDomain, [...known, ...fresh]);
  };
  for (const { trustDomain, path, bundle, error } of imported) {
    if (bundle !== undefined) add(trustDomain, bundle.roots, path);
    else if (error !== undefined) {
      problems.push(error.message);
      const last = before.get(trustDomain);
      if (last !== undefined) add(trustDomain, last, path);
    }
  }
  for (const { site, path, bundle, error } of peers) {
    if (bundle !== undefined) add(bundle.trustDomain, bundle.roots, path);
    if (error !== undefined) problems.push(`site ${site}: ${error.message}`);
  }
  const sorted = [...all].sort(([a], [b]) => (a < b ? -1 : 1));
  const ours = own.roots.map(({ certificate }) => certificate);
  return { bundles: new Map([[own.trustDomain, ours], ...sorted]), problems };
}
