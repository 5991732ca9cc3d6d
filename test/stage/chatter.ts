// SPDX-License-Identifier: Apache-2.0
/** Many TCP connections between two places of a lab, each of which says a little now and then. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Place } from '../../lab/place.js';

/** Where to, and how much. */
export interface ChatterOptions {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  /** Between two messages of 1,000 bytes of a connection. */
  readonly periodMs: number;
}

const listens = `
require('node:net').createServer((socket) => socket.on('error', () => {}).resume())
  .listen(Number(process.argv[1]), () => console.log('ready'));
process.stdin.on('end', () => process.exit()).resume();`;
const talks = `
const [, address, port, connections, period] = process.argv;
const all = Array.from({ length: Number(connections) }, () => {
  const socket = require('node:net').connect({ host: address, port: Number(port), noDelay: true });
  return socket.on('error', () => {}).resume();
});
const message = Buffer.alloc(1000);
let at = 0;
setInterval(() => {
  const socket = all[at++ % all.length];
  if (!socket.writableNeedDrain) socket.write(message);
}, Number(period) / all.length);
process.stdin.on('end', () => process.exit()).resume();
console.log('ready');`;

/** Start it; disposing it ends both ends. */
export async function chatter(
  from: Place,
  to: Place,
  { address, port, connections, periodMs }: ChatterOptions,
): Promise<AsyncDisposable> {
  const ends: ChildProcess[] = [];
  // They end with their standard input, even when we are killed.
  const start = async (place: Place, script: string, ...args: readonly unknown[]) => {
    const child = place.spawn(process.execPath, ['-e', script, ...args.map(String)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    ends.push(child);
    if (child.stdout === null) throw new TypeError('no pipe');
    await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
  };
  const stop = async (): Promise<void> => {
    for (const child of ends) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.stdin?.end();
      await gone;
    }
  };
  try {
    await start(to, listens, port);
    await start(from, talks, address, port, connections, periodMs);
  } catch (reason) {
    await stop();
    throw reason;
  }
  return { [Symbol.asyncDispose]: stop };
}
