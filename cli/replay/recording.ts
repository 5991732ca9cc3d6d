// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a recording: what `wanwire events --json` printed, one record a line, or
 * the same in a JSON array. Every mistake is told, with its line.
 */
import { textOf } from '../../api/site/read.js';
import { type Mistake, notValid, SiteError } from '../../api/site/site-error.js';
import type { JournalRecord } from '../../forwarder/quality/journal-record.js';
import { recordOf } from './record-schema.js';

/** A text that should be one record, and the line on which it begins. */
export interface RecordText {
  readonly line: number;
  readonly text: string;
}

/** A file of which nothing is right has as many mistakes as lines: more say no more. */
const mostTold = 20;
const wantObject = 'one JSON object a line, as `wanwire events --json` prints them, or an array';

/** The records of a file, in order; throws a SiteError. */
export async function readRecording(path: string): Promise<readonly JournalRecord[]> {
  const { text, error } = await textOf(path);
  if (text === undefined) throw new SiteError([mistake(path, undefined, '', error ?? '')]);
  const records: JournalRecord[] = [];
  const mistakes: Mistake[] = [];
  for (const { line, text: one } of textsOf(text)) {
    const value = parsed(one);
    const found = value === undefined ? undefined : recordOf(value);
    if (found === undefined) {
      mistakes.push(mistake(path, line, '', notValid(one, wantObject)));
    } else if ('record' in found) {
      records.push(found.record);
    } else {
      for (const { field, value: given, want } of found.mistakes) {
        mistakes.push(mistake(path, line, field, notValid(given, want)));
      }
    }
  }
  if (mistakes.length === 0) mistakes.push(...lacking(path, records));
  if (mistakes.length > 0) throw new SiteError(shortened(path, mistakes));
  return records;
}

/** What no replay can do without. */
function lacking(path: string, records: readonly JournalRecord[]): Mistake[] {
  const first = records.findIndex(({ type }) => type === 'sample');
  const want =
    first < 0
      ? 'it has no samples: want what `wanwire events --json` prints (without --json only decisions are told)'
      : records.slice(0, first).some(({ type }) => type === 'setup')
        ? undefined
        : 'it has samples before its first setup: want what `wanwire events --json` prints, from its first line on';
  return want === undefined ? [] : [mistake(path, undefined, '', want)];
}

function shortened(path: string, mistakes: readonly Mistake[]): readonly Mistake[] {
  const more = mistakes.length - mostTold;
  if (more <= 0) return mistakes;
  const rest = mistake(path, undefined, '', `and ${String(more)} more mistakes`);
  return [...mistakes.slice(0, mostTold), rest];
}

function mistake(file: string, line: number | undefined, field: string, text: string): Mistake {
  return { file, line, column: undefined, field, text };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The single records of a text, not yet looked at. */
export function textsOf(text: string): readonly RecordText[] {
  if (text.trimStart().startsWith('[')) return itemsOf(text);
  return text
    .split('\n')
    .map((one, at) => ({ line: at + 1, text: one.trim() }))
    .filter((one) => one.text !== '');
}

/** The items of an array, split where a comma stands outside of everything. */
function itemsOf(text: string): readonly RecordText[] {
  const items: RecordText[] = [];
  let [depth, line, from, began] = [0, 1, -1, 1];
  let isText = false;
  const end = (at: number): void => {
    const one = from < 0 ? '' : text.slice(from, at).trim();
    if (one !== '') items.push({ line: began, text: one });
    from = -1;
  };
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? '';
    if (sign === '\n') line++;
    if (isText) {
      if (sign === '\\') at++;
      else if (sign === '"') isText = false;
      continue;
    }
    const closes = sign === '}' || sign === ']';
    if (closes && --depth === 0) end(at);
    else if (sign === ',' && depth === 1) end(at);
    else if (depth > 0 && from < 0 && sign.trim() !== '') [from, began] = [at, line];
    if (sign === '"') isText = true;
    if (sign === '{' || sign === '[') depth++;
  }
  // What is left where the array has no end.
  end(text.length);
  return items;
}
