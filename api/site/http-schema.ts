// SPDX-License-Identifier: Apache-2.0
/** The `http` match of a policy's rule. */
import { z } from 'zod';
import { nearest } from '../env/nearest.js';
import { object, someOf, text } from './fields.js';
import { httpRegex } from './http-regex.js';
import type { HttpMatch, StringMatch } from './types.js';

/** Those of HTTP and WebDAV that a router sees. */
const methods = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'],
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'REPORT', 'SEARCH'],
];

/** Belong to one hop or say how a message is written: HTTP/1.1 and HTTP/2 differ in them. */
const ofOneHop = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding'],
  ...['upgrade', 'content-length', 'http2-settings'],
]);

/** Nothing else can arrive: spaces around a value are not part of it. */
const filled = (want: string) =>
  text(want, (value) => (/^\P{Cc}+$/u.test(value) && value.trim() === value ? value : undefined));

const regex = text('a regular expression such as "b.*"', (value) => {
  httpRegex(value);
  return value;
});

const forms = 'one of exact, prefix, regex and present';

const headerForms = object('a text, or a mapping such as {prefix: bo}', {
  exact: filled('a text that is not empty, without spaces around it').optional(),
  prefix: filled('a text that is not empty, without spaces around it').optional(),
  regex: regex.optional(),
  present: z
    .literal(true, { error: 'true; a header that must be missing cannot be asked for' })
    .optional(),
});
const pathText = text('a path such as /video', (value) =>
  /^\/[!-~]*$/.test(value) && !/[?#]/.test(value) ? value : undefined,
);
const pathForms = object('a path such as /video, or a mapping such as {prefix: /video}', {
  exact: pathText.optional(),
  prefix: pathText.optional(),
  regex: regex.optional(),
});

interface Forms {
  readonly exact?: string | undefined;
  readonly prefix?: string | undefined;
  readonly regex?: string | undefined;
  readonly present?: true | undefined;
}

/** The form that is given; nothing where there are none or several. */
function only({ exact, prefix, regex: pattern, present }: Forms): StringMatch | undefined {
  const given: StringMatch[] = [];
  if (exact !== undefined) given.push({ exact });
  if (prefix !== undefined) given.push({ prefix });
  if (pattern !== undefined) given.push({ regex: pattern });
  if (present !== undefined) given.push({ present });
  return given.length === 1 ? given[0] : undefined;
}

/** A plain text is the exact one. */
function match<T extends z.ZodType<Forms>>(of: T) {
  return z
    .preprocess((value) => (typeof value === 'string' ? { exact: value } : value), of)
    .transform((given, context): StringMatch => {
      const found = only(given);
      if (found !== undefined) return found;
      // A key that is not known has been told.
      if (context.issues.length > 0) return z.NEVER;
      context.issues.push({ code: 'custom', message: forms, input: given });
      return z.NEVER;
    });
}

const headerName = text('the name of a header, such as user', (value) => {
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(value)) return undefined;
  const name = value.toLowerCase();
  if (name === 'host') throw new Error('host beside headers: {host: api.example}');
  if (ofOneHop.has(name)) throw new Error('a header that is not of one hop alone');
  return name;
});
const headers = z
  .record(headerName, match(headerForms), { error: 'headers such as {user: boss}' })
  .refine((all) => Object.keys(all).length > 0, { error: 'headers such as {user: boss}' });

const method = text('a method such as GET', (value) => {
  if (methods.includes(value)) return value;
  const near = nearest(value.toUpperCase(), methods);
  throw new Error(`a method: ${near === undefined ? methods.join(', ') : `did you mean ${near}?`}`);
});
const host = text('a host such as api.example or *.example', (value) => {
  if (/^[^[]*:\d+$/.test(value) || /\]:\d+$/.test(value)) {
    throw new Error('a host without a port: any port fits');
  }
  const named = /^(\*\.)?[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*$/i;
  const fine = value.length <= 255 && (named.test(value) || /^\[[0-9a-f:.]+\]$/i.test(value));
  return fine ? value.toLowerCase() : undefined;
});

/** The same pieces one by one, for whoever reads them in another document. */
export const httpParts = {
  headerName,
  header: match(headerForms),
  path: match(pathForms),
  method,
  host,
} as const;

/** One, or a list of them. */
function oneOrMore<T extends z.ZodType>(want: string, of: T) {
  return z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), someOf(want, of))
    .default([]);
}

/** `match.http` of one of `spec.rules`. */
export const http = object('a mapping such as {headers: {user: boss}}', {
  headers: headers
    .default({})
    .describe(
      'By name, upper and lower case alike; all of them. A text, or one of `exact`, `prefix`, `regex` and `present: true`. One that is sent twice has its values joined by `,`',
    ),
  path: match(pathForms)
    .optional()
    .describe('Without its query. A text, or one of `exact`, `prefix` and `regex`'),
  method: oneOrMore('a method such as GET, or a list of them', method).describe('One of them'),
  host: oneOrMore('a host such as api.example, or a list of them', host).describe(
    'One of them, whatever its port; `*.example` is any below it',
  ),
}).transform(({ headers: all, path, method: methodsOf, host: hosts }, context): HttpMatch => {
  const empty =
    path === undefined && methodsOf.length + hosts.length + Object.keys(all).length === 0;
  if (empty && context.issues.length === 0) {
    const message = 'at least one of headers, path, method and host';
    context.issues.push({ code: 'custom', message, input: {} });
  }
  return { headers: all, ...(path && { path }), methods: methodsOf, hosts };
});
