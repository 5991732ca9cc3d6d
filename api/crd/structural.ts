// SPDX-License-Identifier: Apache-2.0
/**
 * A zod schema as the structural schema of a CustomResourceDefinition: no `$ref`, a type everywhere.
 *
 * What that cannot say (texts that are parsed, one or a list of them, fields that go together) is left to
 * the validating webhook, which tells mistakes as the command line does. Unknown fields are kept for the
 * same reason: pruned ones could not be told, and a newer wanwire's fields survive an older definition.
 */
import { z } from 'zod';

/** A JSON schema as Kubernetes has it (OpenAPI v3). */
export interface Structural {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Structural>>;
  readonly required?: readonly string[];
  readonly items?: Structural;
  readonly additionalProperties?: Structural;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-list-type'?: 'map' | 'atomic';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/** What may be anything. */
export const anything: Structural = { 'x-kubernetes-preserve-unknown-fields': true };

/** Of JSON schema, what zod makes of our schemas. */
interface Json {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
  readonly items?: Json;
  readonly additionalProperties?: boolean | Json;
  readonly anyOf?: readonly Json[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** The structural schema of what a user may write for `schema`. */
export function structural(schema: z.ZodType): Structural {
  const json = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
    override({ zodSchema, jsonSchema }) {
      const { def } = zodSchema._zod;
      // What is prepared before it is read may come in several forms.
      if (def.type === 'pipe' && def.in._zod.def.type === 'transform') {
        for (const key of Object.keys(jsonSchema)) {
          if (key !== 'description') Reflect.deleteProperty(jsonSchema, key);
        }
      }
      // zod leaves out defaults of what is parsed.
      if (def.type === 'default' && typeof def.defaultValue !== 'object') {
        jsonSchema.default = def.defaultValue;
      }
    },
  });
  return walk(json as Json);
}

function walk(json: Json): Structural {
  const { description, default: usual } = json;
  const said = {
    ...(description !== undefined && { description: plain(description) }),
    // Empty lists say nothing, and would break `minItems`.
    ...(usual !== undefined && typeof usual !== 'object' && { default: usual }),
  };
  const { type } = json;
  if (Array.isArray(type)) return { ...said, 'x-kubernetes-int-or-string': true };
  if (typeof type !== 'string') return { ...anything, ...said };
  if (type === 'object') return { type, ...said, ...fields(json) };
  if (type === 'array') {
    const { items = {}, minItems, maxItems } = json;
    return { type, ...said, items: walk(items), ...given({ minItems, maxItems }) };
  }
  const { minimum, maximum, exclusiveMinimum: above } = json;
  const values = json.const === undefined ? json.enum : [json.const];
  return {
    ...{ type, ...said },
    ...given({ enum: values, minimum: above ?? minimum, maximum }),
    ...(above !== undefined && { exclusiveMinimum: true }),
  };
}

function fields({ properties, required, additionalProperties }: Json): Structural {
  if (typeof additionalProperties === 'object') {
    return { additionalProperties: walk(additionalProperties) };
  }
  const walked = Object.entries(properties ?? {}).map(([name, one]) => [name, walk(one)] as const);
  const isNone = required === undefined || required.length === 0;
  return {
    properties: Object.fromEntries(walked),
    ...(!isNone && { required }),
    ...anything,
  };
}

function given(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Links of the docs lead nowhere in `kubectl explain`. */
function plain(text: string): string {
  return text.replaceAll(/ ?\(?\[([^\]]*)\]\([^)]*\)\)?/g, '').replaceAll('`', "'");
}
