// SPDX-License-Identifier: Apache-2.0
/** Wires as objects: whose they are, and what is told of them. */
import { createHash } from 'node:crypto';
import type { KubeObject } from '../api/k8s/types.js';
import type { Strand, Wire } from './told.js';
import type { WireObject } from './objects.js';

/** Marks the objects of a node, for the agent of that node. */
export const nodeLabel = 'wanwire.io/node';

/** What wires are told of. */
export interface WireSources {
  readonly node: string;
  /** Of this node. */
  readonly pods: readonly KubeObject[];
  readonly strands: readonly Strand[];
}

/** The objects of wires that a pod of this node is the client of. */
export function wireObjects(
  wires: readonly Wire[],
  { node, pods, strands }: WireSources,
): readonly WireObject[] {
  const found = new Map<string, WireObject>();
  for (const wire of wires) {
    const pod = podOf(wire, pods);
    if (pod === undefined) continue;
    const object = objectOf(wire, pod, node, strands);
    found.set(`${object.metadata.namespace ?? ''}/${object.metadata.name}`, object);
  }
  return [...found.values()];
}

function objectOf(
  wire: Wire,
  pod: KubeObject,
  node: string,
  strands: readonly Strand[],
): WireObject {
  const { name, namespace = '', uid = '' } = pod.metadata;
  return {
    apiVersion: 'wanwire.io/v1alpha1',
    kind: 'Wire',
    metadata: {
      name: nameOf(wire.connection),
      namespace,
      labels: { [nodeLabel]: labelOf(node) },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }],
    },
    spec: {
      ...{ pod: name, node, networkService: wire.service, endpoint: wire.endpoint },
      interface: wire.interface,
      addresses: wire.clientAddresses,
      peerAddresses: wire.endpointAddresses,
      connection: wire.connection,
    },
    status: { state: wire.state, link: linksOf(wire, strands) },
  };
}

/** Links by which its packets may leave, the best first. */
function linksOf({ peer }: Wire, strands: readonly Strand[]): string {
  if (peer === null) return '';
  const usable = strands.filter((one) => one.peer === peer && one.state !== 'down');
  const sorted = usable.toSorted((a, b) => (a.rttMs ?? Infinity) - (b.rttMs ?? Infinity));
  return [...new Set(sorted.map(({ link }) => link))].join(',');
}

/** By what proves it, else by what the client says of itself: its label, or a name that begins with the pod's. */
function podOf(
  { identity, labels, client }: Wire,
  pods: readonly KubeObject[],
): KubeObject | undefined {
  const [, namespace, proved] =
    /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/pod\/([^/]+)$/.exec(identity ?? '') ?? [];
  if (proved !== undefined) {
    return pods.find(
      ({ metadata }) => metadata.name === proved && metadata.namespace === namespace,
    );
  }
  const named = labels['podName'] ?? client;
  const uuid = /-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  const name = named.replace(uuid, '');
  const fitting = pods.filter(({ metadata }) => metadata.name === named || metadata.name === name);
  // Of two of one name in two namespaces nobody can tell.
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** A valid name that no other connection has. */
export function nameOf(connection: string): string {
  const plain = connection
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .replaceAll(/\.+(?=[.-])|(?<=[-.])\.+|^[.-]+|[.-]+$/g, '');
  if (plain === connection && plain.length <= 253) return plain;
  const hash = createHash('sha256').update(connection).digest('hex').slice(0, 8);
  return [plain.slice(0, 240).replace(/[.-]+$/, ''), hash].filter((part) => part !== '').join('-');
}

/** A node's name as a label's value, which may be shorter only. */
export function labelOf(node: string): string {
  if (node.length <= 63) return node;
  const hash = createHash('sha256').update(node).digest('hex').slice(0, 8);
  return `${node.slice(0, 54).replace(/[.-]+$/, '')}-${hash}`;
}
