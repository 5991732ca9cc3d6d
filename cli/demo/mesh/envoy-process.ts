// SPDX-License-Identifier: Apache-2.0
/** An Envoy that runs in a place of the lab as nobody (uid 65534), without any capability. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from '../../../lab/place.js';
import type { Player, World } from '../../../lab/world.js';

/** What it is started with. */
export interface EnvoyProcess {
  readonly world: World;
  readonly name: string;
  /** Where it runs. */
  readonly place: Place;
  /** The program. */
  readonly binary: string;
  /** Of its configuration, made if need be; nobody must be able to get there. */
  readonly folder: string;
  readonly bootstrap: object;
  /** It is ready when it listens here. */
  readonly port: number;
}

/** Its program is large, and a busy machine may take its time. */
const readyWithinMs = 60_000;

/** Start it; resolves when it listens. It ends with its world. */
export async function startEnvoy(options: EnvoyProcess): Promise<Player> {
  const { world, name, place, binary, folder, bootstrap } = options;
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  const config = join(folder, `${name}.json`);
  await writeOpen(config, JSON.stringify(bootstrap));
  // Opened as root, so that the program may lie where nobody else can go.
  const start = 'exec 3<"$0" && echo starting && shift && exec setpriv "$@"';
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs'];
  const bare = ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all'];
  const own = ['--pdeathsig', 'KILL', '--', '/proc/self/fd/3', '-c', config];
  const more = ['--disable-hot-restart', '--log-level', 'warning', '--concurrency', '2'];
  const player = await world.start({
    name,
    command: ['sh', '-c', start, binary, '-', ...nobody, ...bare, ...own, ...more],
    namespace: { netns: place.path },
  });
  await listens(player, options);
  return player;
}

/** Write a file for everybody to read, whatever our umask is. */
export async function writeOpen(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o644);
}

async function listens(player: Player, { place, port }: EnvoyProcess): Promise<void> {
  const wanted = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A `);
  const endMs = Date.now() + readyWithinMs;
  const stop = new AbortController();
  void player.ended.then(() => {
    stop.abort();
  });
  while (!wanted.test(await place.exec('cat', '/proc/net/tcp', '/proc/net/tcp6'))) {
    if (stop.signal.aborted || Date.now() > endMs) {
      throw new Error(`Envoy does not listen:\n${player.log()}`);
    }
    await sleep(50);
  }
}
