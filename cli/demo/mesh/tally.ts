// SPDX-License-Identifier: Apache-2.0
/**
 * What became of the app's requests: how many of each user went over which link, by what the witness
 * saw, how long they took, and which went where they must not.
 */
import type { Answered } from '../../../lab/http/types.js';

/** A time in which it is known which links a user's requests may use. */
export interface Phase {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Something changes meanwhile: requests that touch it are counted here. */
  readonly changing: boolean;
  /** The links that a user's requests may be seen on; several only while something changes. */
  readonly may: Readonly<Record<string, readonly string[]>>;
}

/** Whether a request was seen on a link, one for each link. */
export type Sights = Readonly<Record<string, (user: string, number: number) => boolean>>;

/** One user's requests in one phase. */
export interface Tally {
  readonly user: string;
  readonly requests: number;
  readonly failed: number;
  /** Why those failed, each reason once. */
  readonly errors: readonly string[];
  /** Requests that were seen there, by link. */
  readonly links: Readonly<Record<string, number>>;
  /** Requests that were seen on a link that they may not use. */
  readonly wrong: number;
  /** Requests that were answered and seen nowhere. */
  readonly unseen: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** Each user's requests of one phase; `phases` are all there are, in order and without gaps. */
export function tally(
  answered: readonly Answered[],
  sights: Sights,
  phase: Phase,
  phases: readonly Phase[],
): readonly Tally[] {
  return Object.keys(phase.may).map((user) => {
    const own = answered.filter(
      (one) => one.user === user && phaseOf(one, phases)?.name === phase.name,
    );
    return tallyOf(user, own, sights, phase.may[user] ?? []);
  });
}

function tallyOf(
  user: string,
  own: readonly Answered[],
  sights: Sights,
  may: readonly string[],
): Tally {
  const failed = own.filter(({ error }) => error !== undefined);
  const times = own.filter(({ error }) => error === undefined).map(({ tookMs }) => tookMs);
  const seen = own.map(({ number }) =>
    Object.keys(sights).filter((link) => sights[link]?.(user, number)),
  );
  const onLink = (link: string): number => seen.filter((links) => links.includes(link)).length;
  return {
    user,
    requests: own.length,
    failed: failed.length,
    errors: [...new Set(failed.map(({ error = '' }) => error))],
    links: Object.fromEntries(Object.keys(sights).map((link) => [link, onLink(link)])),
    wrong: seen.filter((links) => links.some((link) => !may.includes(link))).length,
    unseen: own.filter(({ error }, at) => error === undefined && seen[at]?.length === 0).length,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    longestMs: Math.max(0, ...times),
  };
}

/** The phase that a request was in from beginning to end, or the change that it met. */
export function phaseOf(
  { atMs, tookMs }: Pick<Answered, 'atMs' | 'tookMs'>,
  phases: readonly Phase[],
): Phase | undefined {
  const met = phases.filter(({ fromMs, toMs }) => atMs < toMs && atMs + tookMs >= fromMs);
  return met.find(({ changing }) => changing) ?? met[0];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}
