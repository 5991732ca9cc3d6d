// SPDX-License-Identifier: Apache-2.0
/** The real processes on a stage, and a bare client to call them: for fault tests, integration tests and benchmarks. */
import { randomBytes } from 'node:crypto';
import { channels } from '../../api/grpc/dial.js';
import type { Channel, Channels } from '../../api/grpc/channel.js';
import { insecure, spiffe, type Security } from '../../api/identity/security.js';
import { workloadIdentity } from '../../api/identity/workload-api.js';
import { systemClock } from '../../api/chain/clock.js';
import { silentLogger } from '../../api/log/log.js';
import { agentSocket, endpoint, forwarder, manager, pod, type Settings } from '../../lab/roles.js';
import { World, type Player } from '../../lab/world.js';
import { Caller } from './caller.js';
import { inodeUrl } from './processes.js';
import { command as built } from './command.js';

/** Settings by process. */
export interface StageOptions {
  /** For all of them; `WANWIRE_INSECURE` among them: without identities. */
  readonly all?: Settings;
  readonly manager?: Settings;
  readonly forwarder?: Settings;
  /** By the endpoint's name; none means one named `hello-1` that serves `hello`. */
  readonly endpoints?: Readonly<Record<string, Settings>>;
}

const wanwire = built();

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

  readonly #security: Security;
  readonly #others: Disposable[] = [];

  private constructor(
    world: World,
    options: StageOptions,
    podPlayer: Player,
    podUrl: string,
    security: Security,
  ) {
    this.world = world;
    this.options = options;
    this.pod = podPlayer;
    this.podUrl = podUrl;
    this.#security = security;
    this.channels = channels({ security, dialTimeoutMs: 2_000, log: silentLogger() });
  }

  /** Everybody started and ready. */
  static async open(given: StageOptions = {}): Promise<Stage> {
    // In the machine's own namespace two forwarders of one name would be one, which sweeps.
    const NSM_NAME = `forwarder-${randomBytes(3).toString('hex')}`;
    const options = { ...given, forwarder: { NSM_NAME, ...given.forwarder } };
    const world = await World.open(wanwire);
    try {
      await world.start(manager(world, of(options, 'manager')));
      const endpoints = Object.entries(options.endpoints ?? { 'hello-1': {} });
      const [podPlayer] = await Promise.all([
        pod(world, 'pod'),
        world.start(forwarder(world, of(options, 'forwarder'))),
        ...endpoints.map(([name, settings]) =>
          world.start(hello(world, name, { ...options.all, ...settings })),
        ),
      ]);
      const security = await securityOf(world, options);
      return new Stage(world, options, podPlayer, await inodeUrl(podPlayer.pid), security);
    } catch (reason) {
      await world[Symbol.asyncDispose]();
      throw reason;
    }
  }

  /** A channel to the manager, or to another socket in the stage's directory. */
  dial(socket = 'manager.sock'): Channel {
    return this.channels.acquire(`unix://${this.world.path(socket)}`);
  }

  /** A bare client of the manager; its tokens live for ten minutes, or `lifetimeMs`. */
  caller(name = 'caller', lifetimeMs?: number): Caller {
    if (lifetimeMs === undefined) return new Caller(this.dial(), name);
    if (this.#security.kind === 'insecure') return new Caller(this.dial(), name, lifetimeMs);
    const security = { ...this.#security, tokenLifetimeMs: lifetimeMs };
    const own = channels({ security, dialTimeoutMs: 2_000, log: silentLogger() });
    this.#others.push(own);
    return new Caller(own.acquire(`unix://${this.world.path('manager.sock')}`), name);
  }

  /** Told of each new SVID of this stage's own, until the answer is called. */
  onRotation(listener: (serial: string) => void): () => void {
    const security = this.#security;
    if (security.kind === 'insecure') return () => undefined;
    return security.source.onChange(() => {
      listener(security.source.current().svid.certificate.serialNumber);
    });
  }

  /** Start a process again that has ended. */
  async restart(name: string): Promise<Player> {
    if (name === 'manager')
      return this.world.start(manager(this.world, of(this.options, 'manager')));
    if (name === 'forwarder')
      return this.world.start(forwarder(this.world, of(this.options, 'forwarder')));
    const settings = { ...this.options.all, ...this.options.endpoints?.[name] };
    return this.world.start(hello(this.world, name, settings));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [this.channels, ...this.#others]) one[Symbol.dispose]();
    this.#security[Symbol.dispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

function of(options: StageOptions, role: 'manager' | 'forwarder'): Settings {
  return { ...options.all, ...options[role] };
}

/** The identity of this process, by the stage's manager. */
async function securityOf(world: World, { all }: StageOptions): Promise<Security> {
  if (all?.['WANWIRE_INSECURE'] === 'true') return insecure('test');
  const around = { log: silentLogger(), clock: systemClock, signal: AbortSignal.timeout(30_000) };
  return spiffe(await workloadIdentity(agentSocket(world), around));
}

function hello(world: World, name: string, settings: Settings) {
  return endpoint(world, name, {
    NSM_SERVICE_NAMES: 'hello',
    NSM_CIDR_PREFIX: '[172.16.0.0/16],[2001:db8::/64]',
    ...settings,
  });
}
