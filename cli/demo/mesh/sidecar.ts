// SPDX-License-Identifier: Apache-2.0
/**
 * A real Envoy beside the app: in the client's namespace, as nobody and without any capability. Its
 * routes are in a file of their own, which Envoy watches: another file in its place is in force at once,
 * and no connection ends for it.
 */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from '../../../lab/place.js';
import type { Player, World } from '../../../lab/world.js';

/** What it is made of. */
export interface SidecarOptions {
  readonly world: World;
  /** Where it runs. */
  readonly place: Place;
  /** The program. */
  readonly binary: string;
  /** Made if need be; nobody (uid 65534) must be able to get there. */
  readonly folder: string;
  /** Its configuration, with the routes in it. */
  readonly bootstrap: object;
  /** It is ready when it listens here. */
  readonly port: number;
}

const readyWithinMs = 20_000;

/** See the head of this file. It ends with its world. */
export class Sidecar {
  readonly #options: SidecarOptions;
  #player: Player;

  private constructor(options: SidecarOptions, player: Player) {
    this.#options = options;
    this.#player = player;
  }

  /** Start it; resolves when it listens. */
  static async start(options: SidecarOptions): Promise<Sidecar> {
    await mkdir(options.folder, { recursive: true });
    await chmod(options.folder, 0o755);
    const sidecar = new Sidecar(options, await begin(options));
    await sidecar.#listens();
    return sidecar;
  }

  /** Its process. */
  get pid(): number {
    return this.#player.pid;
  }

  /** Put the routes of another configuration in force. */
  async swap(bootstrap: object): Promise<void> {
    await writeRoutes(this.#options.folder, apart(bootstrap).routes);
  }

  /** Kill it, and start another with the configuration as it began. */
  async restart(): Promise<void> {
    await this.end();
    this.#player = await begin(this.#options);
    await this.#listens();
  }

  /** End it. */
  async end(): Promise<void> {
    await this.#player.end('SIGKILL');
  }

  async #listens(): Promise<void> {
    const { place, port } = this.#options;
    const wanted = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A `);
    const endMs = Date.now() + readyWithinMs;
    const stop = new AbortController();
    void this.#player.ended.then(() => {
      stop.abort();
    });
    while (!wanted.test(await place.exec('cat', '/proc/net/tcp', '/proc/net/tcp6'))) {
      if (stop.signal.aborted || Date.now() > endMs) {
        throw new Error(`Envoy does not listen:\n${this.#player.log()}`);
      }
      await sleep(50);
    }
  }
}

async function begin(options: SidecarOptions): Promise<Player> {
  const { world, place, binary, folder, bootstrap } = options;
  const { config, routes } = apart(bootstrap, join(folder, routesFile));
  await writeRoutes(folder, routes);
  await writeOpen(join(folder, 'envoy.json'), config);
  // Opened as root, so that the program may lie where nobody else can go.
  const start = 'exec 3<"$0" && echo starting && shift && exec setpriv "$@"';
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs'];
  const bare = ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all'];
  const own = ['--pdeathsig', 'KILL', '--', '/proc/self/fd/3', '-c', join(folder, 'envoy.json')];
  const more = ['--disable-hot-restart', '--log-level', 'warning', '--concurrency', '2'];
  return world.start({
    name: 'envoy',
    command: ['sh', '-c', start, binary, '-', ...nobody, ...bare, ...own, ...more],
    namespace: { netns: place.path },
  });
}

const routesFile = 'routes.json';

/** Written beside it and renamed: Envoy never reads half of it. */
async function writeRoutes(folder: string, routes: object): Promise<void> {
  const path = join(folder, routesFile);
  await writeOpen(`${path}.new`, { resources: [routes] });
  await rename(`${path}.new`, path);
}

/** For everybody to read, whatever our umask is. */
async function writeOpen(path: string, content: unknown): Promise<void> {
  await writeFile(path, JSON.stringify(content));
  await chmod(path, 0o644);
}

type Json = Readonly<Record<string, unknown>>;
const managerType = /\.HttpConnectionManager$/;
const routesType = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';

/** A configuration without its routes, which it reads from a file, and the routes. */
export function apart(
  bootstrap: object,
  path = '',
): { readonly config: unknown; readonly routes: object } {
  let routes: Json | undefined;
  const walk = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(walk);
    if (typeof part !== 'object' || part === null) return part;
    const { route_config: own, ...rest } = part as Json;
    if (own === undefined || !managerType.test(String(rest['@type']))) {
      return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, walk(value)]));
    }
    const name = 'routes';
    routes = { '@type': routesType, ...(own as Json), name };
    const source = { path, watched_directory: { path: path.replace(/\/[^/]*$/, '') } };
    const config = { resource_api_version: 'V3', path_config_source: source };
    return { ...rest, rds: { route_config_name: name, config_source: config } };
  };
  const config = walk(bootstrap);
  if (routes === undefined) throw new Error('the configuration has no routes');
  return { config, routes };
}
