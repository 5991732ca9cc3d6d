// SPDX-License-Identifier: Apache-2.0
/**
 * Sites: real managers on real sockets, in this process or in ones of their own, with
 * forwarders and endpoints that touch no kernel. Control addresses are loopback ones of this process alone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { systemClock as clock } from '../../api/chain/clock.js';
import { readEnvironment } from '../../api/env/read-environment.js';
import {
  Connection,
  MonitorConnectionService,
  MonitorScopeSelector,
} from '../../api/gen/connection.js';
import { NetworkServiceRequest, NetworkServiceService } from '../../api/gen/networkservice.js';
import { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { Channel } from '../../api/grpc/channel.js';
import { channels } from '../../api/grpc/dial.js';
import { insecure } from '../../api/identity/security.js';
import { silentLogger } from '../../api/log/log.js';
import { findAll } from '../../api/registry/look-up.js';
import { remoteRegistries } from '../../api/registry/remote.js';
import type { Found } from '../../api/registry/registry.js';
import type { NetworkServiceDocument } from '../../api/site/types.js';
import { table } from '../../manager/config.js';
import { start } from '../../manager/main.js';
import type { SiteSource, SiteText } from '../../manager/sites/sites.js';
import { endpointOf, forwarderOf, type Seen } from './site-members.js';

/** A loopback address of this process alone, so that tests may run at the same time. */
const host = `127.${String(64 + ((process.pid >> 16) & 63))}.${String((process.pid >> 8) & 255)}.${String(process.pid & 255)}`;
const places = (...ports: readonly number[]): readonly string[] =>
  ports.map((port) => `${host}:${String(port)}`);

/** Addresses that nobody has unless a test says so. */
export const lan = places(5004);

/** What is said of a site. */
export interface SiteSketch {
  readonly name: string;
  readonly control: readonly string[];
  readonly peers: readonly { readonly site: string; readonly control: readonly string[] }[];
  /** How long tokens of its processes live. */
  readonly tokenMs?: number;
  readonly holdMs?: number;
}

/** A site with two control addresses that knows nobody. */
export const cloud: SiteSketch = { name: 'cloud', control: places(5001, 5002), peers: [] };
/** A site that knows {@link cloud}. */
export const edge: SiteSketch = {
  name: 'edge',
  control: places(5003),
  peers: [{ site: 'cloud', control: cloud.control }],
};

/** A site's files without files. */
export class Files implements SiteSource {
  current: SiteText;
  readonly #listeners: ((files: SiteText) => void)[] = [];

  constructor({ name, control, peers }: SiteSketch) {
    this.current = textOf({ name, control, peers }, []);
  }

  onChange(changed: (files: SiteText) => void): void {
    this.#listeners.push(changed);
  }

  change(change: Partial<SiteSketch>, services?: readonly NetworkServiceDocument[]): void {
    const { site, networkServices } = this.current;
    this.current = textOf({ ...site, ...change }, services ?? networkServices);
    for (const listener of this.#listeners) listener(this.current);
  }
}

function textOf(
  { name, control, peers }: Pick<SiteSketch, 'name' | 'control' | 'peers'>,
  networkServices: readonly NetworkServiceDocument[],
): SiteText {
  const all = peers.map((peer) => ({ ...peer, trustDomain: undefined, trustBundle: undefined }));
  return { site: { name, control, peers: all }, networkServices };
}

/** A manager that was started. */
export interface Launched {
  readonly urls: readonly string[];
  close(): Promise<void>;
}

/** Starts a manager with that environment for a site. */
export type Launch = (env: Readonly<Record<string, string>>, files: Files) => Promise<Launched>;

const inThisProcess: Launch = (env, files) => start(readEnvironment(table, env).config, log, files);

const log = silentLogger();
const tenMinutesMs = 600_000;

/** One site: its manager, its forwarder, and a client. */
export class Site {
  readonly files: Files;
  readonly url: string;
  readonly #t: Test;
  readonly #sketch: SiteSketch;
  readonly #folder: string;
  readonly #channel: Channel;
  readonly #launch: Launch;
  #manager: Launched | undefined;

  private constructor(t: Test, sketch: SiteSketch, folder: string, launch: Launch) {
    this.files = new Files(sketch);
    this.#t = t;
    this.#sketch = sketch;
    this.#folder = folder;
    this.#launch = launch;
    this.url = `unix://${join(folder, 'manager.sock')}`;
    this.#channel = dial(t, this.url, 'client', sketch.tokenMs);
  }

  static async open(t: Test, sketch: SiteSketch, launch = inThisProcess): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'ww-site-'));
    const site = new Site(t, sketch, folder, launch);
    t.teardown(async () => {
      await site.stop();
      await rm(folder, { recursive: true });
    });
    await site.start();
    await forwarderOf(t, {
      ...site.#member(`forwarder-${sketch.name}`),
      files: site.files,
      holdMs: sketch.holdMs ?? tenMinutesMs,
    });
    return site;
  }

  async start(): Promise<void> {
    const env = {
      NSM_NAME: `nmgr-${this.#sketch.name}`,
      NSM_LISTEN_ON: this.url,
      NSM_MAX_TOKEN_LIFETIME: `${String(this.#sketch.tokenMs ?? tenMinutesMs)}ms`,
      WANWIRE_HOLD: `${String(this.#sketch.holdMs ?? tenMinutesMs)}ms`,
      WANWIRE_INSECURE: 'true',
      WANWIRE_EXCLUDED_PREFIXES_FILE: join(this.#folder, 'excluded.yaml'),
    };
    this.#manager = await this.#launch(env, this.files);
  }

  async stop(): Promise<void> {
    await this.#manager?.close();
    this.#manager = undefined;
  }

  /** Not to be reached by other sites any more, and again. */
  async deafen(): Promise<void> {
    this.files.change({ control: [] });
    while (this.#listens()) await soon();
  }

  async hear(): Promise<void> {
    const { control } = this.#sketch;
    this.files.change({ control });
    await this.listensOn(control);
  }

  #listens(): boolean {
    return this.#manager?.urls.some((url) => url.startsWith('tcp:')) === true;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Resolves once the manager listens there. */
  async listensOn(control: readonly string[]): Promise<void> {
    const missing = (): boolean =>
      control.some((place) => this.#manager?.urls.includes(`tcp://${place}`) !== true);
    while (missing()) await soon();
  }

  /** An endpoint of `wan`; what it was asked is in `seen`. */
  async endpoint(name: string, labels: Readonly<Record<string, string>> = {}): Promise<Seen> {
    return await endpointOf(this.#t, { ...this.#member(name), labels });
  }

  services(name: string): Promise<NetworkService[]> {
    return servicesOf(this.#channel, name);
  }

  endpoints(query: Partial<NetworkServiceEndpoint>): Promise<NetworkServiceEndpoint[]> {
    const { endpoints } = remoteRegistries(this.#channel);
    return findAll(call(), endpoints, NetworkServiceEndpoint.fromPartial(query));
  }

  async register(name: string): Promise<void> {
    await registerAt(dial(this.#t, this.url, name), name);
  }

  /** Each change of who serves `service`. */
  watch(service: string): AsyncIterator<Found<NetworkServiceEndpoint>> {
    const { endpoints } = remoteRegistries(this.#channel);
    const query = NetworkServiceEndpoint.fromPartial({ networkServiceNames: [service] });
    const abort = new AbortController();
    this.#t.teardown(() => {
      abort.abort();
    });
    const found = endpoints.find({ ...call(), signal: abort.signal }, query, true);
    return found[Symbol.asyncIterator]();
  }

  /** Each change of a connection that the manager tells of. */
  events(): AsyncIterator<Connection> {
    const abort = new AbortController();
    this.#t.teardown(() => {
      abort.abort();
    });
    return connectionsOf(this.#channel, abort.signal);
  }

  /** Another site's manager, as this one sees it: on a control address. */
  stranger(): { services: Site['services']; register: Site['register'] } {
    const url = `tcp://${this.#sketch.control[0] ?? ''}`;
    const channel = dial(this.#t, url);
    return {
      services: (name) => servicesOf(channel, name),
      register: (name) => registerAt(dial(this.#t, url, name), name),
    };
  }

  /** The first Request of a client. */
  ask(networkService: string, id = 'client-0'): Promise<Connection> {
    const path = { index: 0, pathSegments: [{ name: 'client', id }] };
    const labels = { app: 'sip' };
    return this.refresh(Connection.fromPartial({ id, networkService, labels, path }));
  }

  refresh(connection: Connection): Promise<Connection> {
    const request = NetworkServiceRequest.fromPartial({ connection });
    return this.#channel.unary(NetworkServiceService.request, request, this.#options());
  }

  async close(connection: Connection): Promise<void> {
    await this.#channel.unary(NetworkServiceService.close, connection, this.#options());
  }

  #options() {
    return { signal: new AbortController().signal, deadlineMs: Date.now() + 10_000 };
  }

  #member(name: string) {
    return {
      name,
      manager: this.url,
      url: `unix://${join(this.#folder, `${name}.sock`)}`,
      security: insecure(name, this.#sketch.tokenMs),
    };
  }
}

/** The next of a stream, within ten seconds. */
export async function next<T>(of: AsyncIterator<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('nothing was told'));
    }, 10_000);
  });
  try {
    const result = await Promise.race([of.next(), late]);
    if (result.done === true) throw new Error('the stream ended');
    return result.value;
  } finally {
    clearTimeout(timer);
  }
}

function soon(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

function dial(t: Test, url: string, name = 'client', tokenMs?: number): Channel {
  const security = insecure(name, tokenMs);
  const peers = channels({ security, dialTimeoutMs: 5_000, log });
  t.teardown(() => {
    peers[Symbol.dispose]();
  });
  return peers.acquire(url);
}

function call() {
  return { signal: AbortSignal.timeout(10_000), log, clock, deadlineMs: Date.now() + 10_000 };
}

function servicesOf(channel: Channel, name: string): Promise<NetworkService[]> {
  const { services } = remoteRegistries(channel);
  return findAll(call(), services, NetworkService.fromPartial({ name }));
}

async function registerAt(channel: Channel, name: string): Promise<void> {
  const { endpoints } = remoteRegistries(channel);
  const entry = { name, url: 'unix:///tmp/x', networkServiceNames: ['wan'] };
  await endpoints.register(call(), NetworkServiceEndpoint.fromPartial(entry));
}

async function* connectionsOf(channel: Channel, signal: AbortSignal): AsyncGenerator<Connection> {
  const { monitorConnections } = MonitorConnectionService;
  const everything = MonitorScopeSelector.create();
  for await (const event of channel.stream(monitorConnections, everything, { signal })) {
    yield* Object.values(event.connections);
  }
}
