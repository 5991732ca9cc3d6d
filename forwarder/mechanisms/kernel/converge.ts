// SPDX-License-Identifier: Apache-2.0
/**
 * Brings one veth pair from what it is to what is wished: look, plan, do, until
 * the plan is empty. A new wire is made at once and looked for only where the
 * kernel refuses it.
 */
import { status } from '@grpc/grpc-js';
import { randomInt } from 'node:crypto';
import { constants } from 'node:os';
import type { Logger } from '../../../api/log/log.js';
import { KernelError } from '../../../api/errors/kernel-error.js';
import { WireError } from '../../../api/errors/wire-error.js';
import type { Netns } from '../../../bpf/netns/netns.js';
import type { FoundEnd } from '../../links/end.js';
import { halfMadeGroup } from '../../links/message.js';
import { freshEnd, planEnd } from '../../links/plan.js';
import { apply, findEnd, lookBeside, running } from '../../links/session.js';
import { openPlace, placeKey } from '../../namespaces/namespaces.js';
import type { Reaper } from './reaper.js';
import type { Side, Wish } from './side.js';

/** The interface index of each end, in its own namespace. */
export interface Indexes {
  readonly near: number;
  readonly far: number;
}

/** What {@link converge} needs. The namespaces are the caller's. */
export interface Convergence {
  /** The client's namespace. */
  readonly near: Netns;
  /** The endpoint's. */
  readonly far: Netns;
  readonly wish: Wish;
  readonly log: Logger;
  readonly reaper: Reaper;
  /** Where the ends were last; none for a new wire. */
  readonly last: Indexes | undefined;
}

const { EACCES, EAGAIN, EBUSY, EEXIST, EINTR, ENOBUFS, ENODEV } = constants.errno;

/** What may be otherwise when asked again. */
const passing = [EAGAIN, EBUSY, EINTR, ENOBUFS, ENODEV];
const mostTurns = 8;

/** Where the ends are in the end. */
export async function converge(work: Convergence): Promise<Indexes> {
  let last = work.last;
  let fresh = last === undefined;
  for (let turn = 1; turn <= mostTurns; turn++) {
    try {
      if (fresh) return await make(work);
      const [near, far] = await look(work, last);
      fresh = near === undefined && far === undefined;
      if (!fresh && (await isSettled(work, near, far)) && near && far) {
        return { near: near.index, far: far.index };
      }
      last = near && far && { near: near.index, far: far.index };
    } catch (reason) {
      if (!(reason instanceof KernelError) || turn === mostTurns) throw reason;
      if (!(await isCurable(work, reason))) throw reason;
      work.log.debug({ err: reason, turn }, 'looking again');
      fresh = false;
    }
  }
  const message = `wire ${work.wish.id} does not stay as it is made: somebody else changes it`;
  throw new WireError(status.ABORTED, message);
}

async function make({ near, far, wish }: Convergence): Promise<Indexes> {
  // Our own choice, so that everything can be said in one go. Taken ones are refused.
  const index = randomInt(1 << 11, 1 << 19) * 2;
  const indexes = { near: index, far: index + 1 };
  const { client, endpoint } = wish;
  const empty = freshEnd(client.wanted, indexes.near, indexes.far);
  const fresh = await lookBeside(near, client.wanted, empty);
  await apply(
    near,
    [
      {
        op: 'add-veth',
        near: { ...endOf(client), index: indexes.near, group: halfMadeGroup },
        far: { ...endOf(endpoint), index: indexes.far, group: halfMadeGroup },
      },
      ...planEnd(client.wanted, fresh),
    ],
    far,
  );
  await apply(far, planEnd(endpoint.wanted, freshEnd(endpoint.wanted, indexes.far, indexes.near)));
  await running(near, client.name);
  return indexes;
}

function endOf({ wanted: { name, mac, mtu } }: Side): { name: string; mac: string; mtu: number } {
  return { name, mac, mtu };
}

function look(
  { near, far, wish }: Convergence,
  last: Indexes | undefined,
): Promise<[FoundEnd | undefined, FoundEnd | undefined]> {
  return Promise.all([
    findEnd(near, wish.client.name, last?.near),
    findEnd(far, wish.endpoint.name, last?.far),
  ]);
}

/** One round; true where nothing was left to do. */
async function isSettled(
  work: Convergence,
  near: FoundEnd | undefined,
  far: FoundEnd | undefined,
): Promise<boolean> {
  const { client, endpoint } = work.wish;
  const tied = near !== undefined && near.peer === far?.index && far.peer === near.index;
  // One alias tells both ends: the other may have been lost with its forwarder.
  const ours = tied && [near.alias, far.alias].includes(client.wanted.alias);
  if (!ours) {
    if (await isGoing(work, client, near)) return false;
    if (await isGoing(work, endpoint, far)) return false;
  }
  if (!tied) {
    // Halves of an older wire, such as one to another endpoint: they go together.
    for (const [netns, end] of [
      [work.near, near],
      [work.far, far],
    ] as const) {
      if (end !== undefined) await apply(netns, [{ op: 'delete-link', index: end.index }]);
    }
    return false;
  }
  const known = await lookBeside(work.near, client.wanted, near);
  const plans = [planEnd(client.wanted, known), planEnd(endpoint.wanted, far)] as const;
  await Promise.all([apply(work.near, plans[0]), apply(work.far, plans[1])]);
  if (plans[0].length + plans[1].length > 0) return false;
  if (!near.running) await running(work.near, client.name);
  if (!far.running) await running(work.far, endpoint.name);
  return true;
}

/** Throws where the name is somebody else's; true where it was another wire's of ours, and is going. */
async function isGoing(work: Convergence, side: Side, found?: FoundEnd): Promise<boolean> {
  if (found === undefined || found.alias === side.wanted.alias) return false;
  if (await work.reaper.waitFor(side.place, side.name)) return true;
  const owner = found.alias === '' ? '' : ` by ${JSON.stringify(found.alias)}`;
  throw new WireError(
    status.ALREADY_EXISTS,
    `${side.field}: "${side.name}" is taken in ${placeKey(side.place.id)}${owner}: want a name that is free there`,
  );
}

/** Whether another look may do; cures a namespace in which IPv6 is off by default. */
async function isCurable({ wish }: Convergence, reason: KernelError): Promise<boolean> {
  if (reason.errno === EACCES && reason.op.startsWith('add address') && reason.op.includes(':')) {
    await Promise.all([allowIpv6(wish.client), allowIpv6(wish.endpoint)]);
    return true;
  }
  if (reason.errno === EEXIST) return reason.op.startsWith('add veth');
  return passing.includes(reason.errno);
}

async function allowIpv6({ place, name, wanted }: Side): Promise<void> {
  if (!wanted.addresses.some((address) => address.includes(':'))) return;
  using _netns = await openPlace(place, { [`net/ipv6/conf/${name}/disable_ipv6`]: '0' });
}
