// SPDX-License-Identifier: Apache-2.0
/**
 * Two sites with any number of links, all of 20 ms round trip, and a wire: the stage of
 * failover. Each link but the last has a class of its own, which falls back to the last,
 * so that as many faults can be watched at once. What goes to port 7100 + N is of class N.
 */
import type { LabFile } from '../../lab/types.js';
import { Metronome } from '../../lab/metronome.js';
import { Eye } from './eye.js';
import { Sites } from './sites.js';
import { server, wan } from './steered.js';
import { until } from './up.js';

/** What differs from the usual. */
export interface WanOptions {
  /** Links with a class of their own; there is one more, to fall back to. 1 where not given. */
  readonly links?: number;
  /** One way, of each link. */
  readonly delay?: string;
  /** `quality` of the edge's links, as YAML; the profile's where not given. */
  readonly quality?: string;
  /** `sla` of the classes, as YAML; of each link's class its own, where it is a list. */
  readonly sla?: string | readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Which way nothing passes. */
export type Way = 'both' | 'out' | 'back';

const firstPort = 7_100;
const usualSla = '{rttMs: 150, jitterMs: 60, lossPercent: 2}';

/** See the head of this file. */
export class Wan implements AsyncDisposable {
  readonly sites: Sites;
  /** Links with a class of their own; the one of this number is the last, which has none. */
  readonly links: number;
  /** At the edge. */
  #eye: Eye;

  private constructor(sites: Sites, links: number) {
    this.sites = sites;
    this.links = links;
    this.#eye = new Eye(sites.pins('edge'));
  }

  /** Both sites up, a client with its wire, and every strand measured at both sites. */
  static async open(options: WanOptions = {}): Promise<Wan> {
    const { links = 1, delay = '10ms', env = {} } = options;
    const sites = await Sites.open({
      lab: labFile(links + 1, delay),
      edge: edgeFile(links, options),
      cloud: cloudFile(links + 1),
      env,
    });
    try {
      await sites.client(wan);
      const pair = new Wan(sites, links);
      await pair.measured();
      return pair;
    } catch (reason) {
      await sites[Symbol.asyncDispose]();
      throw reason;
    }
  }

  /** At the edge; it looks anew after {@link again} and {@link lookAnew}. */
  get eye(): Eye {
    return this.#eye;
  }

  /** Write the edge's file with other settings; its forwarder applies them by itself. */
  async write(options: WanOptions): Promise<void> {
    await this.sites.write('edge', edgeFile(this.links, options));
  }

  /** End the edge's processes and start them: what they had learned of the links is forgotten. */
  async again(): Promise<void> {
    await this.sites.world.player('edge').end('SIGTERM');
    await this.sites.up('edge');
    this.lookAnew();
    await this.measured();
  }

  /** Where the wire was asked for anew, the data plane may be another one. */
  lookAnew(): void {
    const eye = new Eye(this.sites.pins('edge'));
    this.#eye[Symbol.dispose]();
    this.#eye = eye;
  }

  /** Wait until every strand of the edge has been answered for half a second. */
  async measured(): Promise<void> {
    for (let link = 0; link <= this.links; link++) {
      const { received: first } = this.#eye.strand(this.strand(link));
      await until(`answers on ${this.strand(link)}`, () => {
        return this.#eye.strand(this.strand(link)).received >= first + 20;
      });
    }
  }

  /** A link as the lab calls it. */
  link(link: number): string {
    return `edge/wan${String(link)}`;
  }

  /** A link's strand as the edge calls it. */
  strand(link: number): string {
    return `l${String(link)}-cloud/wan${String(link)}`;
  }

  /** A stream of the link's class between the edge's pod and the server. */
  stream(link: number, protocol: 'udp' | 'tcp' = 'udp', periodUs = 1_000): Promise<Metronome> {
    const options = { protocol, address: server, port: firstPort + link, periodUs };
    return Metronome.start(this.sites.pod, this.sites.lab.place('cloud/server'), options);
  }

  /** On which link the stream of a link's class is; nothing where there is none, or it is on no strand. */
  linkOf(link: number, protocol: 'udp' | 'tcp' = 'udp'): number | undefined {
    const strand = this.#eye.session(protocol, firstPort + link)?.strand ?? '';
    const number = /^l(\d+)-/.exec(strand)?.[1];
    return number === undefined ? undefined : Number(number);
  }

  /** Lose everything on a link that way; no carrier tells. What is under way arrives. */
  async cut(link: number, way: Way = 'both'): Promise<void> {
    await this.sites.lab.set(this.link(link), { loss: '100%', ...toward(way) });
  }

  /** The opposite of {@link cut}, and of every change of loss. */
  async mend(link: number): Promise<void> {
    await this.sites.lab.set(this.link(link), { loss: 'none' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#eye[Symbol.dispose]();
    await this.sites[Symbol.asyncDispose]();
  }
}

function toward(way: Way): { readonly toward?: string } {
  return way === 'both' ? {} : { toward: way === 'out' ? 'cloud' : 'edge' };
}

function labFile(links: number, delay: string): LabFile {
  const each = (host: number) =>
    numbers(links).map((n) => ({
      name: `wan${n}`,
      cable: `wan${n}`,
      addresses: [`10.90.${n}.${String(host)}/24`],
      ...(host === 2 ? { delay } : {}),
    }));
  return {
    apiVersion: 'wanwire.io/v1alpha1',
    kind: 'Lab',
    metadata: { name: 'wan' },
    spec: {
      sites: [
        { name: 'edge', links: each(2), clients: [{ name: 'client' }] },
        {
          name: 'cloud',
          links: each(10),
          lan: { addresses: ['10.60.0.1/24'] },
          servers: [{ name: 'server', addresses: [`${server}/24`] }],
        },
      ],
    },
  };
}

/** Where the sites' managers meet: on the last link first, which is cut by nobody. */
function control(links: number, host: number): string {
  const places = numbers(links).map((n) => `"10.90.${n}.${String(host)}:5001"`);
  return `[${places.toReversed().join(', ')}]`;
}

function edgeFile(links: number, { quality, sla }: WanOptions): string {
  const own = numbers(links);
  const settings = quality === undefined ? '' : `, quality: ${quality}`;
  const link = (n: string, name: string): string =>
    `    - {name: l${n}, device: wan${n}, class: ${name}, network: n${n}, trusted: true${settings}}`;
  const last = String(links);
  const slaOf = (n: string): string =>
    (typeof sla === 'string' ? sla : sla?.[Number(n)]) ?? usualSla;
  const port = (n: string): string => String(firstPort + Number(n));
  return `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: edge}
spec:
  trustDomain: edge.example
  links:
${[...own.map((n) => link(n, `c${n}`)), link(last, 'spare')].join('\n')}
  peers:
    - {site: cloud, control: ${control(links + 1, 10)}}
---
apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  classes:
${own.map((n) => `    c${n}: {links: [{class: c${n}}], sla: ${slaOf(n)}, fallback: [spare], strict: true}`).join('\n')}
  rules:
${own.map((n) => `    - {name: r${n}, match: {destinationPorts: ["${port(n)}"]}, class: c${n}}`).join('\n')}
  default: spare
`;
}

function cloudFile(links: number): string {
  const own = numbers(links).map(
    (n) => `    - {name: wan${n}, device: wan${n}, class: c${n}, network: n${n}, trusted: true}`,
  );
  return `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: cloud}
spec:
  trustDomain: cloud.example
  control: ${control(links, 10)}
  links:
${own.join('\n')}
  peers:
    - {site: edge, control: ["10.90.${String(links - 1)}.2:5001"]}
  gateway: {prefixes: [["172.16.0.0/16"]], routes: ["10.60.0.0/24"]}
`;
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(n));
}
