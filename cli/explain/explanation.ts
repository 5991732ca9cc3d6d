// SPDX-License-Identifier: Apache-2.0
/**
 * What is told of a packet: the answer of the policy's text and the tables, that
 * of the loaded program, and where the two differ.
 */
import type { SteeringPolicy } from '../../api/site/types.js';
import { dscpText } from '../../api/site/traffic.js';
import * as layout from '../../bpf/loader/layout.js';
import { classKey, type PlaneReading } from '../plane/read.js';
import type { PlaneWire } from '../plane/types.js';
import { candidatesOf, levelNamer, type Candidate } from './candidates.js';
import { decide, isEnded, type Decision } from './decide.js';
import { hash } from './hash.js';
import type { Packet } from './packet.js';
import type { Looked, RuleAnswer } from './rule.js';
import type { State } from './state.js';
import type { Verdict } from './twin.js';

/** What was decided, in words. Both answers have it, and are compared by it. */
export interface Answer {
  /** null: none fits, so the default class; or it was never compared with rules. */
  readonly rule: string | null;
  /** null where there is none. */
  readonly class: string | null;
  /** DSCP of the outer packet; null where the inner one's is kept. */
  readonly mark: string | null;
  /** null where it is dropped. */
  readonly strand: string | null;
  readonly link: string | null;
  /** Why it is dropped; null where it is not. */
  readonly drop: layout.DropReason | null;
}

/** The answer of the loaded program. */
export interface ProgramAnswer extends Answer {
  /** Of the program at the wire; by default a twin with the same tag was run. */
  readonly id: number;
  readonly tag: string;
}

/** The JSON of `wanwire explain`, without what is said of http. */
export interface Explanation {
  readonly packet: {
    readonly protocol: string;
    readonly source: string;
    readonly destination: string;
    readonly dscp: string;
    /** The source port was not given, and stands for all others. */
    readonly assumed: boolean;
  };
  readonly wire: Pick<
    PlaneWire,
    'id' | 'client' | 'service' | 'interface' | 'peer' | 'leader' | 'payload'
  >;
  readonly generation: number;
  readonly policy: {
    readonly name: string;
    readonly service: string;
    /** Whether its text was known, or only the tables made of it. */
    readonly from: 'text' | 'tables';
  };
  /** In order, up to the one that fits. */
  readonly rules: readonly Looked[];
  readonly candidates: readonly Candidate[];
  readonly pin: { readonly strand: string; readonly usable: boolean } | null;
  readonly session: {
    readonly strand: string;
    readonly pinned: boolean;
    readonly learned: boolean;
    /** Decided by the tables in force, or learned. */
    readonly current: boolean;
    /** TCP: one side at least has said that it is over, and the next connection begins anew. */
    readonly ended: boolean;
  } | null;
  /** What chose the strand. */
  readonly by: Decision['by'];
  /** Where a slot chose: its number, and how many before it could not be used. */
  readonly slot: { readonly number: number; readonly passed: number } | null;
  readonly answer: Answer;
  /** null where it was not asked: `notes` say why. */
  readonly program: ProgramAnswer | null;
  /** Where the two are not the same; empty is agreement. */
  readonly differences: readonly string[];
  readonly notes: readonly string[];
}

/** All that an explanation is made of. */
export interface Parts {
  readonly reading: PlaneReading;
  readonly wire: PlaneWire;
  readonly packet: Packet;
  readonly state: State;
  readonly rules: RuleAnswer | undefined;
  /** Nothing where only tables are known. */
  readonly policy: SteeringPolicy | undefined;
  readonly verdict: Verdict | undefined;
  readonly notes: readonly string[];
}

/** Put it together. */
export function explanationOf(parts: Parts): Explanation {
  const { reading, wire, packet, state, rules, verdict } = parts;
  const { generation } = reading.plane;
  const session = state.session && layout.session.decode(state.session.value);
  const { pin, usable, avoid, levels } = state;
  const random = hash(packet.flow, packet.family);
  const decision = decide({ random, generation, pin, session, rules, levels, usable, avoid });
  const words = wordsOf(parts);
  const answer = words.answer(decision);
  const program = verdict === undefined ? null : programAnswer(parts, decision, verdict);
  const named = reading.names.get('ruleset', words.row) ?? {};
  const { protocol, source, destination } = packet.text;
  const assumed = packet.assumedPort !== undefined;
  const { id, client, service, interface: device, peer, leader, payload } = wire;
  return {
    packet: { protocol, source, destination, dscp: dscpText(packet.dscp), assumed },
    wire: { id, client, service, interface: device, peer, leader, payload },
    generation,
    policy: {
      name: named['policy'] ?? '',
      service: named['service'] ?? '',
      from: parts.policy === undefined ? 'tables' : 'text',
    },
    rules: rules?.looked ?? [],
    candidates: rules === undefined ? [] : candidates(parts, rules, decision),
    pin: pin === 0 ? null : { strand: words.strand(pin), usable: usable(pin) },
    session: session === undefined ? null : sessionWords(session, generation, words.strand),
    by: decision.by,
    slot: decision.slot ? { number: decision.slot.slot, passed: decision.slot.passed } : null,
    answer,
    program,
    differences: program === null ? [] : differencesOf(answer, program),
    notes: parts.notes,
  };
}

function candidates(parts: Parts, rules: RuleAnswer, decision: Decision): readonly Candidate[] {
  const { policy, state, reading } = parts;
  const namer = policy === undefined ? () => null : levelNamer(policy, rules.className);
  return candidatesOf(state.levels(rules.classId)?.slots ?? [], reading.plane, namer, decision);
}

function sessionWords(
  { strand, flags, generation }: layout.Session,
  inForce: number,
  name: (id: number) => string,
): Explanation['session'] {
  const pinned = (flags & layout.sessionFlags.pinned) !== 0;
  const learned = (flags & layout.sessionFlags.learned) !== 0;
  const current = learned || generation === inForce;
  return { strand: name(strand), pinned, learned, current, ended: isEnded({ flags }) };
}

type Numbers = Pick<Decision, 'strand' | 'drop' | 'rule' | 'classId' | 'mark'>;

/** What the program decided: of a packet that it sent, as it left it in the session. */
function programAnswer(parts: Parts, decision: Decision, verdict: Verdict): ProgramAnswer {
  const { id, tag, strand, drop, session } = verdict;
  // Of a dropped packet it leaves nothing to see but the reason.
  const { rule, classId, mark } = decision;
  const numbers: Numbers =
    session === undefined || drop !== undefined
      ? { strand, drop, rule, classId, mark }
      : { strand, drop, rule: session.rule, classId: session.class_id, mark: session.mark };
  return { id, tag, ...wordsOf(parts).answer(numbers) };
}

function wordsOf({ reading, state, packet }: Parts) {
  const { names, plane, strands } = reading;
  const row = layout.rulesetRow(plane.generation & 1, state.wire.policy);
  const strand = (id: number): string => strands.get(id) ?? `#${String(id)}`;
  const answer = ({ strand: id, drop, rule, classId, mark }: Numbers): Answer => {
    const fits = rule !== layout.defaultRule && rule !== layout.unclassified;
    return {
      rule: fits ? names.text('rule', row * layout.limits.rules + rule) : null,
      class: classId === layout.unclassified ? null : names.text('class', classKey(row, classId)),
      mark: mark === layout.noMark ? null : dscpText(mark),
      strand: id === 0 ? null : strand(id),
      link: plane.strands.find((one) => one.id === id)?.link ?? null,
      drop: drop ?? null,
    };
  };
  return { row, strand, answer, packet };
}

const compared = ['rule', 'class', 'mark', 'strand', 'drop'] as const;

function differencesOf(answer: Answer, program: Answer): readonly string[] {
  const text = (value: string | null): string => value ?? 'none';
  return compared
    .filter((key) => answer[key] !== program[key])
    .map(
      (key) => `${key}: ${text(answer[key])} by the tables, ${text(program[key])} by the program`,
    );
}
