// SPDX-License-Identifier: Apache-2.0
/** Measures what links really do, against what was set. */
import { rateText } from './file/units.js';
import { pathOf, type Path, type Wanted } from './measure/path.js';
import { fits, largest, ping, targetOf, type Pings, type Target } from './measure/ping.js';
import { rateOf } from './measure/rate.js';
import type { CablePlan, Plan } from './plan.js';
import type { LabState } from './state.js';
import type { LinkReport, Measured } from './types.js';

/** One report a cable; links are pinged at once, and loaded one after the other. */
export async function check(
  plan: Plan,
  cables: readonly CablePlan[],
  state: LabState,
): Promise<readonly LinkReport[]> {
  const measured = await Promise.all(
    cables.map(async (cable) => {
      const path = pathOf(cable, plan, state);
      return { cable, path, quiet: path === undefined ? undefined : await listen(path) };
    }),
  );
  const reports: LinkReport[] = [];
  for (const { cable, path, quiet } of measured) {
    if (path === undefined || quiet === undefined) reports.push(alone(cable));
    else reports.push(reportOf(path, quiet, await loaded(path, quiet)));
  }
  return reports;
}

/** What can be told without loading a link. */
interface Quiet {
  readonly target: Target | undefined;
  readonly pings: Pings | undefined;
  readonly mtu: number | undefined;
}

interface Rates {
  readonly out: number | undefined;
  readonly in: number | undefined;
}

const leastIntervalMs = 5;

async function listen(path: Path): Promise<Quiet> {
  const target = await targetOf(path);
  if (target === undefined) return { target, pings: undefined, mtu: undefined };
  const { wanted } = path;
  const limits = [wanted.rateOut, wanted.rateIn].filter((rate) => rate > 0);
  // A tenth of a slow line at most, and no more than some seconds.
  const intervalMs = Math.max(leastIntervalMs, 8_000_000 / Math.min(...limits, Infinity));
  const count = wanted.silent ? 20 : Math.max(10, Math.min(200, Math.floor(3_000 / intervalMs)));
  const slow = limits.length === 0 ? 0 : (2 * 8_000 * wanted.mtu) / Math.min(...limits);
  const waitMs = Math.max(300, 2 * (wanted.rttMs + wanted.lineMs + wanted.jitterMs) + slow);
  // The first one also finds out the peer's address.
  await ping(target, 1, intervalMs, waitMs);
  const pings = await ping(target, count, intervalMs, waitMs);
  if (pings.received === 0) return { target, pings, mtu: undefined };
  const tries = wanted.lossPercent === 0 ? 2 : 20;
  const fit = (size: number): Promise<boolean> => fits(target, size, tries, waitMs);
  const [as, more] = await Promise.all([fit(wanted.mtu), fit(wanted.mtu + 1)]);
  const small = Math.min(68, wanted.mtu);
  if (!as) return { target, pings, mtu: await largest(small, wanted.mtu, fit) };
  return { target, pings, mtu: more ? await largest(wanted.mtu + 1, 65_522, fit) : wanted.mtu };
}

async function loaded({ from, to, wanted }: Path, { target, pings }: Quiet): Promise<Rates> {
  if (target === undefined || pings?.received === 0) return { out: undefined, in: undefined };
  const home = await targetOf({ from: to, to: from, wanted });
  const lateMs = wanted.rttMs + wanted.jitterMs + 200;
  const common = { mtu: wanted.mtu, lateMs };
  const one = async (way: 'out' | 'in'): Promise<number | undefined> => {
    const [limit, lossPercent] =
      way === 'out'
        ? [wanted.rateOut, wanted.lossOutPercent]
        : [wanted.rateIn, wanted.lossInPercent];
    // TCP over a line that is late or loses packets would measure TCP.
    const tells = limit > 0 || (wanted.rttMs === 0 && wanted.lossPercent === 0);
    const address = (way === 'out' ? target : home)?.address;
    if (!tells || address === undefined || lossPercent > 90) return undefined;
    const ends = way === 'out' ? { from, to } : { from: to, to: from };
    return rateOf({ ...common, ...ends, address, limit, lossPercent });
  };
  // Two slow ways at once do not keep each other from being measured; two fast ones do.
  if (wanted.rateOut > 0 && wanted.rateIn > 0 && wanted.rateOut + wanted.rateIn < 2e8) {
    const [there, back] = await Promise.all([one('out'), one('in')]);
    return { out: there, in: back };
  }
  return { out: await one('out'), in: await one('in') };
}

function alone({ ends: [{ link }], network }: CablePlan): LinkReport {
  const remarks = [`nobody else is at ${network ?? ''} to measure it with`];
  return { ...nothing, link, to: network ?? '', silent: false, ok: true, remarks };
}

const nothing = {
  rttMs: undefined,
  lossPercent: undefined,
  rateOut: undefined,
  rateIn: undefined,
  mtu: undefined,
};

function reportOf({ from, to, wanted }: Path, { pings, mtu }: Quiet, rates: Rates): LinkReport {
  const ends = { link: from.link, to: to.link };
  if (pings === undefined) {
    return { ...nothing, ...ends, silent: false, ok: false, remarks: ['has no address to ping'] };
  }
  const silent = pings.received === 0;
  if (silent || wanted.silent) {
    const remarks = silent === wanted.silent ? [] : [silent ? 'nothing came back' : 'is not dead'];
    return { ...nothing, ...ends, silent, ok: remarks.length === 0, remarks };
  }
  const found = {
    rttMs: measured(pings.rttMs, wanted.rttMs, rttSlack(wanted)),
    lossPercent: measured(lossOf(pings), wanted.lossPercent, lossSlack(wanted, pings.sent)),
    rateOut: rated(rates.out, wanted.rateOut),
    rateIn: rated(rates.in, wanted.rateIn),
    mtu: measured(mtu, wanted.mtu, 0),
  };
  const remarks = [
    remark('RTT', found.rttMs, (ms) => `${ms.toFixed(1)} ms`),
    remark('loss', found.lossPercent, (percent) => `${percent.toFixed(1)} %`),
    remark('rate out', found.rateOut, rateText),
    remark('rate in', found.rateIn, rateText),
    remark('MTU', found.mtu, String),
  ].filter((text) => text !== '');
  return { ...ends, silent, ...found, ok: remarks.length === 0, remarks };
}

function lossOf({ sent, received }: Pings): number {
  return (1 - received / sent) * 100;
}

/** A busy machine is late; half of the jitter is more than the middle one of many can be off by. */
function rttSlack({ rttMs, lineMs, jitterMs }: Wanted): number {
  return 2 + lineMs + rttMs * 0.05 + jitterMs / 2;
}

/** Four times the standard deviation of so many throws. */
function lossSlack({ lossPercent }: Wanted, sent: number): number {
  const share = lossPercent / 100;
  return 0.5 + 400 * Math.sqrt((share * (1 - share)) / sent);
}

function measured(value: number | undefined, wanted: number, slack: number): Measured | undefined {
  if (value === undefined) return undefined;
  return { measured: value, wanted, ok: Math.abs(value - wanted) <= slack };
}

function rated(value: number | undefined, limit: number): Measured | undefined {
  if (limit > 0) return measured(value, limit, limit * 0.15);
  return value === undefined ? undefined : { measured: value, wanted: undefined, ok: undefined };
}

function remark(
  what: string,
  found: Measured | undefined,
  text: (value: number) => string,
): string {
  if (found?.ok !== false) return '';
  return `${what} is ${text(found.measured)}, not ${text(found.wanted ?? 0)}`;
}
