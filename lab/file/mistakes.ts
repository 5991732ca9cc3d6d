// SPDX-License-Identifier: Apache-2.0
/** What is wrong with a lab's file or a change, each mistake with its place and what would be right. */

/** A lab that cannot be made, changed or found; the message says why and what helps. */
export class LabError extends Error {
  override readonly name: string = 'LabError';
}

/** What the user said is wrong: a name, a value, a file. */
export class LabInputError extends LabError {
  override readonly name: string = 'LabInputError';
}

/** One mistake. */
export interface Mistake {
  /** From 1; none where the lab came from no file, or the mistake is the file as a whole. */
  readonly line: number | undefined;
  /** Such as `spec.sites[0].links[1].delay`; empty where the text is no YAML. */
  readonly field: string;
  /** What is wrong, with the value and what would be right. */
  readonly text: string;
}

/** A file that is not valid. Nothing of it is used. */
export class LabFileError extends LabInputError {
  override readonly name: string = 'LabFileError';
  /** Every mistake there is, in the order of the file. */
  readonly mistakes: readonly Mistake[];

  constructor(file: string, mistakes: readonly Mistake[]) {
    const sorted = mistakes.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
    super(sorted.map((mistake) => inWords(file, mistake)).join('\n'));
    this.mistakes = sorted;
  }
}

const longestShown = 80;

/** What a mistake of this value says. */
export function notValid(value: unknown, want: string): string {
  return `${shown(value)} is not valid: want ${want}`;
}

/** A value as a message shows it, shortened. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= longestShown ? text : `${text.slice(0, longestShown)}...`;
}

function inWords(file: string, { line, field, text }: Mistake): string {
  const place = line === undefined ? file : `${file}:${String(line)}`;
  return [place, field, text].filter((part) => part !== '').join(': ');
}
