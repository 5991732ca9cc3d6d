// SPDX-License-Identifier: Apache-2.0
/** One YAML document, and on which line of it each value stands. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import { notValid, type Mistake } from './mistakes.js';

/** Keys and indices from the root. */
export type Path = readonly (string | number)[];

/** A document that is YAML; what it says is not looked at yet. */
export interface Yaml {
  /** Plain objects, arrays and scalars. */
  readonly value: unknown;
  /** The line of a value, or of its key; where there is none, of what it would stand in. */
  line(path: Path, of: 'key' | 'value'): number;
}

/** Far more than a machine has room for namespaces. */
const longest = 2 ** 18;

/** What a text says, or why it says nothing. */
export function readYaml(text: string): Yaml | readonly Mistake[] {
  const whole = (reason: string): Mistake[] => [{ line: undefined, field: '', text: reason }];
  if (text.length > longest) return whole(`is longer than ${String(longest)} characters`);
  const counter = new LineCounter();
  const lineAt = (offset: number): number => Math.max(counter.linePos(offset).line, 1);
  let document: Document;
  let value: unknown;
  try {
    document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
    const reasons = [...document.errors, ...document.warnings];
    if (reasons.length > 0) {
      return reasons.map(({ pos: [offset], code, message }) => ({
        line: lineAt(offset),
        field: '',
        text: inWords(code, message),
      }));
    }
    value = document.toJS();
    // An alias within what it names has no end.
    JSON.stringify(value);
  } catch (reason) {
    if (reason instanceof RangeError) return whole('has too many values in others');
    return whole(`is not valid YAML: ${reason instanceof Error ? reason.message : String(reason)}`);
  }
  if (value === null) return whole('is empty: `wanwire lab template` prints one to begin with');
  return { value, line: (path, of) => lineAt(offsetOf(document, path, of)) };
}

function inWords(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'the same key stands here a second time';
  if (code === 'MULTIPLE_DOCS') return 'a second document: want one lab in a file';
  return `is not valid YAML: ${message}`;
}

function offsetOf(document: Document, path: Path, of: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    let key: unknown;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === step);
      if (pair === undefined) return offset;
      key = pair.key;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      key = node = node.items[step];
    } else {
      return offset;
    }
    // A missing field is told at the key of what it would stand in.
    const asked = depth === path.length - 1 && of === 'value' ? node : key;
    offset = rangeOf(asked) ?? rangeOf(key) ?? offset;
  }
  return offset;
}

function rangeOf(node: unknown): number | undefined {
  return (node as { readonly range?: readonly number[] | null } | null | undefined)?.range?.[0];
}

/** The value at a path of plain data. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[key];
  }
  return value;
}

/** A path as a message shows it: `spec.sites[0].name`. */
export function fieldOf(path: Path): string {
  let field = '';
  for (const key of path) {
    if (typeof key === 'number') field += `[${String(key)}]`;
    else field += field === '' ? key : `.${key}`;
  }
  return field;
}

/** A mistake at a path of a document, or of data that came from none. */
export function mistakeAt(
  { value, line }: Pick<Yaml, 'value'> & Partial<Yaml>,
  path: Path,
  want: string,
  of: 'key' | 'value' = 'value',
): Mistake {
  const key = path.at(-1);
  const named = of === 'key' && typeof key === 'string' && path.length > 0;
  return {
    line: line?.(path, of),
    field: fieldOf(path),
    text: notValid(named ? key : valueAt(value, path), want),
  };
}
