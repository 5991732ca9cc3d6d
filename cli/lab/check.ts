// SPDX-License-Identifier: Apache-2.0
/** `wanwire lab check`. */
import { Lab } from '../../lab/lab.js';
import type { LinkReport, Measured } from '../../lab/types.js';
import { exitCodes } from '../exit-codes.js';
import { paint, type Paint } from '../paint.js';
import { rateText } from '../plane/figures.js';
import { tableLines } from '../plane/lines.js';

/** Its options. */
export interface CheckOptions {
  readonly name?: string;
  readonly json?: boolean;
}

/** Measure, print, and say by the exit code whether all is as it was set. */
export async function checkLinks(
  links: readonly string[],
  { name, json = false }: CheckOptions,
): Promise<number> {
  const lab = await Lab.open(name);
  const reports = await lab.check(links.length === 0 ? undefined : links);
  const ok = reports.every((report) => report.ok);
  const lines = json
    ? [JSON.stringify({ lab: lab.name, ok, links: reports })]
    : [...reportLines(reports, paint(process.stdout)), '', sum(reports)];
  process.stdout.write(`${lines.join('\n')}\n`);
  return ok ? exitCodes.ok : exitCodes.failed;
}

/** A line a link: what was measured, and in brackets what was set where that differs in print. */
export function reportLines(reports: readonly LinkReport[], colours: Paint): string[] {
  const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
  const percent = (value: number): string => `${value.toFixed(1)} %`;
  return tableLines(
    reports,
    [
      { title: 'LINK', text: ({ link }) => link },
      { title: 'TO', text: ({ to }) => to },
      { title: 'ROUND TRIP', text: ({ rttMs }) => both(rttMs, ms) },
      { title: 'LOSS', text: ({ lossPercent }) => both(lossPercent, percent) },
      { title: 'RATE OUT', text: ({ rateOut }) => both(rateOut, rateText) },
      { title: 'RATE IN', text: ({ rateIn }) => both(rateIn, rateText) },
      { title: 'MTU', text: ({ mtu }) => both(mtu, String) },
      { title: 'VERDICT', text: verdict },
    ],
    colours,
    ({ ok }) => (ok ? String : colours.red),
  );
}

function both(found: Measured | undefined, text: (value: number) => string): string {
  if (found === undefined) return '';
  if (found.wanted === undefined) return `${text(found.measured)} (no limit)`;
  return `${text(found.measured)} (${text(found.wanted)})`;
}

function verdict({ ok, silent, remarks }: LinkReport): string {
  if (remarks.length > 0) return remarks.join('; ');
  if (silent) return 'dead, as set';
  return ok ? 'as set' : 'not as set';
}

function sum(reports: readonly LinkReport[]): string {
  const wrong = reports.filter(({ ok }) => !ok).length;
  const what = 'Measured there and back (set in brackets); rates one way, in whole frames.';
  if (wrong === 0) return `${what} All as set.`;
  return `${what} ${String(wrong)} of ${String(reports.length)} not as set.`;
}
