// SPDX-License-Identifier: Apache-2.0
/** The kinds that wanwire brings to a cluster. Their definitions in deploy/kustomize/crds are made from this (`npm run build:docs`). */
import { z } from 'zod';
import {
  networkServiceEndpoints,
  networkServices,
  sites,
  steeringPolicies,
  wires,
} from '../k8s/resources.js';
import { policyClass, policySpec, rule } from '../site/policy-schema.js';
import { identity, link, peer, siteSpec } from '../site/site-schema.js';
import { conditionColumn, conditions, definition, type Definition } from './definition.js';
import { anything, structural, type Structural } from './structural.js';

const text = (description: string): Structural => ({ type: 'string', description });
const number = (description: string): Structural => ({ type: 'number', description });
const yesOrNo = (description: string): Structural => ({ type: 'boolean', description });
const texts = (description: string): Structural => ({
  ...{ type: 'array', description },
  items: { type: 'string' },
});
const textMap = (description: string): Structural => ({
  ...{ type: 'object', description },
  additionalProperties: { type: 'string' },
});
const record = (
  properties: Readonly<Record<string, Structural>>,
  description?: string,
): Structural => ({
  type: 'object',
  ...(description !== undefined && { description }),
  properties,
  ...anything,
});
const list = (description: string, items: Structural): Structural => ({
  ...{ type: 'array', description },
  items,
});

const site = siteSpec.extend({
  links: z
    .array(link)
    .min(1)
    .describe(siteSpec.shape.links.description ?? ''),
  peers: z
    .array(peer)
    .optional()
    .describe(siteSpec.shape.peers.description ?? ''),
  identities: z
    .array(identity)
    .optional()
    .describe(siteSpec.shape.identities.description ?? ''),
});
const policy = policySpec.extend({
  classes: z
    .record(z.string(), policyClass)
    .optional()
    .describe(policySpec.shape.classes.description ?? ''),
  rules: z
    .array(rule)
    .optional()
    .describe(policySpec.shape.rules.description ?? ''),
});

const column = (name: string, jsonPath: string) => ({ name, type: 'string', jsonPath }) as const;
/** Entries of nodes, each written by its own. */
function perNode(
  description: string,
  keys: readonly string[],
  others: Readonly<Record<string, Structural>>,
): Structural {
  const named = Object.fromEntries(keys.map((key) => [key, { type: 'string' } as const]));
  return {
    ...{ type: 'array', description },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
    items: { ...record({ ...named, ...others }), required: keys },
  };
}

const wide = (name: string, jsonPath: string) =>
  ({ ...column(name, jsonPath), priority: 1 }) as const;
const ofWanwire = ['wanwire'];

/** Every definition, by the name of its file. */
export const definitions: Readonly<Record<string, Definition>> = {
  'sites.yaml': definition({
    resource: sites,
    ...{ singular: 'site', shortNames: ['site'], categories: ofWanwire },
    description: 'What a box has: its WAN links, and the other sites it reaches over them.',
    spec: structural(site),
    status: record({
      conditions,
      observedGeneration: { type: 'integer', format: 'int64' },
      nodes: perNode('What each node says of it.', ['node'], {
        accepted: yesOrNo('It is in force there.'),
        reason: text('In a word.'),
        message: text('What is wrong, and what would be right.'),
        links: text('How many of its links can be used.'),
        forwarder: text('Running or Away.'),
      }),
      links: perNode('The links of each node.', ['node', 'name'], {
        state: text('up, degraded or down.'),
        rttMs: number('Round-trip time in milliseconds.'),
        jitterMs: number('How much that varies, in milliseconds.'),
        lossPercent: number('Probes without an answer.'),
      }),
    }),
    hasStatusPart: true,
    columns: [
      // A column shows one value: not the list of them.
      column('Links', '.status.conditions[?(@.type=="LinksUp")].message'),
      conditionColumn('Accepted'),
      conditionColumn('LinksUp'),
      wide('Why', '.status.conditions[?(@.status!="True")].message'),
    ],
  }),
  'steeringpolicies.yaml': definition({
    resource: steeringPolicies,
    ...{ singular: 'steeringpolicy', shortNames: ['steer'], categories: ofWanwire },
    description: 'Which sessions use which links.',
    spec: structural(policy),
    status: record({
      conditions,
      observedGeneration: { type: 'integer', format: 'int64' },
      nodes: perNode('What each node says of it.', ['node'], {
        accepted: yesOrNo('It fits the Site there.'),
        reason: text('In a word.'),
        message: text('What is wrong, and what would be right.'),
        programmed: yesOrNo('The forwarder there steers by it.'),
      }),
    }),
    hasStatusPart: true,
    columns: [
      column('Services', '.spec.services'),
      column('Default', '.spec.default'),
      conditionColumn('Accepted'),
      conditionColumn('Programmed'),
      wide('Why', '.status.conditions[?(@.status!="True")].message'),
    ],
  }),
  'wires.yaml': definition({
    resource: wires,
    ...{ singular: 'wire', shortNames: ['wire'], categories: ofWanwire },
    description: 'A wire of a pod, as its node has it; written by wanwire alone, and read by you.',
    spec: record({
      pod: text('The pod that has it.'),
      node: text('Where the pod is.'),
      networkService: text('What it leads to.'),
      endpoint: text('Who gives that.'),
      interface: text('Its name in the pod.'),
      addresses: texts('Of the pod.'),
      peerAddresses: texts('Of the other end.'),
      connection: text('Its id in the mesh, as the client has it.'),
    }),
    status: record({
      state: text('up or down.'),
      link: text('Links that may carry it, the best first; none within its machine.'),
    }),
    hasStatusPart: false,
    columns: [
      column('Pod', '.spec.pod'),
      column('Service', '.spec.networkService'),
      column('Endpoint', '.spec.endpoint'),
      column('Interface', '.spec.interface'),
      column('Link', '.status.link'),
      column('State', '.status.state'),
      wide('Node', '.spec.node'),
      wide('Addresses', '.spec.addresses'),
    ],
  }),
  'networkservices.yaml': definition({
    resource: networkServices,
    ...{ singular: 'networkservice', shortNames: ['netsvc', 'netsvcs'] },
    description: 'A network service of Network Service Mesh: which endpoint for which client.',
    spec: record({
      name: text('The same as in metadata, or nothing.'),
      payload: text('IP or ETHERNET.'),
      matches: list(
        'The first that fits decides.',
        record({
          source_selector: textMap('Labels of the client.'),
          routes: list(
            'Where to, in order.',
            record({
              destination_selector: textMap('Labels of the endpoint.'),
              weight: { type: 'integer', description: 'Its share.', minimum: 0 },
            }),
          ),
          fallthrough: {
            type: 'boolean',
            description: 'Go on to the next match when this one leads to no endpoint.',
          },
          metadata: record({ labels: textMap('Labels of forwarders that may carry it.') }),
        }),
      ),
      path_ids: texts('SPIFFE IDs of who registered it.'),
    }),
    hasStatusPart: false,
    columns: [column('Payload', '.spec.payload'), wide('Owner', '.spec.path_ids[0]')],
  }),
  'networkserviceendpoints.yaml': definition({
    resource: networkServiceEndpoints,
    ...{ singular: 'networkserviceendpoint', shortNames: ['nse', 'nses'] },
    description: 'An endpoint of Network Service Mesh, as it has registered.',
    spec: record({
      name: text('As it has registered.'),
      url: text('Where it is reached, by others than its own node.'),
      network_service_names: texts('What it serves.'),
      network_service_labels: {
        type: 'object',
        description: 'Its labels, by the network service.',
        additionalProperties: record({ labels: textMap('Labels.') }),
      },
      expiration_time: record(
        { seconds: { type: 'integer', format: 'int64' }, nanos: { type: 'integer' } },
        'It is gone then, unless it registers again.',
      ),
      initial_registration_time: record(
        { seconds: { type: 'integer', format: 'int64' }, nanos: { type: 'integer' } },
        'When it first registered.',
      ),
      path_ids: texts('SPIFFE IDs of who registered it.'),
    }),
    hasStatusPart: false,
    columns: [
      column('Services', '.spec.network_service_names'),
      column('URL', '.spec.url'),
      wide('Owner', '.spec.path_ids[0]'),
    ],
  }),
};
