// SPDX-License-Identifier: Apache-2.0
/** What a running forwarder says is in force: policies in their own words, clients' labels and addresses. */
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import { WireError } from '../../api/errors/wire-error.js';
import type { Steered } from '../../forwarder/operator/operator.js';
import { askOperator } from '../operator-client.js';
import { socketOf, type NodeChoice } from '../plane/node.js';
import type { PlaneNode } from '../plane/types.js';

const port = z.object({ from: z.int(), to: z.int() });
const texts = z.array(z.string());
const labels = z.record(z.string(), z.string());
const match = z.object({
  dscp: z.array(z.int()),
  protocols: z.array(z.int()),
  sourcePorts: z.array(port),
  destinationPorts: z.array(port),
  sources: texts,
  destinations: texts,
  clientLabels: labels,
  // A forwarder of before this version has none.
  identities: texts.default([]),
});
const text = z.union([
  z.object({ exact: z.string() }),
  z.object({ prefix: z.string() }),
  z.object({ regex: z.string() }),
  z.object({ present: z.literal(true) }),
]);
const http = z.object({
  headers: z.record(z.string(), text),
  path: text.optional(),
  methods: texts,
  hosts: texts,
});
const steering = { name: z.string(), class: z.string(), mark: z.int().optional() };
const link = { name: z.string().optional(), class: z.string().optional(), weight: z.number() };
const policy = z.object({
  name: z.string(),
  services: texts,
  classes: z.array(
    z.object({
      name: z.string(),
      links: z.array(z.object(link)),
      fallback: texts,
      strict: z.boolean(),
    }),
  ),
  rules: z.array(z.object({ ...steering, match })),
  httpRules: z.array(z.object({ ...steering, match: http })),
  default: z.string(),
});
const steered = z.object({
  generation: z.int(),
  services: z.array(z.object({ service: z.string(), policy })),
  wires: z.array(
    z.object({ id: z.string(), labels, identity: z.string().optional(), addresses: texts }),
  ),
});

/** What is in force, or why nobody tells. */
export type InForce =
  | { readonly steered: Steered; readonly untold: null }
  | { readonly steered: undefined; readonly untold: string };

/** Ask. A forwarder that does not run, or is of a version that does not tell, is no error. */
export async function inForce(choice: NodeChoice, node: PlaneNode): Promise<InForce> {
  const socket = socketOf(choice, node.operator);
  const question = { method: 'GET', path: '/steered', patienceMs: 5_000 } as const;
  try {
    const answer = await askOperator({ name: node.name, socket }, question, steered);
    // What JSON leaves out is what a policy has as undefined.
    return { steered: answer as unknown as Steered, untold: null };
  } catch (reason) {
    if (!(reason instanceof WireError)) throw reason;
    const silent: readonly status[] = [status.UNAVAILABLE, status.NOT_FOUND, status.INTERNAL];
    if (!silent.includes(reason.code)) throw reason;
    return { steered: undefined, untold: `forwarder ${node.name} does not tell its policies` };
  }
}
