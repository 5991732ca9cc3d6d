// SPDX-License-Identifier: Apache-2.0
/** The bundles that a site's file names for its peers (`spec.peers[].trustBundle`). */
import { open } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import { invalid, WireError } from '../../api/errors/wire-error.js';
import type { SitePeer } from '../../api/site/types.js';
import { mostBundleBytes, parseBundle, type Bundle } from './bundle-text.js';

/** A peer's file: its bundle, or why there is none. */
export interface PeerBundle {
  readonly site: string;
  readonly path: string;
  readonly bundle: Bundle | undefined;
  readonly error: Error | undefined;
}

/** What of a peer counts here. */
export type TrustedPeer = Pick<SitePeer, 'site' | 'trustDomain' | 'trustBundle'>;

/** Read the file of each peer that has one. One that is broken counts as it was `before`, one that is gone does not. */
export async function peerBundles(
  peers: readonly TrustedPeer[],
  nowMs: number,
  before: readonly PeerBundle[] = [],
): Promise<readonly PeerBundle[]> {
  return Promise.all(
    peers.flatMap(({ site, trustDomain, trustBundle: path }) => {
      if (path === undefined) return [];
      const known = before.find((one) => one.site === site && one.path === path);
      return [read(site, trustDomain, path, nowMs, known)];
    }),
  );
}

async function read(
  site: string,
  trustDomain: string | undefined,
  path: string,
  nowMs: number,
  before: PeerBundle | undefined,
): Promise<PeerBundle> {
  try {
    const bundle = parseBundle(await bundleFile(path), { field: path, trustDomain, nowMs });
    return { site, path, bundle, error: undefined };
  } catch (reason) {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    const gone = error instanceof WireError && error.code === status.NOT_FOUND;
    return { site, path, bundle: gone ? undefined : before?.bundle, error };
  }
}

/** The text of a bundle's file that may be anybody's; NOT_FOUND, or INVALID_ARGUMENT where it is too large. */
export async function bundleFile(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const found = await file.stat();
      if (!found.isFile()) throw invalid(path, 'no file', 'a file with a bundle');
      if (found.size > mostBundleBytes) {
        const most = `at most ${String(mostBundleBytes)} bytes`;
        throw invalid(path, `${String(found.size)} bytes`, most);
      }
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (reason) {
    if (reason instanceof WireError || !(reason instanceof Error)) throw reason;
    if (codeOf(reason) === 'ENOENT') {
      throw new WireError(status.NOT_FOUND, `${path} is not there: want a file with a bundle`);
    }
    throw invalid(path, reason.message, 'a file that can be read');
  }
}

function codeOf(reason: unknown): unknown {
  return reason instanceof Error && 'code' in reason ? reason.code : undefined;
}
