// SPDX-License-Identifier: Apache-2.0
/** Two sites on plain links, a client with a wire for each class, an Envoy beside it, a service behind the cloud, a witness at each link. */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { parsePolicies } from '../../api/site/policy.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import { Auditor } from '../../cli/demo/mesh/auditor.js';
import { Sidecar } from '../../cli/demo/mesh/sidecar.js';
import { findEnvoy } from '../../cli/envoy/find.js';
import { Echo } from '../../lab/http/echo.js';
import type { Answered } from '../../lab/http/types.js';
import { Witness } from '../../lab/witness.js';
import { edgeSite, Sites, type SitesOptions } from './sites.js';

/** What the client asks for. */
export const wishes =
  'kernel://wan@cloud/nsm-1,kernel://wan-low-latency@cloud/nsm-low,kernel://wan-best-effort@cloud/nsm-bulk';

/** Where Envoy takes requests, in the pod. */
export const entry = '127.0.0.1:8000';

/** Behind the cloud. */
export const upstream = '10.60.0.10:8000';

/** By the user that a request names; everybody else is of class best-effort. */
export const policyText = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  classes:
    low-latency: {links: [{class: low-latency}], fallback: [best-effort]}
  rules:
    - {name: boss, match: {http: {headers: {user: boss}}}, class: low-latency}
    - {name: minion, match: {http: {headers: {user: minion}}}, class: best-effort}
  default: best-effort
`;

/** Which link is a user's by {@link policyText}. */
export function linkOf(user: string): LinkName {
  return user === 'boss' ? 'fibre' : 'lte';
}

/** A link's name in the edge's file. */
export type LinkName = keyof typeof devices;
const devices = { fibre: 'wan0', lte: 'wan1' } as const;

/** What differs from the usual. */
export interface MeshOptions {
  readonly lab?: SitesOptions['lab'];
  /** What Envoy believes of the pod's wires; what is so where not given. */
  readonly believed?: string;
  /** Whether an audit hears it. */
  readonly audited?: boolean;
}

/** See the head of this file. Disposing it leaves nothing. */
export class Mesh implements AsyncDisposable {
  readonly sites: Sites;
  readonly sidecar: Sidecar;
  readonly policy: SteeringPolicy;
  readonly auditor: Auditor | undefined;
  readonly #folder: string;
  readonly #others: AsyncDisposable[];

  private constructor(parts: {
    readonly sites: Sites;
    readonly sidecar: Sidecar;
    readonly policy: SteeringPolicy;
    readonly folder: string;
    readonly auditor: Auditor | undefined;
    readonly others: AsyncDisposable[];
  }) {
    this.sites = parts.sites;
    this.sidecar = parts.sidecar;
    this.policy = parts.policy;
    this.auditor = parts.auditor;
    this.#folder = parts.folder;
    this.#others = parts.others;
  }

  /** Everybody on stage. */
  static async open({ lab, believed, audited = false }: MeshOptions = {}): Promise<Mesh> {
    const edge = edgeSite(policyText);
    const sites = await Sites.open(lab === undefined ? { edge } : { edge, lab });
    const folder = `/run/ww-${sites.lab.name}`;
    const others: AsyncDisposable[] = [sites];
    try {
      await sites.client(wishes);
      others.push(await Echo.start(sites.lab.place('cloud/server'), 8000));
      const [policy] = parsePolicies(policyText, 'policy.yaml');
      if (policy === undefined) throw new Error('no policy');
      const auditor = audited ? await audit(sites, folder) : undefined;
      if (auditor !== undefined) others.push(auditor);
      const sidecar = await Sidecar.start({
        ...{ world: sites.world, place: sites.pod, folder, binary: envoyProgram() },
        envoy: {
          service: 'echo',
          ...{ upstream, listen: entry, policy },
          networkServices: believed ?? wishes,
          accessLogs: auditor === undefined ? [] : [auditor.address],
        },
      });
      return new Mesh({ sites, sidecar, policy, folder, auditor, others });
    } catch (reason) {
      await closed(others, folder);
      throw reason;
    }
  }

  /** Watch both links from now on. */
  async witnesses(): Promise<Witnesses> {
    const node = this.sites.lab.node('edge');
    const fibre = await Witness.start(node, devices.fibre);
    const lte = await Witness.start(node, devices.lte);
    const both = new Witnesses({ fibre, lte });
    this.#others.push(both);
    return both;
  }

  /** Another folder for an Envoy's configuration, which is removed too. */
  get folder(): string {
    return this.#folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closed(this.#others, this.#folder);
  }
}

/** The program; throws where there is none. */
export function envoyProgram(): string {
  const found = findEnvoy();
  if (found === undefined) throw new Error('no Envoy: npm run setup installs one');
  return found;
}

/** Envoy must get at its socket as nobody. */
async function audit(sites: Sites, folder: string): Promise<Auditor> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  const forwarder = `ww-${sites.lab.name}-edge`;
  return Auditor.start({ socket: `${folder}/audit.sock`, file: sites.file('edge'), forwarder });
}

async function closed(others: AsyncDisposable[], folder: string): Promise<void> {
  for (const one of others.splice(0).reverse()) await one[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}

/** Both links as witnesses see them. */
export class Witnesses implements AsyncDisposable {
  readonly #by: Readonly<Record<LinkName, Witness>>;

  constructor(by: Readonly<Record<LinkName, Witness>>) {
    this.#by = by;
  }

  /** On which links a request was seen. */
  linksOf({ user, number }: Pick<Answered, 'user' | 'number'>): readonly LinkName[] {
    return (['fibre', 'lte'] as const).filter((link) => this.#by[link].ids(user).has(number));
  }

  /** Those that were seen elsewhere than on their user's link, or nowhere. */
  astray(answered: readonly Answered[]): readonly Answered[] {
    return answered.filter((one) => this.linksOf(one).join() !== linkOf(one.user));
  }

  /** Look no more; rejects where something passed unseen. */
  async stop(): Promise<void> {
    await this.#by.fibre.stop();
    await this.#by.lte.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#by.fibre[Symbol.asyncDispose]();
    await this.#by.lte[Symbol.asyncDispose]();
  }
}
