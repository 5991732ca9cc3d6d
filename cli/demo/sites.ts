// SPDX-License-Identifier: Apache-2.0
/**
 * The stage of the demo: a lab of two sites with two cables between them,
 * `wanwire up` at both nodes, a client in the edge's pod. Leaves nothing; what a
 * demo that was killed has left, the next one takes away.
 */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { bpfDirectory, findBpfDirectories } from '../../bpf/loader/bpffs.js';
import { defaultLab } from '../../lab/default.js';
import { Lab } from '../../lab/lab.js';
import type { Place } from '../../lab/place.js';
import type { LabFile } from '../../lab/types.js';
import { exchangeBundles } from './identity.js';
import { World, type Player } from '../../lab/world.js';

/** A site's name. */
export type SiteName = 'edge' | 'cloud';

/** Which class which sessions get. */
export interface Rules {
  /** Of sessions that are marked with DSCP EF. */
  readonly marked: 'low-latency' | 'best-effort';
  /** Of all others. */
  readonly rest: 'low-latency' | 'best-effort';
}

/** The edge's links: name in its file, device in its node. */
export const links = [
  { name: 'fibre', device: 'wan0', class: 'low-latency' },
  { name: 'lte', device: 'wan1', class: 'best-effort' },
] as const;

/** Behind the cloud's gateway. */
export const server = '10.60.0.10';

/** See the head of this file. */
export class Sites implements AsyncDisposable {
  readonly lab: Lab;
  readonly world: World;
  readonly #name: string;
  readonly #wanwire: string;

  private constructor(name: string, lab: Lab, world: World, wanwire: string) {
    this.#name = name;
    this.lab = lab;
    this.world = world;
    this.#wanwire = wanwire;
  }

  /** The lab, and nobody in it; `file` is what the lab is made of, where the default one is not meant. */
  static async open(wanwire: string, signal: AbortSignal, file?: LabFile): Promise<Sites> {
    await sweep();
    const name = `demo-${String(process.pid)}`;
    const lab = await Lab.up(file ?? defaultLab(), { name, signal });
    const sites = new Sites(name, lab, await World.open(wanwire), wanwire);
    await sites.write('cloud', cloudFile);
    // Without a domain of its own, a site has one of its name.
    const names = ['edge', 'cloud'] as const;
    await exchangeBundles(
      names.map((one) => ({ trustDomain: one, folder: sites.trustFolder(one) })),
    );
    return sites;
  }

  /** The edge's pod: where the client lives. */
  get pod(): Place {
    return this.lab.place('edge/client');
  }

  /** On the cloud's LAN. */
  get server(): Place {
    return this.lab.place('cloud/server');
  }

  /** A site's file. */
  file(site: SiteName): string {
    return this.world.path(`${site}.yaml`);
  }

  /** Write a site's file; one that runs applies it. */
  async write(site: SiteName, text: string): Promise<void> {
    await writeFile(this.file(site), text);
  }

  /** Where a site's data plane is pinned. */
  pins(site: SiteName): Promise<string> {
    return bpfDirectory(`${this.#name}-${site}`);
  }

  /** Where a site's forwarder answers operators. */
  operatorSocket(site: SiteName): string {
    return `${this.world.path(site)}/forwarder/operator.sock`;
  }

  /** A folder that others than root may read, for the configuration of an unprivileged program. */
  get openFolder(): string {
    return openFolder(this.#name);
  }

  /** Where a site's manager listens. */
  managerUrl(site: SiteName): string {
    return `unix://${this.world.path(site)}/nsm.io.sock`;
  }

  /** Where a site's manager gives identities. */
  agentUrl(site: SiteName): string {
    return `unix://${this.world.path(site)}/agent.sock`;
  }

  /** Of a site's authority: nothing of a demo outlives it. */
  trustFolder(site: SiteName): string {
    return `${this.world.path(site)}/trust`;
  }

  /** `wanwire up` at a site's node. */
  async up(site: SiteName): Promise<Player> {
    const args = ['up', '-f', this.file(site), '--directory', this.world.path(site)];
    const pins = await this.pins(site);
    return this.#start(site, this.lab.node(site), args, {
      WANWIRE_BPF_DIR: pins,
      WANWIRE_TRUST_DIR: this.trustFolder(site),
    });
  }

  /** A client that asks for `services`; resolves when it has its wire. */
  client(services: string): Promise<Player> {
    return this.#start('client', this.pod, ['nsc'], {
      NSM_NAME: 'client',
      NSM_CONNECT_TO: this.managerUrl('edge'),
      NSM_NETWORK_SERVICES: services,
      SPIFFE_ENDPOINT_SOCKET: this.agentUrl('edge'),
    });
  }

  /** Throws what is still there of it once it is over. */
  mustBeGone(): void {
    const left = this.#leavings();
    if (left.length > 0) throw new Error(`these are left: ${left.join(', ')}`);
  }

  #leavings(): readonly string[] {
    const namespaces = ['edge', 'cloud', 'edge-client', 'cloud-server'];
    return [
      this.world.directory,
      this.openFolder,
      ...namespaces.map((one) => `/run/netns/ww-${this.#name}-${one}`),
      ...pinsOf(this.#name),
    ].filter((path) => existsSync(path));
  }

  #start(
    name: string,
    { path }: Place,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<Player> {
    return this.world.start({
      name,
      command: ['nsenter', `--net=${path}`, process.execPath, this.#wanwire, ...args],
      env,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.world[Symbol.asyncDispose]();
    } finally {
      await this.lab.down();
      await unpin(this.#name);
      await rm(this.openFolder, { recursive: true, force: true });
    }
  }
}

/** The default lab with what WAN links take: 5 ms one way on the fibre, 20 on the other. */
export function slowLab(): LabFile {
  const file = defaultLab();
  const delays: Readonly<Record<string, string>> = { wan0: '5ms', wan1: '20ms' };
  const sites = file.spec.sites.map((site) => ({
    ...site,
    links: site.links.map((link) => ({ ...link, delay: delays[link.name] })),
  }));
  return { ...file, spec: { sites } };
}

/** The edge's file for {@link Rules}. */
export function edgeFile({ marked, rest }: Rules): string {
  const policy = `  classes:
    low-latency: {links: [{class: low-latency}], sla: ${fibreSla}, fallback: [best-effort]}
  rules:
    - {name: voice, match: {dscp: [ef]}, class: ${marked}}
  default: ${rest}
`;
  return edgeSite(policy, `quality: {holdDownMs: ${String(holdDownMs)}}`);
}

/** What the class of the fibre is promised, as the policy says it. */
export const fibreSla = '{rttMs: 200, lossPercent: 2}';

/** How long a link that was dead is held back: shorter than is usual, for a story is short. */
export const holdDownMs = 2_000;

/**
 * The edge's file: its links, and a policy of `wan` whose classes, rules and default are given as
 * text; `more` is said of each link.
 */
export function edgeSite(policy: string, more = ''): string {
  const own = links.map((link) => {
    const { name, device } = link;
    const what = `name: ${name}, device: ${device}, class: ${link.class}, network: ${device}`;
    return `    - {${what}, trusted: true${more === '' ? '' : `, ${more}`}}\n`;
  });
  return `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: edge}
spec:
  links:
${own.join('')}  peers:
    - {site: cloud, control: ["203.0.113.10:5001", "198.51.100.10:5001"]}
---
apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
${policy}`;
}

const cloudFile = `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: cloud}
spec:
  control: ["203.0.113.10:5001", "198.51.100.10:5001"]
  links:
    - {name: wan0, device: wan0, class: low-latency, network: wan0, trusted: true}
    - {name: wan1, device: wan1, class: best-effort, network: wan1, trusted: true}
  gateway: {prefixes: [["172.16.0.0/16"], ["fd00:16::/64"]], routes: ["10.60.0.0/24", "2001:db8:60::/64"]}
`;

/** Labs and pins of demos whose process is no more. */
async function sweep(): Promise<void> {
  const own = /^demo-(\d+)$/;
  for (const name of await Lab.names()) {
    const pid = own.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await Lab.down(name);
    await unpin(name);
    await rm(openFolder(name), { recursive: true, force: true });
  }
}

/** Not in the world's directory, which nobody else may enter. */
function openFolder(name: string): string {
  return `/run/ww-${name}`;
}

function pinsOf(name: string): readonly string[] {
  const folders = [`/${name}-edge`, `/${name}-cloud`];
  return findBpfDirectories().filter((path) => folders.some((folder) => path.endsWith(folder)));
}

async function unpin(name: string): Promise<void> {
  for (const path of pinsOf(name)) await rm(path, { recursive: true, force: true });
}
