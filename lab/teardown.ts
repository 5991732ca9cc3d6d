// SPDX-License-Identifier: Apache-2.0
/** Takes a lab away, whole or half made: relays, what runs in its namespaces, the namespaces, its folder. */
import { stat } from 'node:fs/promises';
import type { Commands } from './commands.js';
import { end, processesIn } from './process.js';
import type { StateFolder } from './state.js';
import { endRelays } from './wires/relay.js';

/** What a process in a namespace gets before it is killed. */
const patienceMs = 3_000;

/** In an order in which every step can be done again; the folder, which tells what there is, goes last. */
export async function teardown(folder: StateFolder, commands: Commands): Promise<void> {
  // Written before the first namespace was made: without it there is none.
  const namespaces = (await folder.read())?.namespaces ?? [];
  await endRelays(folder.path);
  const there = await existing(namespaces);
  for (const round of [1, 2]) {
    const inodes = new Set(there.map(({ inode }) => inode));
    const processes = await processesIn(inodes);
    await Promise.all(processes.map((one) => end(one, round === 1 ? patienceMs : 0)));
    // What ended may have started something in its last moment.
    if (processes.length === 0) break;
  }
  await commands.ip(there.map(({ netns }) => `netns del ${netns}`));
  await folder.remove();
}

/** Those that there are, with their inodes. */
export async function existing(
  namespaces: readonly string[],
): Promise<{ readonly netns: string; readonly inode: bigint }[]> {
  const found = await Promise.all(
    namespaces.map(async (netns) => {
      const at = await stat(`/run/netns/${netns}`, { bigint: true }).catch(() => undefined);
      return at === undefined ? [] : { netns, inode: at.ino };
    }),
  );
  return found.flat();
}
