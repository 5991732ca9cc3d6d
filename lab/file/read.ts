// SPDX-License-Identifier: Apache-2.0
/** A lab's file as a whole: every mistake at once, each with line, field, value and what would be right. */
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import type { LabFile } from '../types.js';
import { LabFileError, LabInputError, type Mistake } from './mistakes.js';
import { checkRules } from './rules.js';
import { labSchema } from './schema.js';
import { fieldOf, mistakeAt, readYaml, type Path, type Yaml } from './yaml.js';

/** The lab in a file. */
export async function readLabFile(path: string): Promise<LabFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (reason) {
    const { code, message } = reason as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new LabInputError(`${path}: ${why}; \`wanwire lab template\` prints one to begin with`);
  }
  return parseLabFile(text, path);
}

/** The lab in a text; `file` is for messages. */
export function parseLabFile(text: string, file: string): LabFile {
  const yaml = readYaml(text);
  if (!('value' in yaml)) throw new LabFileError(file, yaml);
  return checked(yaml, file);
}

/** A lab that came from no file, checked all the same. */
export function checkLab(value: unknown): LabFile {
  return checked({ value }, 'lab');
}

function checked(source: Pick<Yaml, 'value'> & Partial<Yaml>, file: string): LabFile {
  const result = labSchema.safeParse(source.value);
  const mistakes: Mistake[] = [];
  if (result.success) {
    checkRules(result.data, (path, want, of) => {
      mistakes.push(mistakeAt(source, path, want, of));
    });
    if (mistakes.length === 0) return result.data;
  } else {
    for (const issue of result.error.issues) mistakes.push(...mistakesOf(source, issue));
  }
  throw new LabFileError(file, mistakes);
}

function mistakesOf(
  source: Pick<Yaml, 'value'> & Partial<Yaml>,
  issue: z.core.$ZodIssue,
): Mistake[] {
  const path = issue.path as Path;
  if (issue.code !== 'unrecognized_keys') return [mistakeAt(source, path, issue.message)];
  return issue.keys.map((key) => ({
    line: source.line?.([...path, key], 'key'),
    field: fieldOf([...path, key]),
    text: `is not known: want one of ${issue.message}`,
  }));
}
