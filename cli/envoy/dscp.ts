// SPDX-License-Identifier: Apache-2.0
/** The other hand-off: Envoy sets the DSCP of a class, and the policy's rules know it on one steered wire. */
import { invalid } from '../../api/errors/wire-error.js';
import { dscpText } from '../../api/site/traffic.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import { whyNot } from '../policy/fit.js';
import type { Place } from './options.js';

const tcp = 6;

/** The DSCP that gives a class to connections of Envoy; throws where the policy's rules have none. */
export function dscpOf(
  policy: SteeringPolicy,
  upstream: Place,
  of: string,
  mark: number | undefined,
): number {
  const session = {
    protocol: tcp,
    from: undefined,
    fromPort: undefined,
    to: upstream.isAddress ? upstream.host : undefined,
    toPort: upstream.port,
    labels: {},
  };
  const classFor = (dscp: number): string =>
    policy.rules.find(({ match }) => whyNot(match, { ...session, dscp }) === undefined)?.class ??
    policy.default;
  const candidates =
    mark === undefined
      ? policy.rules.filter((rule) => rule.class === of).flatMap(({ match }) => match.dscp)
      : [mark];
  const found = candidates.find((dscp) => classFor(dscp) === of);
  if (found !== undefined) return found;
  if (mark === undefined && of === policy.default && classFor(0) === of) return 0;
  if (mark !== undefined) {
    const want = `a DSCP that the policy's rules give class ${of} to; they give ${classFor(mark)}`;
    throw invalid(`policy ${policy.name}: mark`, dscpText(mark), want);
  }
  const want =
    'a class with a DSCP of its own, for --by dscp: ' +
    `a rule such as {name: marked, match: {dscp: [af41]}, class: ${of}}`;
  throw invalid(`policy ${policy.name}`, of, want);
}
