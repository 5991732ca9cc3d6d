// SPDX-License-Identifier: Apache-2.0
/**
 * What the Secret holds: the certificate that is served, the one that is served next, and the roots
 * that the API server is to trust. A root signs one certificate and its key is thrown away, so that who
 * reads the Secret can be this webhook and nobody else.
 */
import { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { type Signed, signedFrom, textOf } from '../../api/identity/certificate.js';
import type { KubeObject } from '../../api/k8s/cluster.js';

/** A Secret as the API server has it. */
export interface SecretObject extends KubeObject {
  readonly type?: string;
  /** In base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** See the head of this file. */
export interface Material {
  readonly serving: Signed;
  /** Its root is among the roots already. */
  readonly next: Signed | undefined;
  readonly roots: readonly X509Certificate[];
}

const keys = {
  ...{ certificate: 'tls.crt', key: 'tls.key', roots: 'ca.crt' },
  ...{ nextCertificate: 'next.crt', nextKey: 'next.key' },
} as const;

/** Nothing where the Secret holds none that could be used; the reason is not told, it may quote a key. */
export function materialIn(secret: SecretObject | undefined): Material | undefined {
  const text = (key: string): string =>
    Buffer.from(secret?.data?.[key] ?? '', 'base64').toString('utf8');
  const pair = (certificate: string, key: string): Signed | undefined => {
    try {
      return signedFrom({ certificate: text(certificate), key: text(key) });
    } catch {
      return undefined;
    }
  };
  const serving = pair(keys.certificate, keys.key);
  if (serving === undefined) return undefined;
  const next = pair(keys.nextCertificate, keys.nextKey);
  return { serving, next, roots: rootsOf(text(keys.roots)) };
}

/** What a Secret of it has as `data`. */
export function dataOf({ serving, next, roots }: Material): Readonly<Record<string, string>> {
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  const now = textOf(serving);
  const later = next && textOf(next);
  return {
    [keys.certificate]: encoded(now.certificate),
    [keys.key]: encoded(now.key),
    [keys.roots]: bundleOf(roots),
    ...(later && {
      [keys.nextCertificate]: encoded(later.certificate),
      [keys.nextKey]: encoded(later.key),
    }),
  };
}

/** The `caBundle` of a webhook: PEM in base64. */
export function bundleOf(roots: readonly X509Certificate[]): string {
  return Buffer.from(roots.map(String).join('')).toString('base64');
}

/** In milliseconds since 1970. */
export function endOf(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

/** Whether a server of all these names may show it. */
export function isFor(certificate: X509Certificate, hosts: readonly string[]): boolean {
  return hosts.every(
    (host) => (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined,
  );
}

function rootsOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}
