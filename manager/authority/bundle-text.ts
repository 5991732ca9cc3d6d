// SPDX-License-Identifier: Apache-2.0
/**
 * A trust domain's bundle as a text: SPIFFE's JSON (a JWK set whose `x509-svid` keys carry their
 * certificate), or certificates in PEM. What is read was written by others.
 */
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { invalid } from '../../api/errors/wire-error.js';
import { idOf } from '../../api/identity/names.js';
import { parseTrustDomain } from '../../api/identity/spiffe-id.js';
import { validity } from '../../api/identity/svid.js';

/** The roots of one trust domain. */
export interface Bundle {
  /** Without scheme: `edge.example`. */
  readonly trustDomain: string;
  /** At least one; those that had ended were left out. */
  readonly roots: readonly X509Certificate[];
}

/** Bytes of a text; a bundle of sixteen roots has a tenth. */
export const mostBundleBytes = 262_144;
const mostRoots = 32;
const wanted = 'a SPIFFE bundle (JSON with `keys`), or certificates in PEM';

const jwkSet = z.object({
  keys: z
    .array(z.object({ use: z.string().optional(), x5c: z.array(z.string()).optional() }))
    .max(4 * mostRoots),
});

/** What is known of a bundle beside its text. */
export interface BundleHints {
  /** Named in errors: the file. */
  readonly field: string;
  /** Whose it is to be; taken from its certificates where not given. */
  readonly trustDomain?: string | undefined;
  /** Milliseconds since 1970: roots that have ended by then are of no use. */
  readonly nowMs: number;
}

/** Read one; INVALID_ARGUMENT that says what is wrong with it. */
export function parseBundle(text: string, hints: BundleHints): Bundle {
  const { field } = hints;
  if (Buffer.byteLength(text) > mostBundleBytes) {
    const most = `at most ${String(mostBundleBytes)} bytes`;
    throw invalid(field, `${String(Buffer.byteLength(text))} bytes`, most);
  }
  const found = text.trimStart().startsWith('{') ? ofJson(text, field) : ofPem(text, field);
  if (found.length === 0) throw invalid(field, 'no root', wanted);
  if (found.length > mostRoots) {
    throw invalid(field, `${String(found.length)} roots`, `at most ${String(mostRoots)}`);
  }
  for (const [at, root] of found.entries()) checkRoot(root, `${field}: root ${String(at + 1)}`);
  const trustDomain = domainOf(found, hints);
  const roots = distinct(found).filter((root) => validity(root).notAfterMs > hints.nowMs);
  if (roots.length === 0) throw ended(found, field);
  return { trustDomain, roots };
}

/** SPIFFE's JSON of a bundle, which every implementation reads. */
export function bundleJson({ roots }: Pick<Bundle, 'roots'>, sequence?: number): string {
  const keys = roots.map((root) => {
    const { kty, crv, x, y, n, e } = root.publicKey.export({ format: 'jwk' });
    const jwk = { use: 'x509-svid', kty, crv, x, y, n, e, x5c: [root.raw.toString('base64')] };
    return Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== undefined));
  });
  const more = sequence === undefined ? {} : { spiffe_sequence: sequence };
  return `${JSON.stringify({ ...more, spiffe_refresh_hint: 300, keys }, null, 2)}\n`;
}

/** The same in PEM. */
export function bundlePem({ roots }: Pick<Bundle, 'roots'>): string {
  return roots.map((root) => root.toString()).join('');
}

function ofJson(text: string, field: string): readonly X509Certificate[] {
  const { data } = jwkSet.safeParse(parsed(text));
  if (data === undefined) throw invalid(field, `${text.slice(0, 40)}...`, wanted);
  // Keys for JWT-SVIDs are not ours to use.
  const own = data.keys.filter(({ use }) => use === 'x509-svid');
  return own.map(({ x5c = [] }, at) => {
    const where = `${field}: key ${String(at + 1)}`;
    const [first] = x5c;
    // SPIFFE has one certificate a key.
    if (first === undefined || x5c.length > 1) {
      throw invalid(`${where}: x5c`, `${String(x5c.length)} certificates`, 'exactly one');
    }
    return certificate(Buffer.from(first, 'base64'), where);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const pem = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

function ofPem(text: string, field: string): readonly X509Certificate[] {
  const blocks = [...text.matchAll(pem)];
  if (blocks.length === 0) throw invalid(field, `${text.slice(0, 40)}...`, wanted);
  return blocks.map(([block, kind], at) => {
    const where = `${field}: block ${String(at + 1)}`;
    // Not shown: it may be a key.
    if (kind !== 'CERTIFICATE') throw invalid(where, kind, 'certificates only');
    return certificate(block, where);
  });
}

function certificate(text: string | Buffer, where: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch {
    throw invalid(where, 'something that is broken', 'an X.509 certificate');
  }
}

function checkRoot(root: X509Certificate, where: string): void {
  if (!root.ca) throw invalid(where, 'the certificate of no authority', 'a root (CA:TRUE)');
  const { notBeforeMs, notAfterMs } = validity(root);
  if (!(notBeforeMs < notAfterMs)) throw invalid(where, root.validTo, 'an end after its begin');
}

/** Whose they are, by their one URI; all of them are the same one's. */
function domainOf(roots: readonly X509Certificate[], { field, trustDomain }: BundleHints): string {
  const named = trustDomain === undefined ? undefined : parseTrustDomain(trustDomain);
  const found = new Set(
    roots.flatMap((root, at) => {
      // Many authorities of companies have none.
      if (!/(^|, )URI:/.test(root.subjectAltName ?? '')) return [];
      return [idOf(root, `${field}: root ${String(at + 1)}`).trustDomain];
    }),
  );
  if (found.size > 1) throw invalid(field, [...found].join(', '), 'the roots of one trust domain');
  const [own] = found;
  if (own !== undefined && named !== undefined && own !== named) {
    throw invalid(field, `the bundle of trust domain ${own}`, `that of ${named}`);
  }
  const domain = own ?? named;
  if (domain === undefined) {
    const want = 'the trust domain as its URI (spiffe://...), or --domain beside it';
    throw invalid(`${field}: subjectAltName`, 'no URI', want);
  }
  return domain;
}

function distinct(roots: readonly X509Certificate[]): readonly X509Certificate[] {
  return [...new Map(roots.map((root) => [root.fingerprint256, root])).values()];
}

function ended(roots: readonly X509Certificate[], field: string) {
  const last = Math.max(...roots.map((root) => validity(root).notAfterMs));
  const text = `roots that have all ended (the last one at ${new Date(last).toISOString()})`;
  return invalid(field, text, "the site's present bundle (`wanwire trust export` there)");
}
