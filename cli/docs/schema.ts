// SPDX-License-Identifier: Apache-2.0
/** Tables of what a user's files may say, from the schemas that read them. */
import type { z } from 'zod';
import { code, table } from './markdown.js';

type Schema = z.core.$ZodType;

interface Unwrapped {
  /** What the errors say would be right. */
  readonly want: string;
  readonly usual: string;
}

/** One row for each field of a mapping, in the schema's order; `under` goes before its name. */
export function schemaTable(schema: z.core.$ZodObject, under = ''): string {
  const rows = Object.entries(schema._zod.def.shape).map(([name, field]) => {
    const { want, usual } = unwrap(field);
    const meaning = (field as z.ZodType).description;
    if (meaning === undefined)
      throw new TypeError(`${under}${name}: the schema does not say what it is`);
    return [code(`${under}${name}`), want, usual, meaning];
  });
  return table(['Field', 'Value', 'Default', 'Meaning'], rows);
}

/** The mapping that a field's schema reads, whatever stands around it. */
export function objectIn(schema: Schema): z.core.$ZodObject {
  const def = defOf(schema);
  if (def.type === 'object') return schema as z.core.$ZodObject;
  const inner = def.innerType ?? def.in ?? def.element;
  if (inner === undefined) throw new TypeError(`a ${def.type} has no fields`);
  return objectIn(inner);
}

/** Of zod's definitions, what is looked at here. */
interface Def {
  readonly type: string;
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly out?: Schema;
  readonly element?: Schema;
  readonly defaultValue?: unknown;
  readonly error?: (issue: { readonly code: string }) => unknown;
}

function defOf(schema: Schema): Def {
  return schema._zod.def as unknown as Def;
}

function unwrap(schema: Schema, usual = 'needed'): Unwrapped {
  const def = defOf(schema);
  const inner = innerOf(def);
  if (def.type === 'default') return unwrap(inner ?? schema, valueText(def.defaultValue));
  if (def.type === 'optional') return unwrap(inner ?? schema, 'none');
  const want = def.error?.({ code: 'invalid_type' });
  if (typeof want === 'string') return { want, usual };
  if (inner === undefined) throw new TypeError(`a ${def.type} does not say what would be right`);
  return unwrap(inner, usual);
}

/** What is read, where something is done before or after it. */
function innerOf({ innerType, in: first, out }: Def): Schema | undefined {
  const isPreparation = first !== undefined && defOf(first).type === 'transform';
  return innerType ?? (isPreparation ? out : first);
}

function valueText(value: unknown): string {
  const none = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return none ? 'none' : code(String(value));
}
