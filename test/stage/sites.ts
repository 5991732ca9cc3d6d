// SPDX-License-Identifier: Apache-2.0
/**
 * Two sites in a lab: `wanwire up` at each node, as a user would start it, and
 * clients in the edge's pod. For integration and fault tests and benchmarks.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { environment } from '../../api/env/read-environment.js';
import { insecure, type Security } from '../../api/identity/security.js';
import { readSiteFiles } from '../../api/site/read.js';
import { exchangeBundles, identityFrom } from '../../cli/demo/identity.js';
import { bpfDirectory } from '../../bpf/loader/bpffs.js';
import { defaultLab } from '../../lab/default.js';
import { Lab } from '../../lab/lab.js';
import type { Place } from '../../lab/place.js';
import { World, type Player } from '../../lab/world.js';
import { command as built } from './command.js';

const exec = promisify(execFile);

const wanwire = built();

/** A site's name in the lab. */
export type SiteName = 'edge' | 'cloud';

/** What differs from two sites with two cables between them. */
export interface SitesOptions {
  /** The lab's file, or its text as a value; the default lab where not given. */
  readonly lab?: Parameters<typeof Lab.up>[0];
  /** Texts of site files; `{}` ones are {@link edgeSite} and {@link cloudSite}. */
  readonly edge?: string;
  readonly cloud?: string;
  /** Settings for the processes of both sites. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Sessions come home at once, or a test would have to wait. */
const soon = 'quality: {holdDownMs: 0, returnPerSecond: 0}';

/** The edge's file: two links, each a network of its own. */
export function edgeSite(more = '', quality = soon): string {
  return `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: edge}
spec:
  trustDomain: edge.example
  links:
    - {name: fibre, device: wan0, class: low-latency, network: n0, trusted: true, ${quality}}
    - {name: lte, device: wan1, class: best-effort, network: n1, billing: metered, trusted: true, ${quality}}
  peers:
    - {site: cloud, control: ["203.0.113.10:5001", "198.51.100.10:5001"]}
---
${more === '' ? policy() : more}`;
}

/** DSCP EF on the fibre, everything else on the LTE link. */
export function policy(voice = 'low-latency', rest = 'best-effort', strict = true): string {
  return `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  classes:
    low-latency: {links: [{class: low-latency}], strict: ${String(strict)}}
    best-effort: {links: [{class: best-effort}], strict: ${String(strict)}}
  rules:
    - {name: voice, match: {dscp: [ef]}, class: ${voice}}
  default: ${rest}
`;
}

/** The cloud's file: it is the gateway to its LAN. */
export function cloudSite(nat = false): string {
  return `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: cloud}
spec:
  trustDomain: cloud.example
  control: ["203.0.113.10:5001", "198.51.100.10:5001"]
  links:
    - {name: wan0, device: wan0, class: low-latency, network: n0, trusted: true}
    - {name: wan1, device: wan1, class: best-effort, network: n1, trusted: true}
  peers:
    - {site: edge, control: ["203.0.113.2:5001"]}
  gateway:
    prefixes: [["172.16.0.0/16"], ["fd00:16::/64"]]
    routes: ["10.60.0.0/24", "2001:db8:60::/64"]
    nat: ${String(nat)}
`;
}

interface Parts {
  readonly lab: Lab;
  readonly world: World;
  readonly env: Readonly<Record<string, string>>;
  readonly pins: Readonly<Record<SiteName, string>>;
}

/** See the head of this file. Disposing it ends all processes and removes the lab. */
export class Sites implements AsyncDisposable {
  readonly lab: Lab;
  readonly world: World;
  readonly #env: Readonly<Record<string, string>>;
  readonly #pins: Readonly<Record<SiteName, string>>;

  private constructor(parts: Parts) {
    this.lab = parts.lab;
    this.world = parts.world;
    this.#env = parts.env;
    this.#pins = parts.pins;
  }

  /** Both sites up; no client yet. */
  static async open(options: SitesOptions = {}): Promise<Sites> {
    const name = `t${randomBytes(2).toString('hex')}`;
    const lab = await Lab.up(options.lab ?? defaultLab(), { name });
    const world = await World.open(wanwire);
    const pins = {
      edge: await bpfDirectory(`ww-${name}-edge`),
      cloud: await bpfDirectory(`ww-${name}-cloud`),
    };
    const sites = new Sites({ lab, world, env: options.env ?? {}, pins });
    try {
      await sites.write('edge', options.edge ?? edgeSite());
      await sites.write('cloud', options.cloud ?? cloudSite());
      if (!sites.isInsecure) await sites.exchange();
      await Promise.all([sites.up('cloud'), sites.up('edge')]);
      return sites;
    } catch (reason) {
      await sites[Symbol.asyncDispose]();
      throw reason;
    }
  }

  /** Write a site's file; one that runs applies it. */
  async write(site: SiteName, text: string): Promise<void> {
    await writeFile(this.file(site), text);
  }

  /** A site's file. */
  file(site: SiteName): string {
    return this.world.path(`${site}.yaml`);
  }

  /** Where a site's data plane is pinned. */
  pins(site: SiteName): string {
    return this.#pins[site];
  }

  /** The folder of a site's sockets and state. */
  directory(site: SiteName): string {
    return this.world.path(site);
  }

  /** Whether nobody has an identity (`WANWIRE_INSECURE`). */
  get isInsecure(): boolean {
    return this.#env['WANWIRE_INSECURE'] === 'true';
  }

  /** Where a site's manager gives identities. */
  agentUrl(site: SiteName): string {
    return `unix://${this.directory(site)}/agent.sock`;
  }

  /** Of this process, as a site's manager sees it; waits for one that is away. */
  async security(site: SiteName, signal = AbortSignal.timeout(20_000)): Promise<Security> {
    return this.isInsecure ? insecure('test') : identityFrom(this.agentUrl(site), signal);
  }

  /** Of a site's authority and the bundles that it trusts. */
  trustFolder(site: SiteName): string {
    return this.world.path(`${site}-trust`);
  }

  /** Let each site trust the other, as their files name them now. */
  async exchange(): Promise<void> {
    const names = ['edge', 'cloud'] as const;
    const sites = names.map(async (name) => {
      const { site } = await readSiteFiles([this.file(name)]);
      return { trustDomain: site.trustDomain, folder: this.trustFolder(name) };
    });
    await exchangeBundles(await Promise.all(sites));
  }

  /** Start a site: `wanwire up` in its node. */
  up(site: SiteName): Promise<Player> {
    const command = ['up', '-f', this.file(site), '--directory', this.directory(site)];
    return this.#start(site, this.lab.node(site), command, {
      WANWIRE_BPF_DIR: this.pins(site),
      WANWIRE_TRUST_DIR: this.trustFolder(site),
    });
  }

  /** Start a client in the edge's pod that asks for these services; resolves when its wires are there. */
  client(services: string, name = 'client', settings: Readonly<Record<string, string>> = {}) {
    return this.#start(name, this.pod, ['nsc'], {
      NSM_NAME: name,
      NSM_CONNECT_TO: `unix://${this.directory('edge')}/nsm.io.sock`,
      NSM_NETWORK_SERVICES: services,
      ...(this.isInsecure ? {} : { SPIFFE_ENDPOINT_SOCKET: this.agentUrl('edge') }),
      ...settings,
    });
  }

  /** Where clients live. */
  get pod(): Place {
    return this.lab.place('edge/client');
  }

  /** Run the command as an operator at a site's node; resolves to what it printed. */
  async operator(site: SiteName, ...args: readonly string[]): Promise<string> {
    const { path } = this.lab.node(site);
    const command = [process.execPath, wanwire, ...args, '-f', this.file(site)];
    const env = { ...environment(), WANWIRE_BPF_DIR: this.pins(site) };
    const maxBuffer = 64 * 1024 * 1024;
    return (await exec('nsenter', [`--net=${path}`, ...command], { env, maxBuffer })).stdout;
  }

  #start(
    name: string,
    place: Place,
    command: readonly string[],
    settings: Readonly<Record<string, string>>,
  ): Promise<Player> {
    return this.world.start({
      name,
      command: ['nsenter', `--net=${place.path}`, process.execPath, wanwire, ...command],
      env: { ...this.#env, ...settings },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.world[Symbol.asyncDispose]();
    } finally {
      // Ends what a killed `up` has left behind, too.
      await this.lab.down();
      for (const pins of Object.values(this.#pins))
        await rm(pins, { recursive: true, force: true });
    }
  }
}
