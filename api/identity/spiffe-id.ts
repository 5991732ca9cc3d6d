// SPDX-License-Identifier: Apache-2.0
/** SPIFFE IDs as the standard has them (SPIFFE-ID.md, section 2), and patterns of them. */
import { invalid } from '../errors/wire-error.js';

/** A SPIFFE ID taken apart. */
export interface SpiffeId {
  /** As given: `spiffe://domain/path`. */
  readonly text: string;
  /** Without scheme: `edge.example`. */
  readonly trustDomain: string;
  /** With its slash, such as `/nse/hello`; empty where the ID is that of the domain itself. */
  readonly path: string;
}

/** Some SPIFFE IDs. */
export interface SpiffePattern {
  /** As given. */
  readonly text: string;
  matches(id: string): boolean;
}

/** Bytes. */
const longest = { id: 2_048, trustDomain: 255 };
const scheme = 'spiffe://';
const wanted = 'a SPIFFE ID such as spiffe://edge.example/nse/hello';
const domainForm = /^[a-z0-9._-]+$/;
const segmentForm = /^[A-Za-z0-9._-]+$/;

/** Take a SPIFFE ID apart; INVALID_ARGUMENT naming `field` where it is none. */
export function parseSpiffeId(text: string, field = 'SPIFFE ID'): SpiffeId {
  const refuse = (why: string): never => {
    throw invalid(field, text.slice(0, 256), `${wanted}: ${why}`);
  };
  if (text.length > longest.id) refuse(`at most ${String(longest.id)} characters`);
  if (!text.startsWith(scheme)) refuse(`it begins with ${scheme}, in small letters`);
  const rest = text.slice(scheme.length);
  const slash = rest.indexOf('/');
  const trustDomain = slash === -1 ? rest : rest.slice(0, slash);
  const path = slash === -1 ? '' : rest.slice(slash);
  const problem = domainProblem(trustDomain);
  if (problem !== undefined) refuse(problem);
  for (const segment of path.split('/').slice(1)) {
    if (segment === '') refuse('no empty part between slashes, and no slash at the end');
    if (segment === '.' || segment === '..') refuse('no part is . or ..');
    if (!segmentForm.test(segment)) refuse('the path has letters, digits, dots, dashes and _ only');
  }
  return { text, trustDomain, path };
}

/** A trust domain's name, with or without `spiffe://`; INVALID_ARGUMENT naming `field` where it is none. */
export function parseTrustDomain(text: string, field = 'trust domain'): string {
  const name = text.startsWith(scheme) ? text.slice(scheme.length) : text;
  const problem = domainProblem(name);
  if (problem === undefined) return name;
  throw invalid(field, text.slice(0, 256), `a trust domain such as edge.example: ${problem}`);
}

function domainProblem(name: string): string | undefined {
  if (name === '') return 'the trust domain is missing';
  if (name.length > longest.trustDomain) {
    return `a trust domain has at most ${String(longest.trustDomain)} characters`;
  }
  if (!domainForm.test(name)) {
    return 'a trust domain has small letters, digits, dots, dashes and _ only, no user and no port';
  }
  return undefined;
}

/**
 * A pattern: `*` stands for any characters but a slash, and `**` as the last part for everything beneath.
 * `spiffe://edge.example/nse/*`, `spiffe://*.example/**`. INVALID_ARGUMENT naming `field`.
 */
export function spiffePattern(text: string, field = 'SPIFFE ID'): SpiffePattern {
  const isBeneath = text.endsWith('/**');
  const body = isBeneath ? text.slice(0, -'/**'.length) : text;
  if (body.includes('**')) {
    throw invalid(field, text.slice(0, 256), `${wanted}, with ** only as its last part`);
  }
  // What stands for something is itself a letter that any part may have.
  parseSpiffeId(body.replaceAll('*', '0'), field);
  const form = body.replaceAll(/[.*]/g, (char) => (char === '*' ? '[^/]*' : '\\.'));
  const expression = new RegExp(`^${form}${isBeneath ? '/.+' : ''}$`);
  return { text, matches: (id) => id.length <= longest.id && expression.test(id) };
}
