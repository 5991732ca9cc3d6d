// SPDX-License-Identifier: Apache-2.0
/** What is to be done about the certificate, by what is there. */
import { endOf, isFor, type Material } from './material.js';

/** What is there. */
export interface Situation {
  readonly material: Material | undefined;
  readonly nowMs: number;
  /** How long certificates live. */
  readonly lifetimeMs: number;
  /** What the certificate must be for. */
  readonly hosts: readonly string[];
  /** Since when every configuration has had all the roots; nothing where one has not. */
  readonly trustedSinceMs: number | undefined;
  /** How long API servers get to hear of a root, in milliseconds. */
  readonly settleMs: number;
}

/** The next step, and when to look again at the latest. */
export interface Plan {
  readonly step:
    /** Nothing that is there can be used: a new one, at once. */
    | 'replace'
    /** A new one is made, and its root is told. */
    | 'prepare'
    /** The one that was prepared is served. */
    | 'switch'
    /** Roots that have ended are forgotten. */
    | 'forget'
    | 'nothing';
  readonly againMs: number;
}

/** The longest time between two looks: clocks are set, and timers have an end. */
const longestMs = 600_000;

/** See the head of this file. */
export function planOf(situation: Situation): Plan {
  const { material, nowMs, lifetimeMs, hosts, trustedSinceMs, settleMs } = situation;
  const soon = (atMs: number): number => Math.min(Math.max(atMs - nowMs, 0), longestMs);
  const plan = (step: Plan['step'], atMs = nowMs): Plan => ({ step, againMs: soon(atMs) });
  if (material === undefined) return plan('replace');
  const { serving, next, roots } = material;
  const isKnown = roots.some((root) => serving.certificate.checkIssued(root));
  const endMs = endOf(serving.certificate);
  const fits = isKnown && endMs > nowMs && isFor(serving.certificate, hosts);
  if (!fits) return plan('replace');
  if (next !== undefined) {
    if (!isFor(next.certificate, hosts)) return plan('prepare');
    if (trustedSinceMs === undefined) return plan('nothing', nowMs + longestMs);
    const readyMs = trustedSinceMs + settleMs;
    return readyMs <= nowMs ? plan('switch') : plan('nothing', readyMs);
  }
  const dueMs = endMs - lifetimeMs / 3;
  if (dueMs <= nowMs) return plan('prepare');
  if (roots.some((root) => endOf(root) <= nowMs)) return plan('forget');
  return plan('nothing', dueMs);
}
