// SPDX-License-Identifier: Apache-2.0
/** Which rule of a policy's text a packet fits, and why not those before it. Pure. */
import { classNames } from '../../api/site/classes.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import { defaultRule, noMark } from '../../bpf/loader/layout.js';
import { addressText, portNumber } from '../../forwarder/operator/flow.js';
import { whyNot } from '../policy/fit.js';
import { matchText } from '../policy/words.js';
import type { Packet } from './packet.js';

/** A rule that was looked at. */
export interface Looked {
  readonly rule: string;
  /** What it asks for; empty where only its bits are known. */
  readonly match: string;
  /** Why it does not fit; null where it does. */
  readonly why: string | null;
}

/** What rules say of a packet. */
export interface RuleAnswer {
  /** Up to the one that fits. */
  readonly looked: readonly Looked[];
  /** Its number; `defaultRule` where none fits. */
  readonly rule: number;
  readonly classId: number;
  readonly className: string;
  /** DSCP of the outer packet, or `noMark`. */
  readonly mark: number;
}

/** By the policy's text. `labels` and `identity` are those of the wire's client. */
export function ruleByPolicy(
  policy: SteeringPolicy,
  packet: Pick<Packet, 'flow' | 'dscp'>,
  labels: Readonly<Record<string, string>>,
  identity?: string,
): RuleAnswer {
  const { flow, dscp } = packet;
  const described = {
    dscp,
    protocol: flow.protocol,
    from: addressText(flow.source),
    to: addressText(flow.destination),
    fromPort: portNumber(flow.source_port),
    toPort: portNumber(flow.destination_port),
    labels,
    identity,
  };
  const looked: Looked[] = [];
  const names = classNames(policy);
  const answer = (rule: number, className: string, mark: number | undefined): RuleAnswer => {
    return { looked, rule, className, classId: names.indexOf(className), mark: mark ?? noMark };
  };
  for (const [at, rule] of policy.rules.entries()) {
    const why = whyNot(rule.match, described) ?? null;
    looked.push({ rule: rule.name, match: matchText(rule.match), why });
    if (why === null) return answer(at, rule.class, rule.mark);
  }
  return answer(defaultRule, policy.default, undefined);
}
