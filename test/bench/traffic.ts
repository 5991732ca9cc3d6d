// SPDX-License-Identifier: Apache-2.0
/** What goes through a wire against what goes through a bare veth: iperf3 for the rate, an echo at a time for the round trip. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Player } from '../../lab/world.js';

/** Gbit/s of one TCP stream for `seconds` from `client` to `address` at `server`. */
export async function tcpGbits(
  client: Player,
  server: Player,
  address: string,
  seconds: number,
): Promise<number> {
  const namespace = `--net=/proc/${String(server.pid)}/ns/net`;
  const listener = spawn(
    'nsenter',
    [namespace, 'iperf3', '--server', '--one-off', '--forceflush'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const ended = once(listener, 'exit');
  // Its first line says that it listens.
  await Promise.race([
    once(listener.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('iperf3 does not start: apt-get install iperf3'))),
  ]);
  listener.stdout.resume();
  try {
    const args = ['--json', '--client', address, '--time', String(seconds), '--omit', '1'];
    const said = JSON.parse(await client.run('iperf3', ...args)) as {
      end: { sum_received: { bits_per_second: number } };
    };
    return said.end.sum_received.bits_per_second / 1e9;
  } finally {
    listener.kill();
    await ended;
  }
}

/** Round trips a second, one at a time, by `count` echoes from the kernel. */
export async function roundTrips(client: Player, address: string, count: number): Promise<number> {
  const said = await client.run('ping', '-n', '-q', '-f', `-c${String(count)}`, '-w20', address);
  const times = /(\d+) received.* time (\d+)ms/.exec(said);
  if (times === null) throw new Error(`ping ${address}: ${said}`);
  return (Number(times[1]) / Number(times[2])) * 1000;
}
