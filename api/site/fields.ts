// SPDX-License-Identifier: Apache-2.0
/** What the schemas of a site's files are made of. Each message says what would be right. */
import { z } from 'zod';
import { canonicalPrefix } from './addresses.js';

/** A mapping with these keys and no others. The message of an unknown one is the list of those known. */
export function object<S extends z.ZodRawShape>(want: string, shape: S) {
  const known = Object.keys(shape).join(' ');
  return z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? known : want),
  });
}

/** A text that `parse` understands; it may throw what would be right in this case. */
export function text<T>(want: string, parse: (value: string) => T | undefined) {
  return z.string({ error: want }).transform((value, context) => {
    return parsed(value, want, parse, context);
  });
}

/** As {@link text}, for what YAML may also take for a number. */
export function textOrNumber<T>(want: string, parse: (value: string | number) => T | undefined) {
  return z.union([z.string(), z.number()], { error: want }).transform((value, context) => {
    return parsed(value, want, parse, context);
  });
}

function parsed<V extends string | number, T>(
  value: V,
  want: string,
  parse: (value: V) => T | undefined,
  context: z.core.$RefinementCtx<V>,
): T {
  let message = want;
  try {
    const found = parse(value);
    if (found !== undefined) return found;
  } catch (reason) {
    if (reason instanceof Error) message = reason.message;
  }
  context.issues.push({ code: 'custom', message, input: value });
  return z.NEVER;
}

/** A list of at least one. */
export function someOf<T extends z.ZodType>(want: string, item: T) {
  return z.array(item, { error: want }).min(1, { error: want });
}

/** A whole number. */
export function whole(want: string, from: number, to: number) {
  return z.int({ error: want }).min(from, { error: want }).max(to, { error: want });
}

/** true or false. */
export const yesOrNo = z.boolean({ error: 'true or false' });

function matching(want: string, pattern: RegExp) {
  return text(want, (value) => (pattern.test(value) ? value : undefined));
}

/** Name of a link, a class, a network. */
export const word = matching(
  'a word of at most 32 small letters, digits and dashes',
  /^(?=.{1,32}$)[a-z0-9]+(-+[a-z0-9]+)*$/,
);

/** Name of a site, a policy, a service, a rule. */
export const name = matching(
  'a name of at most 63 small letters, digits, dashes and dots',
  /^(?=.{1,63}$)[a-z0-9]+([-.]+[a-z0-9]+)*$/,
);

/** Name of a network device. */
export const device = matching(
  'the name of a network device: 1 to 15 characters, none of them a space, / or :',
  /^(?!\.{1,2}$)[^\s/:]{1,15}$/,
);

/** `10.60.0.0/16`; an address is the prefix of one host. */
export const prefix = text(
  'a prefix such as 10.60.0.0/16 or fd00:60::/32, or an address',
  canonicalPrefix,
);

/** Labels as Connections carry them. */
export function labels(want: string) {
  return z.record(
    matching(
      'a label name of at most 63 letters, digits and -_./',
      /^(?=.{1,63}$)[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$/,
    ),
    z.string({ error: 'a text; numbers and true or false in quotes' }),
    { error: want },
  );
}

/** `metadata` of each kind. What Kubernetes adds is accepted and not used. */
export const metadata = object('a mapping such as {name: edge-1}', {
  name,
  namespace: name.optional(),
  labels: labels('labels such as {app: web}').optional(),
  annotations: z.record(z.string(), z.string(), { error: 'annotations' }).optional(),
});
