// SPDX-License-Identifier: Apache-2.0
/** A TCP stream of requests' tokens between two places, sent there and back. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Place } from '../../lab/place.js';

/** Where it goes, and how many tokens. */
export interface StreamOptions {
  readonly address: string;
  readonly port?: number;
  readonly count: number;
}

const script = fileURLToPath(new URL('./stream-end.ts', import.meta.url));

/** Resolves when all came back. */
export async function stream(
  from: Place,
  to: Place,
  { address, port = 7009, count }: StreamOptions,
): Promise<void> {
  const start = (place: Place, ...args: readonly string[]) =>
    place.spawn(process.execPath, [...process.execArgv, script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const server = start(to, 'server', String(port));
  try {
    if (server.stdout === null) throw new TypeError('no pipe');
    await once(server.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
    const client = start(from, 'client', address, String(port), String(count));
    const [code] = (await once(client, 'exit')) as [number | null];
    if (code !== 0) throw new Error('the stream did not come back');
  } finally {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
}
