// SPDX-License-Identifier: Apache-2.0
/** The bundles that were imported: one file a trust domain, in the folder of our own roots. */
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { parseTrustDomain } from '../../api/identity/spiffe-id.js';
import { bundleJson, mostBundleBytes, parseBundle, type Bundle } from './bundle-text.js';
import { ownFolder, readOwn, writeOwn } from './own-file.js';

/** A file of the folder: its bundle, or why there is none. */
export interface ImportedBundle {
  readonly trustDomain: string;
  readonly path: string;
  readonly bundle: Bundle | undefined;
  readonly error: WireError | undefined;
}

const ending = '.bundle.json';
/** More sites than that have SPIRE. */
const mostBundles = 1_024;

/** Every imported bundle, by its domain's name; none where there is no folder. */
export async function importedBundles(
  folder: string,
  nowMs: number,
): Promise<readonly ImportedBundle[]> {
  const names = await readdir(folder).catch((reason: unknown) => {
    if (reason instanceof Error && 'code' in reason && reason.code === 'ENOENT') return [];
    throw reason;
  });
  const files = names.filter((name) => name.endsWith(ending)).sort();
  return Promise.all(
    files.slice(0, mostBundles).map(async (name) => {
      const trustDomain = name.slice(0, -ending.length);
      const path = join(folder, name);
      return { trustDomain, path, ...(await readBundle(path, trustDomain, nowMs)) };
    }),
  );
}

async function readBundle(
  path: string,
  trustDomain: string,
  nowMs: number,
): Promise<Pick<ImportedBundle, 'bundle' | 'error'>> {
  try {
    const text = (await readOwn(path, mostBundleBytes)) ?? '';
    return { bundle: parseBundle(text, { field: path, trustDomain, nowMs }), error: undefined };
  } catch (reason) {
    if (!(reason instanceof WireError)) throw reason;
    return { bundle: undefined, error: reason };
  }
}

/** Keep a bundle in the place of an earlier one of its domain; tells whether there was one. */
export async function importBundle(folder: string, bundle: Bundle): Promise<'new' | 'replaced'> {
  await ownFolder(folder);
  const path = pathOf(folder, bundle.trustDomain);
  const before = await readOwn(path, mostBundleBytes).catch(() => '');
  await writeOwn(path, bundleJson(bundle));
  return before === undefined ? 'new' : 'replaced';
}

/** Forget an imported bundle; NOT_FOUND where there is none. */
export async function removeBundle(folder: string, trustDomain: string): Promise<void> {
  const name = parseTrustDomain(trustDomain);
  try {
    await unlink(pathOf(folder, name));
  } catch (reason) {
    if (!(reason instanceof Error && 'code' in reason && reason.code === 'ENOENT')) throw reason;
    const text = `no bundle of trust domain ${name} was imported (wanwire trust list)`;
    throw new WireError(status.NOT_FOUND, text);
  }
}

function pathOf(folder: string, trustDomain: string): string {
  return join(folder, `${trustDomain}${ending}`);
}
