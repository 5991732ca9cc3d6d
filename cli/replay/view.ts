// SPDX-License-Identifier: Apache-2.0
/** A replay as tables and as JSON: decision by decision, then what they sum up to. */
import type { Avoided, Replayed, ReplayedStrand } from '../../forwarder/quality/replay.js';
import { decisionText, instantText, whyText } from '../events/view.js';
import type { Paint } from '../paint.js';
import { countOf, timeText } from '../plane/figures.js';
import { tableLines, type Column } from '../plane/lines.js';
import type { Beside, Dated } from './compare.js';

/** What is shown. */
export interface Comparison {
  readonly rows: readonly Beside[];
  readonly recorded: readonly Dated[];
  readonly replayed: readonly Dated[];
  /** Of the recording's own rules, and of the others. */
  readonly before: Replayed['summary'];
  readonly after: Replayed['summary'];
  /** Wall clock of the first and the last sample. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Such as `the policy of new.yaml`. */
  readonly rules: string;
}

interface SumRow {
  readonly strand: string;
  readonly sla: string;
  readonly before: Avoided | undefined;
  readonly after: Avoided | undefined;
}

/** The JSON of `wanwire replay`. */
export function replayJson(comparison: Comparison): object {
  const { rows, before, after, fromMs, toMs } = comparison;
  const told = ({ wallMs, event }: Dated): object => ({ at: wallMs, ...event });
  return {
    from: fromMs,
    to: toMs,
    samples: after.samples,
    recorded: { events: comparison.recorded.map(told), strands: before.strands },
    replayed: { events: comparison.replayed.map(told), strands: after.strands },
    same: rows.filter(isSame).length,
  };
}

/** The page of `wanwire replay`. */
export function replayLines(paint: Paint, comparison: Comparison): readonly string[] {
  const { rows, before, after } = comparison;
  const decisions = tableLines(rows, columns, paint, (row) =>
    isSame(row) ? paint.dim : paint.bold,
  );
  const sums = tableLines(sumRows(before.strands, after.strands), sumColumns, paint);
  const parts = [decisions, sums, [sentence(comparison)]];
  return parts
    .filter((lines) => lines.length > 0)
    .flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]));
}

function isSame({ recorded, replayed }: Beside): boolean {
  return recorded !== undefined && replayed !== undefined;
}

const columns: readonly Column<Beside>[] = [
  { title: 'TIME', text: ({ wallMs }) => instantText(wallMs) },
  {
    title: 'STRAND',
    text: ({ recorded, replayed }) => {
      const event = replayed ?? recorded;
      return event !== undefined && 'name' in event ? event.name : '';
    },
  },
  { title: 'RECORDED', text: ({ recorded }) => (recorded ? decisionText(recorded) : '') },
  { title: 'REPLAYED', text: ({ replayed }) => (replayed ? decisionText(replayed) : '') },
  {
    title: 'WHY',
    text: ({ recorded, replayed }) => {
      const event = replayed ?? recorded;
      return event === undefined ? '' : whyText(event);
    },
  },
];

const sumColumns: readonly Column<SumRow>[] = [
  { title: 'STRAND', text: ({ strand }) => strand },
  { title: 'KEPT FROM', text: ({ sla }) => sla },
  { title: 'TIMES RECORDED', right: true, text: ({ before }) => timesText(before) },
  { title: 'REPLAYED', right: true, text: ({ after }) => timesText(after) },
  { title: 'FOR, RECORDED', right: true, text: ({ before }) => avoidedText(before) },
  { title: 'REPLAYED', right: true, text: ({ after }) => avoidedText(after) },
];

function timesText(sum: Avoided | undefined): string {
  return sum === undefined ? '' : String(sum.moves);
}

function avoidedText(sum: Avoided | undefined): string {
  return sum === undefined ? '' : timeText(sum.avoidedMs);
}

/** One for what concerned everybody, and one for each SLA of either side that kept classes from it. */
function sumRows(
  before: readonly ReplayedStrand[],
  after: readonly ReplayedStrand[],
): readonly SumRow[] {
  const earlier = new Map(before.map((one) => [one.name, one]));
  return after.flatMap((strand) => {
    const was = earlier.get(strand.name);
    const slas = [...new Set([...(was?.slas ?? []), ...strand.slas].map(({ sla }) => sla))];
    const of = (all: ReplayedStrand | undefined, name: string): Avoided | undefined =>
      all?.slas.find(({ sla }) => sla === name);
    const name = strand.name;
    return [
      { strand: name, sla: 'everybody', before: was, after: strand },
      ...slas.map((sla) => ({ strand: name, sla, before: of(was, sla), after: of(strand, sla) })),
    ];
  });
}

function sentence({ rows, recorded, replayed, after, rules, ...times }: Comparison): string {
  const same = rows.filter(isSame).length;
  const samples = `${countOf(after.samples, 'sample')} of ${countOf(after.strands.length, 'strand')}`;
  const span = `${instantText(times.fromMs)} to ${instantText(times.toMs)}`;
  const decided = `${countOf(recorded.length, 'decision')} recorded, ${String(replayed.length)} with ${rules}`;
  return `${samples}, ${span}: ${decided}; ${String(same)} of both are the same`;
}
