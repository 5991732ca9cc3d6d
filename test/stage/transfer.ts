// SPDX-License-Identifier: Apache-2.0
/** A TCP transfer between two places of a lab, of which every byte is sent back and compared. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Place } from '../../lab/place.js';

/** What became of a transfer. */
export interface Transferred {
  readonly sent: number;
  /** That came back. */
  readonly checked: number;
  /** Of those, in parts that are not what was sent. */
  readonly wrong: number;
  /** What broke it: ECONNRESET and the like. */
  readonly error: string;
}

/** One that runs. Disposing it ends its processes. */
export interface Transfer extends AsyncDisposable {
  /** Send no more, wait for the rest to come back. */
  finish(): Promise<Transferred>;
}

/** Where it goes. */
export interface TransferOptions {
  readonly address: string;
  readonly port?: number;
  readonly kibPerSecond?: number;
}

const script = fileURLToPath(new URL('./transfer-end.ts', import.meta.url));

/** Start it; resolves when it is connected. */
export async function transfer(
  from: Place,
  to: Place,
  { address, port = 7007, kibPerSecond = 2048 }: TransferOptions,
): Promise<Transfer> {
  const start = (place: Place, ...args: readonly string[]): ChildProcess =>
    place.spawn(process.execPath, [...process.execArgv, script, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  const ends: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const child of ends) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  };
  try {
    const server = start(to, 'server', String(port));
    ends.push(server);
    await said(server);
    const client = start(from, 'client', address, String(port), String(kibPerSecond));
    ends.push(client);
    const lines = client.stdout && createInterface({ input: client.stdout });
    if (lines === null) throw new Error('no pipe');
    await once(lines, 'line', { signal: AbortSignal.timeout(20_000) });
    const last = once(lines, 'line');
    return {
      async finish() {
        client.stdin?.end();
        const [line] = (await last) as [string];
        return JSON.parse(line) as Transferred;
      },
      [Symbol.asyncDispose]: stop,
    };
  } catch (reason) {
    await stop();
    throw reason;
  }
}

async function said(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('no pipe');
  await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
}
