// SPDX-License-Identifier: Apache-2.0
/**
 * Whether what was measured breaks an SLA, by more than chance.
 *
 * The long window decides, at a level of 1e-7. Windows overlap and are looked at
 * five to ten times a second, but what counts is how often the number of losses
 * rises to the limit: losses a day x P(limit - 1 others within the window). For a true
 * loss of 1 % at an SLA of 1 % and 20 ms that is 43,200 x 5e-7: one false alarm in 50
 * days and strand. The short window, and what of the long one is before it, must agree
 * mildly: a burst is no brownout, and what is over is none either.
 */
import { binomialTail } from './binomial.js';
import type { Sla } from './engine-strand.js';
import { isSuspicious, levelOf, strict, tcpText } from './evidence.js';
import { leastAnswers, type Tally, type Windows } from './history.js';

/** The normal distribution's quantile at the level `strict`. */
const strictSigmas = 5.2;
const mild = 0.02;
const mildSigmas = 2.05;
/** An SLA of no loss at all would be broken by the first lost probe. */
const leastLoss = 0.001;
/**
 * Standard deviations of a mean, from the mean difference J of consecutive round
 * trips, times the root of their number: of a round trip's J (0.89 J if it is normal, J if
 * exponential), of J itself 1.2 J (0.91 and 1.15).
 */
const rttSpread = 1;
const jitterSpread = 1.2;

/** What windows say of an SLA. */
export interface Verdict {
  /** Why it is broken; nothing where it is not. */
  readonly broken: string | undefined;
  /** It may be soon: look closer. */
  readonly isDoubted: boolean;
  /** TCP says so, too, or alone. */
  readonly isSuspected: boolean;
  /** Either window would rather have it broken than kept. */
  readonly looksBad: boolean;
}

/** How bad, as a multiple of what the SLA allows, and that figure's standard deviation. */
export interface Score {
  readonly times: number;
  readonly error: number;
}

interface Figure extends Score {
  /** `loss 8.2 % (SLA 1 %)`. */
  readonly text: string;
  /** Is it broken by more than chance, at the strict or the mild level? */
  readonly isBroken: boolean;
  readonly isDoubted: boolean;
}

/** As a share; all of them where it is not asked for. */
function allowedLoss({ lossPercent }: Sla): number {
  return lossPercent === undefined ? 1 : Math.max(leastLoss, lossPercent / 100);
}

function lossFigure({ probes, lost, tcp }: Tally, sla: Sla): Figure | undefined {
  const { lossPercent: percent } = sla;
  if (percent === undefined || probes < leastAnswers) return undefined;
  const allowed = allowedLoss(sla);
  const share = lost / probes;
  const chance = share > allowed ? binomialTail(lost, probes, allowed) : 1;
  // What probes alone are not sure of.
  const witness = tcp && chance >= strict ? `, ${tcpText(tcp)}` : '';
  const loss = `loss ${figure(100 * share)} % of ${String(probes)} probes`;
  return {
    text: `${loss}${witness} (SLA ${String(percent)} %)`,
    times: share / allowed,
    error: Math.sqrt((share * (1 - share)) / probes) / allowed,
    isBroken: chance < levelOf(tcp, allowed),
    isDoubted: chance < mild,
  };
}

function meanFigure(
  name: string,
  allowed: number | undefined,
  value: number,
  error: number,
  answers: number,
): Figure | undefined {
  if (allowed === undefined) return undefined;
  const sigmas = (value - allowed) / Math.max(error, 1e-6);
  const skew = 2 / Math.sqrt(answers);
  return {
    text: `${name} ${figure(value)} ms (SLA ${String(allowed)} ms)`,
    times: value / allowed,
    error: error / allowed,
    isBroken: sigmas > skewed(strictSigmas, skew),
    isDoubted: sigmas > skewed(mildSigmas, skew),
  };
}

/** A quantile of a mean whose single values are as lopsided as a queue's delay (Cornish and Fisher). */
function skewed(normal: number, skew: number): number {
  return normal + ((normal * normal - 1) * skew) / 6;
}

/** Loss, RTT and jitter, as far as the SLA asks for them and there is enough to tell. */
function figures(tally: Tally, sla: Sla): (Figure | undefined)[] {
  const loss = lossFigure(tally, sla);
  const { answers, rttSumMs, jitterSumMs } = tally;
  if (answers < leastAnswers) return [loss, undefined, undefined];
  const rtt = rttSumMs / answers;
  const jitter = jitterSumMs / answers;
  const root = Math.sqrt(answers);
  // Were the SLA just kept, this would be the spread.
  const nominal = Math.min(jitter, sla.jitterMs ?? jitter);
  return [
    loss,
    meanFigure('RTT', sla.rttMs, rtt, (rttSpread * jitter) / root, answers),
    meanFigure('jitter', sla.jitterMs, jitter, (jitterSpread * nominal) / root, answers),
  ];
}

/** See the head of this file. */
export function judge(windows: Windows, sla: Sla): Verdict {
  const long = figures(windows.long, sla);
  const short = figures(windows.short, sla);
  const before = figures(windows.before, sla);
  const broken = long
    .filter((one, at) => {
      const isAgreed = (short[at]?.isDoubted ?? false) && (before[at]?.times ?? 0) > 1;
      return one?.isBroken === true && isAgreed;
    })
    .map((one) => one?.text);
  return {
    broken: broken.length > 0 ? broken.join(', ') : undefined,
    isDoubted: short.some((one) => one?.isDoubted),
    isSuspected: [windows.short, windows.long].some(({ tcp }) =>
      isSuspicious(tcp, sla, allowedLoss(sla)),
    ),
    looksBad: [...short, ...long].some((one) => one?.isDoubted),
  };
}

/** Whether a window keeps the SLA, as far as it can be told; not where there are too few answers. */
export function keeps(tally: Tally, sla: Sla): boolean {
  if (tally.answers < leastAnswers) return false;
  return figures(tally, sla).every((one) => one === undefined || one.times <= 1);
}

/** The worst of the SLA's figures; of a strand without enough answers, worse than all. */
export function score(tally: Tally | undefined, sla: Sla): Score {
  const nothing = { times: Infinity, error: 0 };
  if (tally === undefined || tally.answers < leastAnswers) return nothing;
  const known = figures(tally, sla).filter((one) => one !== undefined);
  return known.reduce<Score>((worst, one) => (one.times > worst.times ? one : worst), {
    times: 0,
    error: 0,
  });
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
