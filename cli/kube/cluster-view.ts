// SPDX-License-Identifier: Apache-2.0
/** What `wanwire status --kube` reads of a cluster, and how it shows that. */
import { pods, sites, steeringPolicies, wires } from '../../api/k8s/resources.js';
import type { Cluster, KubeObject } from '../../api/k8s/types.js';
import type { Paint } from '../paint.js';
import { columns, printable } from '../table.js';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
}
interface NodeEntry {
  readonly node: string;
  readonly accepted?: boolean;
  readonly links?: string;
  readonly forwarder?: string;
  readonly programmed?: boolean;
}
interface LinkEntry {
  readonly node: string;
  readonly name: string;
  readonly state: string;
  readonly rttMs?: number;
  readonly jitterMs?: number;
  readonly lossPercent?: number;
}
interface Stated extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly nodes?: readonly NodeEntry[];
    readonly links?: readonly LinkEntry[];
  };
}
interface PodObject extends KubeObject {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}
interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly started?: boolean;
  readonly restartCount?: number;
}
interface WireObject extends KubeObject {
  readonly spec?: {
    readonly pod?: string;
    readonly node?: string;
    readonly networkService?: string;
    readonly endpoint?: string;
    readonly interface?: string;
    readonly addresses?: readonly string[];
  };
  readonly status?: { readonly state?: string; readonly link?: string };
}

/** A cluster at one moment. */
export interface ClusterState {
  readonly server: string;
  readonly nodes: readonly {
    readonly node: string;
    readonly pod: string;
    readonly ready: string;
    readonly phase: string;
    readonly forwarder: 'ready' | 'not ready';
    readonly restarts: number;
    readonly site: string | null;
  }[];
  readonly sites: readonly Judged[];
  readonly links: readonly (LinkEntry & { readonly site: string })[];
  readonly policies: readonly Judged[];
  readonly wires: readonly {
    readonly namespace: string;
    readonly pod: string;
    readonly name: string;
    readonly service: string;
    readonly interface: string;
    readonly endpoint: string;
    readonly link: string;
    readonly state: string;
    readonly node: string;
    readonly addresses: readonly string[];
  }[];
}

interface Judged {
  readonly name: string;
  /** By type: `True`, `False`, `Unknown`. */
  readonly conditions: Readonly<Record<string, string>>;
  readonly nodes: readonly string[];
  /** What is not as it should be. */
  readonly why: string;
}

/** Ask the API server. */
export async function readCluster(
  cluster: Cluster,
  namespace: string | undefined,
): Promise<ClusterState> {
  const [own, allSites, policies, allWires] = await Promise.all([
    cluster.list<PodObject>(pods, { labelSelector: 'app=wanwire' }),
    cluster.list<Stated>(sites),
    cluster.list<Stated>(steeringPolicies),
    cluster.list<WireObject>(wires, { namespace }),
  ]);
  const siteOf = (node: string): string | null =>
    allSites.find(({ status }) =>
      status?.nodes?.some(
        (one) => one.node === node && one.links !== '-' && one.links !== undefined,
      ),
    )?.metadata.name ?? null;
  return {
    server: cluster.server,
    nodes: own.map((pod) => nodeOf(pod, siteOf)).sort((a, b) => (a.node < b.node ? -1 : 1)),
    sites: allSites.map(judgedOf),
    links: allSites.flatMap(({ metadata: { name: site }, status }) =>
      (status?.links ?? []).map((link) => ({ site, ...link })),
    ),
    policies: policies.map(judgedOf),
    wires: allWires.map(({ metadata, spec = {}, status = {} }) => ({
      ...{ namespace: metadata.namespace ?? '', pod: spec.pod ?? '', name: metadata.name },
      ...{ service: spec.networkService ?? '', interface: spec.interface ?? '' },
      ...{ endpoint: spec.endpoint ?? '', link: status.link ?? '', state: status.state ?? '' },
      ...{ node: spec.node ?? '', addresses: spec.addresses ?? [] },
    })),
  };
}

function nodeOf(pod: PodObject, siteOf: (node: string) => string | null) {
  const {
    containerStatuses = [],
    initContainerStatuses = [],
    phase = 'Unknown',
  } = pod.status ?? {};
  const all = [...initContainerStatuses, ...containerStatuses];
  const ready = all.filter((one) => one.ready === true).length;
  const forwarder = containerStatuses.find(({ name }) => name === 'forwarder');
  const node = pod.spec?.nodeName ?? '';
  return {
    node,
    pod: pod.metadata.name,
    ready: `${String(ready)}/${String(all.length)}`,
    phase,
    forwarder: forwarder?.ready === true ? ('ready' as const) : ('not ready' as const),
    restarts: all.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0),
    site: siteOf(node),
  };
}

function judgedOf({ metadata: { name }, status = {} }: Stated): Judged {
  const conditions = status.conditions ?? [];
  const wrong = conditions.filter((one) => one.status !== 'True');
  return {
    name,
    conditions: Object.fromEntries(conditions.map((one) => [one.type, one.status])),
    nodes: (status.nodes ?? []).map(({ node }) => node),
    why: wrong.map(({ message = '' }) => message).join('; '),
  };
}

/** For a terminal, a line each. */
export function clusterLines(colours: Paint, state: ClusterState): readonly string[] {
  const { nodes, links, policies, wires: all } = state;
  const lines = [
    `${colours.bold(state.server)}  ${counted(nodes.length, 'node')}, ${counted(all.length, 'wire')}`,
  ];
  const table = (titles: readonly string[], rows: readonly (readonly string[])[]): void => {
    if (rows.length === 0) return;
    const shown = rows.map((row) =>
      row.map((cell) => (cell === '' ? '-' : printable(cell.replaceAll('\n', '; ')))),
    );
    const { line } = columns([titles, ...shown]);
    lines.push('', colours.dim(line(titles)), ...shown.map((row) => coloured(colours, line(row))));
  };
  if (nodes.length === 0)
    lines.push('', 'wanwire runs on no node: kubectl apply -k deploy/kustomize/standalone');
  table(
    ['NODE', 'POD', 'READY', 'FORWARDER', 'RESTARTS', 'SITE'],
    nodes.map((one) => [
      one.node,
      one.pod,
      one.ready,
      one.forwarder,
      String(one.restarts),
      one.site ?? '',
    ]),
  );
  table(
    ['SITE', 'ACCEPTED', 'LINKS UP', 'NODES', 'WHY'],
    state.sites.map((one) => judgedRow(one, 'Accepted', 'LinksUp')),
  );
  table(
    ['LINK', 'SITE', 'NODE', 'STATE', 'RTT', 'JITTER', 'LOSS'],
    links.map((one) => [
      one.name,
      one.site,
      one.node,
      one.state,
      ms(one.rttMs),
      ms(one.jitterMs),
      one.lossPercent === undefined ? '' : `${String(one.lossPercent)} %`,
    ]),
  );
  table(
    ['POLICY', 'ACCEPTED', 'PROGRAMMED', 'NODES', 'WHY'],
    policies.map((one) => judgedRow(one, 'Accepted', 'Programmed')),
  );
  table(
    ['NAMESPACE', 'POD', 'SERVICE', 'INTERFACE', 'ENDPOINT', 'LINK', 'STATE', 'NODE', 'ADDRESSES'],
    all.map((one) => [
      one.namespace,
      one.pod,
      one.service,
      one.interface,
      one.endpoint,
      one.link,
      one.state,
      one.node,
      one.addresses.join(','),
    ]),
  );
  return lines;
}

function judgedRow(
  { name, conditions, nodes, why }: Judged,
  ...types: readonly string[]
): readonly string[] {
  return [name, ...types.map((type) => conditions[type] ?? ''), nodes.join(','), why];
}

function coloured(colours: Paint, line: string): string {
  return /(^| )(down|False|not ready)( |$)/.test(line) ? colours.red(line) : line;
}

function ms(value: number | undefined): string {
  return value === undefined ? '' : `${String(value)} ms`;
}

function counted(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? '' : 's'}`;
}
