// SPDX-License-Identifier: Apache-2.0
/** Makes the kernel's routes and rules of ours be the wanted ones. */
import { constants } from 'node:os';
import { KernelError } from '../../api/errors/kernel-error.js';
import type { Netns } from '../../bpf/netns/netns.js';
import { hostRoutesOf, sourceRulesOf, steeringQueries } from '../links/host-route.js';
import { families } from '../links/ip.js';
import { describe } from '../links/operation.js';
import { ask, attempt } from '../links/session.js';
import { planSteering, type Steering } from './ways.js';

const { EAFNOSUPPORT, EINTR, ENOENT, EOPNOTSUPP } = constants.errno;
const attempts = 4;

/** What was done and what was refused, as lines for the log. */
export interface Steered {
  readonly done: readonly string[];
  readonly refused: readonly string[];
}

/** Look, compare, change; what the kernel refuses of it is told, not thrown. */
export async function steer(netns: Netns, wanted: Steering): Promise<Steered> {
  const plan = planSteering(wanted, await foundSteering(netns));
  const refused = await attempt(netns, plan);
  return { done: plan.map(describe), refused: refused.map(({ message }) => message) };
}

async function foundSteering(netns: Netns): Promise<Steering> {
  for (let tried = 1; ; tried++) {
    const [routes4, rules4, routes6, rules6] = await ask(
      netns,
      Object.values(families).flatMap(steeringQueries),
    );
    const answers = [routes4, rules4, routes6, rules6].filter((one) => one !== undefined);
    // A family that the kernel does not have has nothing.
    const none = [0, EAFNOSUPPORT, EOPNOTSUPP, ENOENT];
    const bad = answers.find(({ errno, interrupted }) => interrupted || !none.includes(errno));
    if (bad === undefined) {
      const routes = [routes4, routes6].flatMap((one) => one ?? []).flatMap(hostRoutesOf);
      const rules = [rules4, rules6].flatMap((one) => one ?? []).flatMap(sourceRulesOf);
      return { routes, rules };
    }
    if (bad.interrupted && tried < attempts) continue;
    throw new KernelError(bad.errno === 0 ? EINTR : bad.errno, 'read routes and rules', bad.text);
  }
}
