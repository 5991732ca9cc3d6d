// SPDX-License-Identifier: Apache-2.0
/**
 * What becomes of a packet, in the order of `bpf/include/session.h`: a pin, the
 * cached session, the rules' class; then the class's slots. Pure: the same
 * question asked of the loaded program must have the same answer.
 */
import {
  noMark,
  sessionFlags,
  stays,
  unclassified,
  type DropReason,
  type Session,
} from '../../bpf/loader/layout.js';
import { walk, type Slot } from './hash.js';
import type { RuleAnswer } from './rule.js';

/** The strands of a class. */
export interface ClassLevels {
  /** Each 64 numbers. */
  readonly slots: readonly (readonly number[])[];
  /** How many levels may be taken because a strand is avoided; 0 is all. */
  readonly soft: number;
  /** Number of its SLA; 0 is none. */
  readonly sla: number;
}

/** What is known when the packet comes. */
export interface Question {
  /** The flow's hash. */
  readonly random: number;
  /** Of the tables in force. */
  readonly generation: number;
  /** The strand that the flow is pinned to, usable or not; 0 is none. */
  readonly pin: number;
  readonly session: Session | undefined;
  /** Nothing where there are no tables. */
  readonly rules: RuleAnswer | undefined;
  /** Nothing where there are none for the wire's peer. */
  readonly levels: (classId: number) => ClassLevels | undefined;
  /** Whether a strand leads to the wire's peer, and can be used. */
  readonly usable: (strand: number) => boolean;
  /** Its bits: whom it is held back from. */
  readonly avoid: (strand: number) => number;
}

/** See the head of this file. */
export interface Decision {
  /** What chose the strand: `home` is a session's first one, well again; `none` where it is dropped. */
  readonly by: 'pin' | 'session' | 'learned' | 'home' | 'slot' | 'none';
  /** 0 where it is dropped. */
  readonly strand: number;
  readonly drop: DropReason | undefined;
  /** As a session has it: `defaultRule`, or `unclassified`. */
  readonly rule: number;
  readonly classId: number;
  readonly mark: number;
  /** Where a slot chose. */
  readonly slot: Slot | undefined;
}

const { pinned, learned, finIn, finOut, reset } = sessionFlags;

/** TCP: whether one side at least has said that the connection is over. */
export function isEnded({ flags }: Pick<Session, 'flags'>): boolean {
  return (flags & (finIn | finOut | reset)) !== 0;
}

/**
 * See the head of this file. Of a session that may come home it says that it
 * does, and of one that may look around that it has: programs pace both.
 */
export function decide(question: Question): Decision {
  const { usable, avoid } = question;
  // The packet is a SYN: what an end has called over begins anew.
  const session = question.session && isEnded(question.session) ? undefined : question.session;
  const pin = question.pin !== 0 && usable(question.pin) ? question.pin : 0;
  if (session !== undefined && stands(session, pin, question) && usable(session.strand)) {
    const { strand, rule, class_id: classId, mark, flags, sla, home } = session;
    const kept = { drop: undefined, rule, classId, mark, slot: undefined };
    const by = flags & pinned ? 'pin' : flags & learned ? 'learned' : 'session';
    const avoided = (one: number): boolean => (avoid(one) & heeds(sla)) !== 0;
    if (!avoided(strand)) {
      if (home === strand || sla === stays) return { by, strand, ...kept };
      if (usable(home) && !avoided(home)) return { by: 'home', strand: home, ...kept };
    }
  }
  return anew(question, pin, session?.strand ?? 0);
}

/** Which bits of a strand's `avoid` count for a session of that SLA. */
function heeds(sla: number): number {
  return sla === stays ? 0 : 1 | (1 << (sla & 31));
}

function stands(session: Session, pin: number, { generation }: Question): boolean {
  const { flags } = session;
  if (pin !== 0 || flags & pinned) {
    return (flags & pinned) !== 0 && session.strand === pin && session.generation === generation;
  }
  return session.generation === generation || (flags & learned) !== 0;
}

function anew(question: Question, pin: number, stay: number): Decision {
  const { rules, levels, random, usable, avoid } = question;
  const rest = {
    rule: rules?.rule ?? unclassified,
    classId: rules?.classId ?? unclassified,
    mark: rules?.mark ?? noMark,
    slot: undefined,
  };
  if (pin !== 0) return { by: 'pin', strand: pin, drop: undefined, ...rest };
  const found = rules === undefined ? undefined : levels(rules.classId);
  if (found === undefined) return { by: 'none', strand: 0, drop: 'no-policy', ...rest };
  const { soft, sla, slots } = found;
  const avoided = (strand: number): boolean => (avoid(strand) & heeds(sla)) !== 0;
  const slot = walk(slots, random, { usable, avoided, soft, stay });
  if (slot === undefined) return { by: 'none', strand: 0, drop: 'no-strand', ...rest };
  return { by: 'slot', strand: slot.strand, drop: undefined, ...rest, slot };
}
