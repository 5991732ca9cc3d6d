// SPDX-License-Identifier: Apache-2.0
/** Certificates as the Workload API sends them: one DER after the other. */
import { X509Certificate } from 'node:crypto';
import { invalid } from '../errors/wire-error.js';

/** More than any chain or bundle has. */
const most = 64;
const sequence = 0x30;

/** Cut DER values apart; INVALID_ARGUMENT naming `field` where they are none. */
export function splitDer(bytes: Buffer, field: string): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + sizeAt(bytes, at);
    if (!(end <= bytes.length) || parts.length === most) {
      const got = `${String(bytes.length)} bytes, broken at ${String(at)}`;
      throw invalid(field, got, `at most ${String(most)} certificates in DER, nothing between`);
    }
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  return parts;
}

/** Certificates in DER, one after the other; INVALID_ARGUMENT naming `field`. */
export function certificatesOf(bytes: Buffer, field: string): readonly X509Certificate[] {
  return splitDer(bytes, field).map((der, at) => certificateOf(der, `${field}[${String(at)}]`));
}

/** One certificate; INVALID_ARGUMENT naming `field`. */
export function certificateOf(der: Buffer, field: string): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    throw invalid(field, `${String(der.length)} bytes`, 'an X.509 certificate in DER');
  }
}

/** How many bytes the value at `at` has, its head included; NaN where it is no sequence. */
function sizeAt(bytes: Buffer, at: number): number {
  const first = bytes[at + 1];
  if (bytes[at] !== sequence || first === undefined) return Number.NaN;
  if (first < 0x80) return 2 + first;
  const digits = first & 0x7f;
  if (digits === 0 || digits > 4 || at + 2 + digits > bytes.length) return Number.NaN;
  return 2 + digits + bytes.readUIntBE(at + 2, digits);
}
