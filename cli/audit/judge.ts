// SPDX-License-Identifier: Apache-2.0
/**
 * One request's verdict: its rule and class by the policy, the legs of its connection in its time,
 * and for each of them whether the class may use that link then. Pure.
 */
import { httpRuleOf } from '../../api/site/http-match.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import { levelsOf } from './class-links.js';
import type { LoggedRequest } from './entry.js';
import type { BookLink, LinkBook } from './link-book.js';
import type { PolicyText } from './policy-history.js';
import type { Leg, Sessions } from './sessions.js';
import type { Verdict } from './types.js';

/** One forwarder, as far as requests are judged by it. */
export interface Witness {
  readonly name: string;
  readonly sessions: Sessions;
  readonly book: LinkBook;
}

/** What is said of a request. */
export interface Judgement {
  readonly verdict: Verdict;
  /** null: no rule fits. */
  readonly rule: string | null;
  readonly class: string;
  readonly links: readonly string[];
  /** Why it is no `right`. */
  readonly reason: string;
  /** The http rule that the request fits; null where it fits none. */
  readonly httpRule: string | null;
}

/** Clocks of an Envoy and of a forwarder on one machine differ less; so does a packet from what Envoy says of it. */
export const skewMs = 20;

/** How good a verdict is: of several policies that may have been in force the best counts. */
const ranks: Readonly<Record<Verdict, number>> = {
  right: 0,
  'no-upstream': 0,
  fallback: 1,
  unknown: 2,
  wrong: 3,
};

/** The verdict on a request, by the best of these policies. */
export function judge(
  request: LoggedRequest,
  policies: readonly PolicyText[],
  witnesses: readonly Witness[],
): Judgement {
  const all = policies.map((policy) => judgeBy(request, policy, witnesses));
  const [best] = all.toSorted((a, b) => ranks[a.verdict] - ranks[b.verdict]);
  if (best === undefined) throw new TypeError('a request is judged by a policy');
  return best;
}

function judgeBy(
  request: LoggedRequest,
  { policy, links }: PolicyText,
  witnesses: readonly Witness[],
): Judgement {
  const http = httpRuleOf(policy, request.http);
  const plain = { rule: http?.name ?? null, class: http?.class ?? policy.default };
  const base = { ...plain, httpRule: http?.name ?? null, links: [], reason: '' };
  const { connection } = request;
  if (connection === undefined) {
    return { ...base, verdict: 'no-upstream', reason: request.details || 'it had no upstream' };
  }
  const told = witnesses.flatMap((witness) => {
    const legs = witness.sessions.legs(connection, request.from - skewMs, request.to + skewMs);
    return byWire(legs).map((own) => ({ witness, legs: own }));
  });
  const judgements = told.map(({ witness, legs }) => {
    const known = witness.book.links.length > 0 ? witness.book.links : links;
    return judgeLegs(request, { policy, links: known, base, witness, legs });
  });
  const [first] = judgements;
  if (first === undefined)
    return { ...base, verdict: 'unknown', reason: notSeen(request, witnesses) };
  if (judgements.every(({ verdict }) => verdict === first.verdict)) return first;
  const reason = 'several wires have this connection, and it was right on some of them only';
  return { ...first, verdict: 'unknown', reason };
}

function notSeen({ from, to }: LoggedRequest, witnesses: readonly Witness[]): string {
  const away = witnesses.filter(({ sessions }) => !sessions.wasHeard(from + skewMs, to - skewMs));
  if (away.length > 0) return notHeard(away.map(({ name }) => name).join(', '));
  const forgetful = witnesses.some(({ sessions }) => sessions.forgotten > 0);
  return forgetful
    ? 'its session is not remembered: there are too many'
    : 'no wire of these forwarders has its connection';
}

function notHeard(name: string): string {
  return `forwarder ${name} was not heard then`;
}

/** Two pods may have the same addresses. */
function byWire(legs: readonly Leg[]): readonly (readonly Leg[])[] {
  const wires = [...new Set(legs.map(({ wire }) => wire.id))];
  return wires.map((id) => legs.filter(({ wire }) => wire.id === id));
}

interface Case {
  readonly policy: SteeringPolicy;
  readonly links: readonly BookLink[];
  readonly base: Omit<Judgement, 'verdict'>;
  readonly witness: Witness;
  readonly legs: readonly Leg[];
}

function judgeLegs(request: LoggedRequest, given: Case): Judgement {
  const { core, edge } = partsOf(request, given.legs);
  const whose = core[0] ?? edge[0];
  const base = whose === undefined ? given.base : { ...given.base, ...classOfLeg(given, whose) };
  const links = core.map(({ link }) => link).filter((link, at, all) => link !== all[at - 1]);
  const of = { ...given, base };
  const judged = core.map((leg) => judgeLeg(request, of, leg));
  const wrong = judged.find(({ verdict }) => verdict === 'wrong');
  if (wrong !== undefined) {
    const near = edge.some((leg) => judgeLeg(request, of, leg).verdict !== 'wrong');
    if (!near) return { ...base, links, ...wrong };
    const reason = 'its connection changed the link as it began or ended';
    return { ...base, links, verdict: 'unknown', reason };
  }
  const hole = holeIn(request, given.legs, given.witness);
  if (hole !== undefined) return { ...base, links: [], verdict: 'unknown', reason: hole };
  const worst = judged.toSorted((a, b) => ranks[b.verdict] - ranks[a.verdict])[0];
  return {
    ...base,
    links,
    ...(worst ?? { verdict: 'unknown', reason: notSeen(request, [given.witness]) }),
  };
}

/** Those that surely carried it, and those that did so only if clocks differ. */
function partsOf({ from, to }: LoggedRequest, legs: readonly Leg[]) {
  const middle = (from + to) / 2;
  const [first, last] = [Math.min(from + skewMs, middle), Math.max(to - skewMs, middle)];
  const overlap = legs.filter((leg) => leg.from <= last && leg.to >= first);
  // A request just begun when its connection was made; or one that ended with it.
  const core = overlap.length > 0 ? overlap : legs.slice(0, 1);
  return { core, edge: to - from > 2 * skewMs ? [] : legs.filter((leg) => !core.includes(leg)) };
}

/** What fits no http rule goes by the rules of the node: what they decided is what it should be. */
function classOfLeg({ policy, base }: Case, leg: Leg): Pick<Judgement, 'rule' | 'class'> {
  if (base.httpRule !== null) return { rule: base.rule, class: base.class };
  const rule = policy.rules.find(({ name }) => name === leg.rule);
  return rule === undefined
    ? { rule: null, class: policy.default }
    : { rule: rule.name, class: rule.class };
}

function judgeLeg(
  { from, to }: LoggedRequest,
  { policy, links, base, witness }: Case,
  leg: Leg,
): Pick<Judgement, 'verdict' | 'reason'> {
  if (leg.link === '')
    return { verdict: 'unknown', reason: 'the link of its session is not known' };
  if (!links.some(({ name }) => name === leg.link)) {
    return { verdict: 'unknown', reason: `link ${leg.link} is not known: its class is not either` };
  }
  const levels = levelsOf(policy, base.class, links);
  const at = levels.findIndex((level) => level.links.includes(leg.link));
  if (at === 0) return { verdict: 'right', reason: '' };
  const way = `${wireText(leg)} on ${leg.link}`;
  if (at < 0) {
    return { verdict: 'wrong', reason: `${way}: ${base.class} is strict and does not use it` };
  }
  const before = levels.slice(0, at).flatMap((level) => level.links);
  const peer = witness.book.peerOf(leg.strand);
  const [start, end] = [Math.max(leg.from, from) - skewMs, Math.min(leg.to, to) + skewMs];
  const usable = before.length === 0 ? 'no' : witness.book.usable(before, peer, start, end);
  const which = before.join(', ');
  if (usable === 'no')
    return { verdict: 'fallback', reason: `${which || 'no link'} could not be used` };
  if (usable === 'yes') return { verdict: 'wrong', reason: `${way}, while ${which} could be used` };
  return { verdict: 'unknown', reason: `whether ${which} could be used then is not known` };
}

function wireText({ wire, rule }: Leg): string {
  const by = rule === '' ? '' : ` by rule ${rule}`;
  return `sent over ${wire.interface} (${wire.service})${by}`;
}

/** Why it is not known where the request was all the time; nothing where it is. */
function holeIn(
  { from, to, sent }: LoggedRequest,
  legs: readonly Leg[],
  { name }: Witness,
): string | undefined {
  const [first] = legs;
  if (first === undefined) return undefined;
  const earliest = sent ?? (first.began === 'create' ? Infinity : from);
  if (earliest + skewMs < first.from) return 'what carried its beginning is not known';
  let known = first.to;
  let closed = first.closed;
  for (const leg of legs) {
    if (!closed && leg.from > known + skewMs) return notHeard(name);
    if (leg.to >= known) [known, closed] = [leg.to, leg.closed];
  }
  return closed || known + skewMs >= to ? undefined : notHeard(name);
}
