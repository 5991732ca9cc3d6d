// SPDX-License-Identifier: Apache-2.0
/** Whether a certificate claims to vouch for others, which an SVID must not (X.509-SVID 4.1 to 4.3). */
import type { X509Certificate } from 'node:crypto';

// In DER a truth is ff, and these two extensions have short lengths only: their head, then what they hold.
const authority = /0603551d13(?:0101ff)?04..30..0101ff/;
const usages = /0603551d0f(?:0101ff)?04..03....(..)/;
const keyCertSign = 0x04;
const crlSign = 0x02;

/**
 * True where the CA flag stands in it, or a usage of CAs. `ca` of Node's is true only where both do:
 * that asks what it can sign, not what it claims.
 */
export function maySign(certificate: X509Certificate): boolean {
  const der = certificate.raw.toString('hex');
  const bits = Number.parseInt(usages.exec(der)?.[1] ?? '0', 16);
  return certificate.ca || authority.test(der) || (bits & (keyCertSign | crlSign)) !== 0;
}
