// SPDX-License-Identifier: Apache-2.0
/**
 * Conditions of an object that several nodes speak of: each is computed from what all nodes have
 * written, so that whoever writes it writes the same.
 */
import type { Condition, LinkStatus, NodeEntry, PolicyNode } from './objects.js';

/** A condition before it is known when it became so. */
export type Said = Omit<Condition, 'lastTransitionTime'>;

/** These conditions, with the time of the last change of each kept; undefined where nothing is new. */
export function renewed(
  before: readonly Condition[] | undefined,
  said: readonly Said[],
  nowMs: number,
): readonly Condition[] | undefined {
  const now = new Date(Math.floor(nowMs / 1000) * 1000).toISOString().replace('.000Z', 'Z');
  const after = said.map((one): Condition => {
    const old = before?.find(({ type }) => type === one.type);
    const since = old?.status === one.status ? old.lastTransitionTime : now;
    return { ...one, lastTransitionTime: since };
  });
  const same = after.every((one) => {
    const old = before?.find(({ type }) => type === one.type);
    return (Object.keys(one) as (keyof Condition)[]).every((key) => old?.[key] === one[key]);
  });
  return same ? undefined : after;
}

/** `Accepted`: whether every node that the object concerns takes it. */
export function acceptedBy(nodes: readonly NodeEntry[], generation: number): Said {
  const observedGeneration = generation;
  const wrong = nodes.filter(({ accepted }) => !accepted);
  const [first] = wrong;
  if (first === undefined) {
    const message = `in force on ${counted(nodes.length)}`;
    return { type: 'Accepted', status: 'True', reason: 'Accepted', message, observedGeneration };
  }
  const alike = wrong.every(({ message }) => message === first.message);
  const message =
    alike && wrong.length === nodes.length
      ? first.message
      : wrong.map(({ node, message: text }) => `${node}: ${text}`).join('\n');
  return {
    ...{ type: 'Accepted', status: 'False', reason: first.reason, observedGeneration },
    message: message.slice(0, 30_000),
  };
}

/** `LinksUp` of a Site: whether each link can be used on each of its nodes. */
export function linksUp(links: readonly LinkStatus[], generation: number): Said {
  const down = links.filter(({ state }) => state === 'down');
  const names = down.map(({ node, name }) => `${name} on ${node}`).join(', ');
  const observedGeneration = generation;
  const type = 'LinksUp';
  if (links.length === 0) {
    const message = 'no forwarder has told of links yet';
    return { type, status: 'Unknown', reason: 'NotTold', message, observedGeneration };
  }
  if (down.length > 0) {
    return {
      type,
      status: 'False',
      reason: 'LinksDown',
      message: `down: ${names}`,
      observedGeneration,
    };
  }
  const message = `${String(links.length)} of ${String(links.length)} can be used`;
  return { type, status: 'True', reason: 'AllUp', message, observedGeneration };
}

/** `Programmed` of a SteeringPolicy: whether the forwarders steer by it. */
export function programmedBy(nodes: readonly PolicyNode[], generation: number): Said {
  const missing = nodes.filter(({ programmed }) => !programmed).map(({ node }) => node);
  const observedGeneration = generation;
  const type = 'Programmed';
  if (missing.length > 0) {
    const message = `not steered by on ${missing.join(', ')}`;
    return { type, status: 'False', reason: 'Pending', message, observedGeneration };
  }
  const message = `steered by on ${counted(nodes.length)}`;
  return { type, status: 'True', reason: 'Programmed', message, observedGeneration };
}

function counted(count: number): string {
  return count === 1 ? '1 node' : `${String(count)} nodes`;
}
