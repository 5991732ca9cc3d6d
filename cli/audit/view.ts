// SPDX-License-Identifier: Apache-2.0
/** The audit as text. */
import type { Paint } from '../paint.js';
import { tableLines, type Column } from '../plane/lines.js';
import { printable } from '../table.js';
import type { AuditReport, AuditRow, Counts, Finding } from './types.js';

/** Findings in a table; JSON has more. */
const mostShown = 20;

/** The whole: the table, what is wrong, and what should be known to trust it. */
export function auditLines(paint: Paint, report: AuditReport): string[] {
  return [
    headLine(report),
    '',
    ...rowLines(paint, report),
    '',
    verdictLine(paint, report),
    ...findingLines(paint, report),
    ...noteLines(paint, report),
  ];
}

function headLine({ from, to, policy, policyChanges, envoys, forwarders, total }: AuditReport) {
  const seconds = `${((to - from) / 1_000).toFixed(1)} s`;
  const changed = policyChanges === 0 ? '' : ` (changed ${times(policyChanges)})`;
  const who = envoys.length === 0 ? 'no Envoy' : envoys.map(({ name }) => name).join(', ');
  const by = forwarders.map(({ name }) => name).join(', ');
  return printable(
    `${seconds}: ${countOf(total.requests, 'request')} of ${who}, sent by ${by}; policy ${policy}${changed}`,
  );
}

interface Line extends Counts {
  readonly rule: string;
  readonly class: string;
  readonly link: string;
}

function rowLines(paint: Paint, { rows, total }: AuditReport): string[] {
  if (rows.length === 0) return ['no requests yet'];
  const lines: Line[] = rows.map((row) => ({ ...row, rule: row.rule ?? '-', link: linkText(row) }));
  const sum: Line = { ...total, rule: 'all', class: '', link: '' };
  const count = (title: string, of: keyof Counts): Column<Line> => ({
    title,
    right: true,
    text: (line) => (line[of] === 0 ? '-' : String(line[of])),
  });
  const all: readonly Column<Line>[] = [
    { title: 'RULE', text: ({ rule }) => rule },
    { title: 'CLASS', text: (line) => line.class },
    { title: 'LINK', text: ({ link }) => link },
    { title: 'REQUESTS', right: true, text: ({ requests }) => String(requests) },
    count('RIGHT', 'right'),
    count('FALLBACK', 'fallback'),
    count('WRONG', 'wrong'),
    count('UNKNOWN', 'unknown'),
  ];
  const { red, bold } = paint;
  return tableLines([...lines, sum], all, paint, (line) =>
    line.wrong > 0 ? red : line === sum ? bold : String,
  );
}

function linkText({ links, noUpstream, requests }: AuditRow): string {
  if (links.length > 0) return links.join(', then ');
  return noUpstream === requests ? 'no upstream' : '?';
}

function verdictLine({ green, red, yellow }: Paint, { total, overflow }: AuditReport): string {
  const { wrong, unknown, fallback, noUpstream } = total;
  const text = `${countOf(wrong, 'request')} on a wrong link`;
  const more = [
    ...(fallback > 0 ? [`${String(fallback)} on a fallback`] : []),
    ...(unknown > 0 ? [`${String(unknown)} unknown`] : []),
    ...(noUpstream > 0 ? [`${String(noUpstream)} without an upstream`] : []),
    ...(overflow > 0 ? [`${String(overflow)} not judged: they came too fast`] : []),
  ];
  const tone = wrong > 0 ? red : unknown + overflow > 0 || total.requests === 0 ? yellow : green;
  return [tone(text), ...more].join(', ');
}

function findingLines(paint: Paint, { findings, moreFindings }: AuditReport): string[] {
  if (findings.length === 0) return [];
  const all: readonly Column<Finding>[] = [
    { title: 'TIME', text: ({ at }) => new Date(at).toISOString().slice(11, 23) },
    { title: 'REQUEST', text: ({ request }) => request },
    { title: 'RULE', text: ({ rule }) => rule ?? '-' },
    { title: 'LINK', text: ({ links }) => links.join(', then ') },
    { title: 'CONNECTION', text: ({ connection }) => connection ?? '' },
    { title: 'WHY', text: ({ reason }) => reason },
  ];
  const shown = findings.slice(0, mostShown);
  const left = findings.length - shown.length + moreFindings;
  const more = left === 0 ? [] : [`and ${String(left)} more (--json has the first 1000)`];
  const tone = ({ kind }: Finding) => (kind === 'wrong' ? paint.red : paint.yellow);
  return ['', ...tableLines(shown, all, paint, tone), ...more];
}

function noteLines({ yellow }: Paint, report: AuditReport): string[] {
  const { unknown, forwarders, retried, refused, hints } = report;
  const notes = [
    ...unknown.map(({ reason, requests }) => `${countOf(requests, 'request')} unknown: ${reason}`),
    ...forwarders.flatMap(({ name, heard, reason, lost, forgotten, links }) => [
      ...(heard ? [] : [`forwarder ${name} is not heard: ${reason ?? ''}`]),
      ...(lost > 0 ? [`${countOf(lost, 'event')} of forwarder ${name} were lost`] : []),
      ...(forgotten > 0 ? [`${countOf(forgotten, 'session')} of ${name} were forgotten`] : []),
      ...(links ? [] : [`which links of ${name} can be used is not known`]),
    ]),
    ...(retried > 0
      ? [`${countOf(retried, 'request')} tried more than once: only the last try is seen`]
      : []),
    ...(refused > 0 ? [`${countOf(refused, 'stream')} refused`] : []),
    ...hints,
  ];
  return notes.length === 0 ? [] : ['', ...notes.map((note) => yellow(printable(note)))];
}

/** To the last one: `countOf` of other tables rounds. */
function countOf(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? '' : 's'}`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${String(count)} times`;
}
