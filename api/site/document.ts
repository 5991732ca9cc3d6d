// SPDX-License-Identifier: Apache-2.0
/** One document of a site's files: its pieces are read by schemas, and its mistakes are gathered. */
import type { z } from 'zod';
import { nearest } from '../env/nearest.js';
import { type Mistake, notValid } from './site-error.js';
import type { Path, YamlDocument } from './yaml.js';

/** A piece that could be read, and where it stands. */
export interface Piece<T> {
  readonly path: Path;
  readonly value: T;
}

type Issue = z.core.$ZodIssue;

/** See the head of this file. */
export class SiteDocument {
  readonly mistakes: Mistake[] = [];
  readonly #yaml: YamlDocument;

  constructor(yaml: YamlDocument) {
    this.#yaml = yaml;
  }

  get file(): string {
    return this.#yaml.file;
  }

  /** `FILE:LINE` of the document, for the mistakes of others. */
  get place(): string {
    return `${this.file}:${String(this.#yaml.position([]).line)}`;
  }

  /** What stands at a path, as YAML has it. */
  raw(path: Path): unknown {
    let value: unknown = this.#yaml.value;
    for (const key of path) {
      if (!isCollection(value) || !Object.hasOwn(value, key)) return undefined;
      value = value[key];
    }
    return value;
  }

  /** The keys of the mapping at a path; none where there is no mapping. */
  keys(path: Path): readonly string[] {
    const value = this.raw(path);
    return isCollection(value) && !Array.isArray(value) ? Object.keys(value) : [];
  }

  /** The indices of the list at a path; none where there is no list. */
  indices(path: Path): readonly number[] {
    const value = this.raw(path);
    return Array.isArray(value) ? [...value.keys()] : [];
  }

  /** What a schema makes of the value at a path; nothing, and mistakes, where it is wrong. */
  read<T extends z.ZodType>(schema: T, path: Path): z.output<T> | undefined {
    const result = schema.safeParse(this.raw(path));
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.#add(issue, path);
    return undefined;
  }

  /** The items of a list that are right. */
  items<T extends z.ZodType>(schema: T, path: Path): readonly Piece<z.output<T>>[] {
    return this.#each(schema, path, this.indices(path));
  }

  /** The values of a mapping that are right. */
  values<T extends z.ZodType>(schema: T, path: Path): readonly Piece<z.output<T>>[] {
    return this.#each(schema, path, this.keys(path));
  }

  #each<T extends z.ZodType>(
    schema: T,
    path: Path,
    keys: readonly (string | number)[],
  ): readonly Piece<z.output<T>>[] {
    return keys.flatMap((key) => {
      const value = this.read(schema, [...path, key]);
      return value === undefined ? [] : [{ path: [...path, key], value }];
    });
  }

  /** The value at a path is not valid. */
  wrong(path: Path, want: string): void {
    this.#mistake(path, notValid(this.raw(path), want));
  }

  /** Something is wrong at a path: in a message's own words. */
  #mistake(path: Path, text: string, of: 'key' | 'value' = 'value'): void {
    const { line, column } = this.#yaml.position(path, of);
    this.mistakes.push({ file: this.file, line, column, field: fieldOf(path), text });
  }

  /** A key is not valid. */
  wrongKey(path: Path, want: string): void {
    this.#mistake(path, notValid(path.at(-1), want), 'key');
  }

  #add(issue: Issue, from: Path): void {
    const path = [...from, ...(issue.path as (string | number)[])];
    if (issue.code === 'unrecognized_keys') {
      const known = issue.message.split(' ');
      for (const key of issue.keys) {
        const near = nearest(key, known);
        const meant = near === undefined ? '' : `: did you mean ${near}?`;
        this.#mistake(
          [...path, key],
          `is not known${meant} (there are ${known.join(', ')})`,
          'key',
        );
      }
    } else if (issue.code === 'invalid_key') {
      this.wrongKey(path, issue.issues[0]?.message ?? issue.message);
    } else {
      // A schema may make a list of a single value: what is not in the text is not told.
      while (path.length > from.length && !isCollection(this.raw(path.slice(0, -1)))) path.pop();
      this.wrong(path, issue.message);
    }
  }
}

function isCollection(value: unknown): value is Readonly<Record<string | number, unknown>> {
  return typeof value === 'object' && value !== null;
}

function fieldOf(path: Path): string {
  let field = '';
  for (const key of path) {
    if (typeof key === 'number') field += `[${String(key)}]`;
    else if (!/^[\w-]+$/.test(key)) field += `[${JSON.stringify(key)}]`;
    else field += field === '' ? key : `.${key}`;
  }
  return field;
}
