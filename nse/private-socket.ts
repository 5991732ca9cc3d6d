// SPDX-License-Identifier: Apache-2.0
/**
 * A unix socket that only this user can reach, in a fresh folder of its own.
 * An endpoint that was killed leaves its folder; the next endpoint removes it.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where to listen, until disposed. */
export interface PrivateSocket extends AsyncDisposable {
  /** `unix:///path`; nothing is there yet. */
  readonly url: string;
}

const prefix = 'wanwire-nse-';
const file = 'listen.on';

/** A new one in `base`; removes what dead endpoints of this user left there. */
export async function privateSocket(base: string = tmpdir()): Promise<PrivateSocket> {
  await sweep(base);
  const folder = await mkdtemp(join(base, prefix));
  return {
    url: `unix://${join(folder, file)}`,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function sweep(base: string): Promise<void> {
  const names = await readdir(base);
  const folders = names.filter((name) => name.startsWith(prefix)).map((name) => join(base, name));
  await Promise.all(
    folders.map(async (folder) => {
      if (await isDead(folder)) await rm(folder, { recursive: true, force: true });
    }),
  );
}

/** A socket of ours on which nobody listens. A folder without one may be a live endpoint's that has just begun. */
async function isDead(folder: string): Promise<boolean> {
  const path = join(folder, file);
  try {
    const { uid } = await stat(path);
    return uid === process.getuid?.() && (await isRefused(path));
  } catch {
    return false;
  }
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(path);
    connection.once('connect', () => {
      connection.destroy();
      resolve(false);
    });
    connection.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED');
    });
  });
}
