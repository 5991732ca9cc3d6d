// SPDX-License-Identifier: Apache-2.0
/** Whom a certificate names. */
import type { X509Certificate } from 'node:crypto';
import { invalid } from '../errors/wire-error.js';
import { parseSpiffeId, type SpiffeId } from './spiffe-id.js';

/** One entry of what Node makes of subjectAltName: `URI:spiffe://a/b, DNS:"odd, name"`. */
const entry = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/gy;

/** The certificate's SPIFFE ID: its one URI; INVALID_ARGUMENT naming `field` where it has none or more. */
export function idOf(certificate: X509Certificate, field = 'certificate'): SpiffeId {
  const uris = uriNames(certificate.subjectAltName ?? '');
  const [uri] = uris;
  const where = `${field}: subjectAltName`;
  if (uri === undefined) throw invalid(where, 'no URI', 'exactly one, the SPIFFE ID');
  if (uris.length > 1) {
    const got = `${String(uris.length)} URIs (${uris.slice(0, 4).join(' ').slice(0, 512)})`;
    throw invalid(where, got, 'exactly one, the SPIFFE ID');
  }
  return parseSpiffeId(uri, where);
}

function uriNames(text: string): string[] {
  const found = [...text.matchAll(entry)];
  const read = found.reduce((sum, [whole]) => sum + whole.length, 0);
  // What cannot be read to its end is taken as a URI that is none.
  const odd = read === text.length ? [] : [text.slice(read)];
  return [...found.filter(([, kind]) => kind === 'URI').map(([, , uri = '']) => uri), ...odd];
}
