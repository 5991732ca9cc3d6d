// SPDX-License-Identifier: Apache-2.0
/** What a command that changes something works with: the plane as it is, and somebody to ask. */
import type { z } from 'zod';
import { askOperator, type ForwarderSocket, type Question } from '../operator-client.js';
import { look } from './look.js';
import { chooseNode, socketOf, type NodeChoice, type NodeOptions } from './node.js';
import type { Plane } from './types.js';

/** See the head of this file. */
export interface Desk {
  readonly node: NodeChoice;
  readonly forwarder: ForwarderSocket;
  readonly plane: Plane;
  readonly ask: <T>(question: Question, schema: z.ZodType<T>) => Promise<T>;
}

/** The desk of the forwarder that the options choose. */
export async function openDesk(options: NodeOptions): Promise<Desk> {
  const node = await chooseNode(options);
  const plane = look(node, (_maps, reading) => reading.plane);
  const forwarder = { name: node.name, socket: socketOf(node, plane.node.operator) };
  return {
    node,
    forwarder,
    plane,
    ask: (question, schema) => askOperator(forwarder, question, schema),
  };
}
