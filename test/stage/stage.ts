// SPDX-License-Identifier: Apache-2.0
/** The real processes on a stage, and a bare client to call them: for fault tests, integration tests and benchmarks. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import { channels } from '../../api/grpc/dial.js';
import type { Channel, Channels } from '../../api/grpc/channel.js';
import { silentLogger } from '../../api/log/log.js';
import { endpoint, forwarder, manager, pod, type Settings } from '../../lab/roles.js';
import { World, type Player } from '../../lab/world.js';
import { Caller } from './caller.js';
import { inodeUrl } from './processes.js';

/** Settings by process. */
export interface StageOptions {
  readonly manager?: Settings;
  readonly forwarder?: Settings;
  /** By the endpoint's name; none means one named `hello-1` that serves `hello`. */
  readonly endpoints?: Readonly<Record<string, Settings>>;
}

/** The built command, from the sources and from `dist`. */
const wanwire = [
  new URL('../../dist/cli/main.js', import.meta.url),
  new URL('../../cli/main.js', import.meta.url),
]
  .map((url) => fileURLToPath(url))
  .find((path) => existsSync(path));

/** A manager, a forwarder, endpoints and one pod without a process of ours. */
export class Stage implements AsyncDisposable {
  readonly world: World;
  readonly options: StageOptions;
  /** The namespace wires are asked for. */
  readonly pod: Player;
  /** `inode://` of {@link pod}. */
  readonly podUrl: string;
  /** To the sockets of this stage. */
  readonly channels: Channels & Disposable;

  private constructor(world: World, options: StageOptions, podPlayer: Player, podUrl: string) {
    this.world = world;
    this.options = options;
    this.pod = podPlayer;
    this.podUrl = podUrl;
    this.channels = channels({ dialTimeoutMs: 2_000, insecure: true, log: silentLogger() });
  }

  /** Everybody started and ready. */
  static async open(given: StageOptions = {}): Promise<Stage> {
    // In the machine's own namespace two forwarders of one name would be one, which sweeps.
    const NSM_NAME = `forwarder-${randomBytes(3).toString('hex')}`;
    const options = { ...given, forwarder: { NSM_NAME, ...given.forwarder } };
    if (wanwire === undefined) throw new Error('not built: run npm run build');
    const world = await World.open(wanwire);
    try {
      await world.start(manager(world, options.manager));
      const endpoints = Object.entries(options.endpoints ?? { 'hello-1': {} });
      const [podPlayer] = await Promise.all([
        pod(world, 'pod'),
        world.start(forwarder(world, options.forwarder)),
        ...endpoints.map(([name, settings]) => world.start(hello(world, name, settings))),
      ]);
      return new Stage(world, options, podPlayer, await inodeUrl(podPlayer.pid));
    } catch (reason) {
      await world[Symbol.asyncDispose]();
      throw reason;
    }
  }

  /** A channel to the manager, or to another socket in the stage's directory. */
  dial(socket = 'manager.sock'): Channel {
    return this.channels.acquire(`unix://${this.world.path(socket)}`);
  }

  /** A bare client of the manager. */
  caller(name = 'caller', lifetimeMs = 600_000): Caller {
    return new Caller(this.dial(), name, lifetimeMs);
  }

  /** Start a process again that has ended. */
  async restart(name: string): Promise<Player> {
    if (name === 'manager') return this.world.start(manager(this.world, this.options.manager));
    if (name === 'forwarder')
      return this.world.start(forwarder(this.world, this.options.forwarder));
    return this.world.start(hello(this.world, name, this.options.endpoints?.[name] ?? {}));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channels[Symbol.dispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

function hello(world: World, name: string, settings: Settings) {
  return endpoint(world, name, {
    NSM_SERVICE_NAMES: 'hello',
    NSM_CIDR_PREFIX: '[172.16.0.0/16],[2001:db8::/64]',
    ...settings,
  });
}
