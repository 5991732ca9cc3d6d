// SPDX-License-Identifier: Apache-2.0
/** Texts of several YAML documents, and where in the text each value stands. */
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
} from 'yaml';
import { type CST, type Node, visit, type YAMLError } from 'yaml';
import type { Mistake } from './site-error.js';

/** Keys and indices from a document's root. */
export type Path = readonly (string | number)[];

/** One document that is YAML; what it says is not looked at yet. */
export interface YamlDocument {
  readonly file: string;
  /** Plain objects, arrays and scalars. */
  readonly value: unknown;
  /** Line and column of a value, or of its key; where there is none, of what it would stand in. */
  position(path: Path, of?: 'key' | 'value'): Position;
}

/** From 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Far more than 1,000 rules need; YAML is read at once, in memory. */
const longest = 2 ** 20;
/** Deeper nesting would overflow the reader's stack. */
const deepest = 64;
/** How often values may be used again by an alias, all in all. */
const mostAliases = 100;

/** The documents of a text that are YAML and not empty, and what is wrong with the others. */
export function yamlDocuments(
  text: string,
  file: string,
): { readonly documents: readonly YamlDocument[]; readonly mistakes: readonly Mistake[] } {
  const whole = (reason: string) => ({
    documents: [],
    mistakes: [{ file, line: undefined, column: undefined, field: '', text: reason }],
  });
  if (text.length > longest) return whole(`is longer than ${String(longest)} characters`);
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  if (tooDeep(tokens)) return whole(`has values in more than ${String(deepest)} others`);
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const documents: YamlDocument[] = [];
  const mistakes: Mistake[] = [];
  for (const document of new Composer({ prettyErrors: false }).compose(tokens)) {
    const reasons = [...document.errors, ...document.warnings].map((reason) => ({
      offset: reason.pos[0],
      text: inWords(reason),
    }));
    reasons.push(...unusualKeys(document));
    const value = reasons.length > 0 ? undefined : valueOf(document, reasons);
    for (const { offset, text: reason } of reasons) {
      mistakes.push({ file, ...at(offset), field: '', text: reason });
    }
    if (reasons.length > 0 || value === null) continue;
    const position = (path: Path, of: 'key' | 'value' = 'value'): Position =>
      at(offsetOf(document, path, of));
    documents.push({ file, value, position });
  }
  return { documents, mistakes };
}

interface Reason {
  readonly offset: number;
  readonly text: string;
}

function inWords({ code, message }: YAMLError): string {
  if (code === 'DUPLICATE_KEY') return 'the same key stands here a second time';
  return `is not valid YAML: ${message}`;
}

function unusualKeys(document: Document): Reason[] {
  const reasons: Reason[] = [];
  visit(document, {
    Pair(_at, { key }) {
      const scalar = isScalar(key);
      if (scalar && key.value !== '__proto__') return;
      const offset = (key as Partial<Node> | null)?.range?.[0] ?? 0;
      reasons.push({ offset, text: scalar ? '__proto__ is no key' : 'a key must be one word' });
    },
  });
  return reasons;
}

function valueOf(document: Document, reasons: Reason[]): unknown {
  const offset = document.contents?.range?.[0] ?? 0;
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: mostAliases });
  } catch (reason) {
    if (!(reason instanceof ReferenceError)) throw reason;
    reasons.push({ offset, text: `is not valid YAML: ${reason.message}` });
    return undefined;
  }
  try {
    JSON.stringify(value);
  } catch {
    reasons.push({ offset, text: 'is not valid YAML: an alias stands within what it names' });
  }
  return value;
}

/** The reader calls itself for each level, and V8 does not survive that. */
function tooDeep(tokens: readonly CST.Token[]): boolean {
  let level: CST.Token[] = [...tokens];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) return true;
    level = level.flatMap(within);
  }
  return false;
}

function within(token: CST.Token): CST.Token[] {
  const inside: CST.Token[] = [];
  if (token.type === 'document' && token.value !== undefined) inside.push(token.value);
  if ('items' in token) {
    for (const { key, value } of token.items) {
      if (key !== undefined && key !== null) inside.push(key);
      if (value !== undefined) inside.push(value);
    }
  }
  return inside;
}

function offsetOf(document: Document, path: Path, of: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let key: unknown;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
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
    const last = depth === path.length - 1;
    const range = (node as Partial<Node> | null | undefined)?.range;
    const keyRange = (key as Partial<Node> | undefined)?.range;
    // A missing field is told at the key of what it would stand in.
    offset = (last && of === 'value' ? range : keyRange)?.[0] ?? offset;
  }
  return offset;
}
