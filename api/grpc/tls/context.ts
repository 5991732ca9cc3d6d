// SPDX-License-Identifier: Apache-2.0
/** What Node's TLS wants of an identity: PEM, made once for each. */
import type { SecureContextOptions } from 'node:tls';
import type { Identity } from '../../identity/types.js';

/** The same words at both ends. */
export const tlsWords = {
  alpn: 'h2',
  /** No handshake takes longer; milliseconds. */
  handshakeMs: 5_000,
  /** The same between processes of one machine: a manager that two hundred pods ask at once is slow, and whoever comes anew makes it slower. */
  localHandshakeMs: 15_000,
} as const;

const made = new WeakMap<Identity, SecureContextOptions>();

/** Certificates, key and roots for `tls.createServer` and `tls.connect`. */
export function tlsOptions(identity: Identity): SecureContextOptions {
  let options = made.get(identity);
  if (options === undefined) {
    const { svid, bundles } = identity;
    options = {
      cert: svid.chain.map(pem).join(''),
      key: svid.key.export({ type: 'pkcs8', format: 'pem' }),
      // All of them: which root speaks for whom is checked afterwards, by `identify`.
      ca: [...bundles.values()].flat().map(({ raw }) => pem(raw)),
      minVersion: 'TLSv1.2',
    };
    made.set(identity, options);
  }
  return options;
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').replaceAll(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}
