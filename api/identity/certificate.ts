// SPDX-License-Identifier: Apache-2.0
/**
 * Makes certificates: EC P-256, as SPIFFE has them (one URI SAN) and for servers. The only module that makes
 * any; what it needs takes half a second to load, so it is imported where one is made.
 */
import { createPrivateKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';

/** A certificate and its key. */
export interface Signed {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** What a certificate says. */
export interface CertificateWish {
  /** Its URI SANs; SPIFFE wants exactly one. */
  readonly uris: readonly string[];
  /** Names and IP addresses of a server; none where not given. */
  readonly hosts?: readonly string[];
  /** It may sign others, and nothing else. */
  readonly isAuthority: boolean;
  /** Milliseconds since 1970; certificates hold whole seconds. */
  readonly notBeforeMs: number;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
  /** Who signs it; itself where not given. */
  readonly issuer?: Signed;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const generate = promisify(generateKeyPair);

/** Make a key and its certificate. */
export async function makeCertificate(wish: CertificateWish): Promise<Signed> {
  const { privateKey: key, publicKey } = await generate('ec', { namedCurve: 'P-256' });
  const [x509, own, publicOwn] = await Promise.all([library(), signing(key), verifying(publicKey)]);
  const { issuer } = wish;
  const signer = issuer === undefined ? own : await signing(issuer.key);
  const known = issuer === undefined ? publicOwn : await verifying(issuer.certificate.publicKey);
  const usages = wish.isAuthority
    ? x509.KeyUsageFlags.keyCertSign
    : x509.KeyUsageFlags.digitalSignature;
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  // Two roots of one domain, and a leaf and its root, differ also by name.
  const subject = wish.isAuthority
    ? `O=wanwire,CN=root ${randomBytes(8).toString('hex')}`
    : 'O=wanwire';
  const names = [
    ...wish.uris.map((value) => ({ type: 'url' as const, value })),
    ...(wish.hosts ?? []).map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const),
  ];
  const made = await x509.X509CertificateGenerator.create({
    // Positive, and never one that was used before.
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    subject,
    issuer:
      issuer === undefined ? subject : new x509.X509Certificate(issuer.certificate.raw).subjectName,
    notBefore: new Date(wish.notBeforeMs),
    notAfter: new Date(wish.notAfterMs),
    publicKey: publicOwn,
    signingKey: signer,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(wish.isAuthority, undefined, true),
      new x509.KeyUsagesExtension(usages, true),
      ...(wish.isAuthority ? [] : [new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth])]),
      await x509.SubjectKeyIdentifierExtension.create(publicOwn),
      await x509.AuthorityKeyIdentifierExtension.create(known),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { certificate: new X509Certificate(Buffer.from(made.rawData)), key };
}

async function library() {
  // @peculiar/x509 needs it, and does not bring it.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

function signing(key: KeyObject) {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

function verifying(key: KeyObject) {
  const der = key.export({ type: 'spki', format: 'der' });
  return webcrypto.subtle.importKey('spki', der, algorithm, true, ['verify']);
}

/** PEM of both, the key last; read by {@link signedFrom}. */
export function textOf({ certificate, key }: Signed): { certificate: string; key: string } {
  return {
    certificate: certificate.toString(),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** Of PEM; throws where they are none or do not belong together. */
export function signedFrom(text: { readonly certificate: string; readonly key: string }): Signed {
  const certificate = new X509Certificate(text.certificate);
  const key = createPrivateKey(text.key);
  if (!certificate.checkPrivateKey(key)) throw new Error('the key is not that of the certificate');
  return { certificate, key };
}
