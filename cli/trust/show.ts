// SPDX-License-Identifier: Apache-2.0
/** `wanwire trust show` and `list`: our own roots, and whom else the site trusts. */
import type { X509Certificate } from 'node:crypto';
import { validity } from '../../api/identity/svid.js';
import { importedBundles } from '../../manager/authority/bundle-folder.js';
import { peerBundles } from '../../manager/authority/peer-bundles.js';
import { readRoots, signingRoot, type Root, type Roots } from '../../manager/authority/roots.js';
import { paint } from '../paint.js';
import { tableLines } from '../plane/lines.js';
import { chooseTrust, type TrustChoice, type TrustOptions } from './folder.js';

/** Options of both. */
export interface ShowOptions extends TrustOptions {
  readonly json?: boolean;
}

/** A bundle of another trust domain. */
export interface Foreign {
  /** Nothing where the file is so broken that it names none. */
  readonly trustDomain: string | null;
  readonly roots: number;
  /** When the last of its roots ends, ISO 8601. */
  readonly until: string | null;
  /** `imported`, or `spec.peers (SITE)`. */
  readonly from: string;
  readonly path: string;
  /** Why it is not used. */
  readonly error: string | null;
}

/** Show our own trust domain, and the names of the others. */
export async function showTrust(options: ShowOptions): Promise<void> {
  const choice = await chooseTrust(options);
  const nowMs = Date.now();
  const own = await readRoots(choice.folder);
  const others = await foreign(choice, nowMs);
  const roots = own === undefined ? [] : own.roots.map((root) => rootText(own, root, nowMs));
  const trustDomain = own?.trustDomain ?? choice.site?.trustDomain ?? null;
  if (options.json === true) {
    const told = { trustDomain, folder: choice.folder, roots, federated: others };
    process.stdout.write(`${JSON.stringify(told)}\n`);
    return;
  }
  const style = paint(process.stdout);
  const lines = [
    `${style.bold(`trust domain ${trustDomain ?? 'of no name yet'}`)}  ${choice.folder}`,
  ];
  if (own === undefined) {
    lines.push('no root yet: the manager makes one when it first starts (wanwire up)');
  }
  lines.push(
    ...tableLines(
      roots,
      [
        { title: 'ROOT', text: ({ fingerprint }) => fingerprint.slice(0, 16) },
        { title: 'STATE', text: ({ state }) => state },
        { title: 'SIGNS FROM', text: ({ signsFrom }) => signsFrom },
        { title: 'TRUSTED UNTIL', text: ({ until }) => until },
      ],
      style,
    ),
  );
  const usable = [...new Set(others.flatMap((one) => (one.error === null ? one.trustDomain : [])))];
  lines.push(
    `also trusted: ${usable.length === 0 ? 'none (wanwire trust import)' : usable.join(', ')}`,
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** List the bundles of other trust domains. */
export async function listTrust(options: ShowOptions): Promise<void> {
  const choice = await chooseTrust(options);
  const all = await foreign(choice, Date.now());
  if (options.json === true) {
    process.stdout.write(all.map((one) => `${JSON.stringify(one)}\n`).join(''));
    return;
  }
  if (all.length === 0) {
    process.stderr.write(`no other trust domain is trusted here (wanwire trust import)\n`);
    return;
  }
  const style = paint(process.stdout);
  const lines = tableLines(
    all,
    [
      { title: 'TRUST DOMAIN', text: (one) => one.trustDomain ?? '' },
      { title: 'ROOTS', text: (one) => String(one.roots), right: true },
      { title: 'UNTIL', text: (one) => one.until ?? '' },
      { title: 'FROM', text: (one) => one.from },
      { title: 'STATE', text: (one) => one.error ?? 'trusted' },
    ],
    style,
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function foreign({ folder, site }: TrustChoice, nowMs: number): Promise<readonly Foreign[]> {
  const imported = await importedBundles(folder, nowMs);
  const ofPeers = await peerBundles(site?.peers ?? [], nowMs);
  return [
    ...imported.map(({ trustDomain, path, bundle, error }) => ({
      ...{ trustDomain, path, from: 'imported', error: error?.message ?? null },
      ...lifeOf(bundle?.roots ?? []),
    })),
    ...ofPeers.map(({ site: peer, path, bundle, error }) => ({
      ...{ trustDomain: bundle?.trustDomain ?? null, path, error: error?.message ?? null },
      from: `spec.peers (${peer})`,
      ...lifeOf(bundle?.roots ?? []),
    })),
  ];
}

function lifeOf(roots: readonly X509Certificate[]): Pick<Foreign, 'roots' | 'until'> {
  const ends = roots.map((root) => validity(root).notAfterMs);
  return { roots: roots.length, until: ends.length === 0 ? null : time(Math.max(...ends)) };
}

function rootText(own: Roots, root: Root, nowMs: number) {
  const signer = signingRoot(own, nowMs);
  const state =
    root === signer ? 'signs' : root.signsFromMs > nowMs ? 'comes next' : 'signs no more';
  return {
    fingerprint: root.certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    state,
    signsFrom: time(root.signsFromMs),
    until: time(root.endsMs),
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
