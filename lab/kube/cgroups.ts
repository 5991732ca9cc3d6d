// SPDX-License-Identifier: Apache-2.0
/** A cgroup of one's own in each hierarchy that is mounted: of version 1, of which there are many, or 2. */
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../file/mistakes.js';

/** Make them; resolves to their paths. What is left of a killed process, whose id stands at the end of the name, goes. */
export async function cgroupFolders(name: string): Promise<readonly string[]> {
  const mounts = (await readFile('/proc/mounts', 'utf8'))
    .split('\n')
    .map((line) => line.split(' '));
  const places = mounts.filter(([, at = '']) => at.startsWith('/sys/fs/cgroup'));
  const first = places.filter(([, , type]) => type === 'cgroup');
  const own = (await readFile('/proc/self/cgroup', 'utf8'))
    .split('\n')
    .map((line) => line.split(':'));
  const folders: string[] = [];
  for (const [, at = '', , options = ''] of first.length > 0 ? first : places) {
    const words = new Set(options.split(','));
    const [, , inside = '/'] =
      own.find(
        ([, names = '']) => names !== '' && names.split(',').every((one) => words.has(one)),
      ) ?? [];
    // Below ours, whose limits then hold; of version 2 that cannot be, for there are processes in ours.
    const ours = join(at, inside);
    const above = first.length > 0 && (await there(ours)) ? ours : at;
    await sweep(above);
    const folder = join(above, name);
    await mkdir(folder, { recursive: true });
    // Nobody may be in one that has no processors and no memory.
    for (const what of ['cpuset.cpus', 'cpuset.mems']) {
      const wanted = await readFile(join(above, what), 'utf8').catch(() => '');
      if (words.has('cpuset')) await writeFile(join(folder, what), wanted);
    }
    folders.push(folder);
  }
  return folders;
}

function there(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** They can be removed once what was in them is gone, which takes the kernel a moment. */
export async function removeCgroups(folders: readonly string[]): Promise<void> {
  const late = performance.now() + 10_000;
  for (const folder of folders) {
    for (;;) {
      const reason = await removeTree(folder).then(
        () => undefined,
        (why: unknown) => why as NodeJS.ErrnoException,
      );
      if (reason === undefined || reason.code === 'ENOENT') break;
      if (performance.now() > late) throw new LabError(`${folder} stays: ${reason.message}`);
      await sleep(20);
    }
  }
}

async function removeTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  }
  await rmdir(folder);
}

async function sweep(above: string): Promise<void> {
  for (const name of await readdir(above)) {
    const pid = /^wanwire-.*-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || (await there(`/proc/${pid}`))) continue;
    await removeTree(join(above, name)).catch(() => undefined);
  }
}
