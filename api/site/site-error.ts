// SPDX-License-Identifier: Apache-2.0
/** All mistakes of a site's files in one error, each with its place and what would be right. */
import { status } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';

/** One mistake. */
export interface Mistake {
  readonly file: string;
  /** From 1; none where the mistake is the file as a whole. */
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** Such as `spec.links[0].class`; empty where the text is no YAML. */
  readonly field: string;
  /** What is wrong, with the value and what would be right. */
  readonly text: string;
}

/** Files that are not valid. Nothing of them is used. */
export class SiteError extends WireError {
  override readonly name: string = 'SiteError';
  /** Every mistake there is, in the order of the files. */
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(status.INVALID_ARGUMENT, mistakes.map(inWords).join('\n'));
    this.mistakes = mistakes;
  }
}

const longestShown = 80;

/** What a mistake of this value says. */
export function notValid(value: unknown, want: string): string {
  return `${shown(value)} is not valid: want ${want}`;
}

/** A value as a message shows it, shortened. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = Number.isNaN(value) ? 'NaN' : JSON.stringify(value);
  if (text.length <= longestShown) return text;
  return `${text.slice(0, longestShown)}... (${String(text.length)} characters)`;
}

function inWords({ file, line, column, field, text }: Mistake): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return field === '' ? `${place}: ${text}` : `${place}: ${field}: ${text}`;
}
