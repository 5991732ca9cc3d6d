// SPDX-License-Identifier: Apache-2.0
/** Figures: medians with their spread, side by side with what they are compared with. */

/** One figure as it is printed; a ratio is ours over theirs. */
export interface Figure {
  readonly figure: string;
  readonly unit: string;
  /** One value a run. */
  readonly ours: readonly number[];
  /** The other's, run for run. */
  readonly theirs?: readonly number[];
  /** What the other is. */
  readonly against?: string;
}

/** Where figures go. */
export interface Report {
  add(figure: Figure): void;
  /** Something a reader must know beside the figures. */
  note(text: string): void;
}

/** The value at `share` (0 to 1) of the sorted values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** The middle of the values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? NaN) + high) / 2;
}

/** A report on a stream: a line a figure, or with `json` an object a line (DESIGN.md, "Benchmarks"). */
export function report(bench: string, json: boolean, out: NodeJS.WritableStream): Report {
  return {
    add(figure) {
      out.write(`${json ? asJson(bench, figure) : asText(figure)}\n`);
    },
    note(text) {
      if (!json) out.write(`  ${text}\n`);
    },
  };
}

function asJson(bench: string, { figure, unit, ours, theirs }: Figure): string {
  const value = rounded(median(ours));
  const runs = ours.length;
  if (theirs === undefined) return JSON.stringify({ bench, figure, value, unit, runs });
  const against = rounded(median(theirs));
  const ratio = rounded(median(paired(ours, theirs)));
  return JSON.stringify({ bench, figure, value, unit, against, ratio, runs });
}

function asText({ figure, unit, ours, theirs, against }: Figure): string {
  const own = `${figure.padEnd(24)} ${spread(ours)} ${unit}`;
  if (theirs === undefined) return own;
  const ratio = median(paired(ours, theirs)).toFixed(2);
  return `${own.padEnd(60)} ${against ?? 'theirs'}: ${spread(theirs)}  ratio ${ratio}`;
}

/** The ratio of each pair of runs: what disturbed one disturbed the other. */
function paired(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, at) => value / (theirs[at] ?? NaN));
}

function spread(values: readonly number[]): string {
  const low = String(rounded(Math.min(...values)));
  const high = String(rounded(Math.max(...values)));
  const middle = String(rounded(median(values)));
  return values.length === 1 ? middle : `${middle} (${low} to ${high})`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
