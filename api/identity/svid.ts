// SPDX-License-Identifier: Apache-2.0
/** An X.509-SVID from what an agent sends. No message of this file has anything of the key in it. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { invalid } from '../errors/wire-error.js';
import { certificateOf } from './der.js';
import { maySign } from './may-sign.js';
import { idOf } from './names.js';
import type { Svid } from './types.js';

const curve = 'prime256v1';
const wantedKey = 'an EC P-256 key (tokens are ES256), in PKCS#8';

/**
 * The SVID of this chain (DER, leaf first, without the root) and key (PKCS#8, DER).
 * INVALID_ARGUMENT naming what is wrong: not exactly one SPIFFE ID, a CA's certificate, a key of
 * another kind, or one that is not the leaf's.
 */
export function svidOf(chain: readonly Buffer[], pkcs8: Buffer): Svid {
  const [leaf] = chain;
  if (leaf === undefined) throw invalid('SVID', 'no certificate', 'a chain, the leaf first');
  const certificates = chain.map((der, at) =>
    certificateOf(der, `SVID: certificate ${String(at)}`),
  );
  const certificate = certificates[0] ?? certificateOf(leaf, 'SVID');
  const { text: id } = idOf(certificate, 'SVID');
  if (maySign(certificate)) throw invalid(`SVID of ${id}`, "a CA's certificate", 'a leaf');
  const key = keyOf(pkcs8, id);
  if (!certificate.checkPrivateKey(key)) {
    throw invalid(`SVID of ${id}: key`, 'another key', "the key of the leaf's certificate");
  }
  return { id, chain, certificate, key, ...validity(certificate) };
}

function keyOf(pkcs8: Buffer, id: string): KeyObject {
  const field = `SVID of ${id}: key`;
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  } catch {
    throw invalid(field, `${String(pkcs8.length)} bytes that are none`, wantedKey);
  }
  const named = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType !== 'ec' || named !== curve) {
    throw invalid(field, named ?? key.asymmetricKeyType ?? 'of no kind', wantedKey);
  }
  return key;
}

/** From when until when, in milliseconds since 1970. */
export function validity(certificate: { readonly validFrom: string; readonly validTo: string }): {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
} {
  const { validFrom, validTo } = certificate;
  return { notBeforeMs: Date.parse(validFrom), notAfterMs: Date.parse(validTo) };
}
