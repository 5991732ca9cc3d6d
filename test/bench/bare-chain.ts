// SPDX-License-Identifier: Apache-2.0
/** What our processes are compared with: three bare processes, as many hops as client, manager, forwarder and endpoint make. */
import { fileURLToPath } from 'node:url';
import { pod } from '../../lab/roles.js';
import type { World } from '../../lab/world.js';
import type { Channels } from '../../api/grpc/channel.js';
import { Caller } from '../stage/caller.js';
import { inodeUrl } from '../stage/processes.js';
import type { Side } from './side.js';

const hop = fileURLToPath(new URL('./bare-hop.js', import.meta.url));

/** Start it on a stage, with a pod of its own. */
export async function bareChain(world: World, channels: Channels): Promise<Side> {
  const socket = (name: string): string => world.path(`bare-${name}.sock`);
  const start = (name: string, ...args: string[]) =>
    world.start({
      name: `bare-${name}`,
      ...(name === 'end' ? { namespace: 'own' as const } : {}),
      command: [process.execPath, hop, ...args],
    });
  await start('end', 'end', socket('end'));
  await start('wire', 'wire', socket('wire'), socket('end'));
  await start('pass', 'pass', socket('pass'), socket('wire'));
  const barePod = await pod(world, 'bare-pod');
  return {
    caller: new Caller(channels.acquire(`unix://${socket('pass')}`), 'bench'),
    pod: barePod,
    podUrl: await inodeUrl(barePod.pid),
  };
}
