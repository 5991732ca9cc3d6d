// SPDX-License-Identifier: Apache-2.0
/**
 * The certificates of a cluster: one authority, and one EC P-256 certificate for each server and
 * user. The authority's key stays in this process.
 */
import { generateKeyPair, type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const generate = promisify(generateKeyPair);
/** Longer than any cluster of a lab lives. */
const lifetimeMs = 7 * 24 * 3_600_000;
/** Clocks of one machine do not differ; certificates hold whole seconds. */
const earlierMs = 60_000;

/** PEM of a certificate and its key. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** Who a certificate is for. */
export interface Subject {
  /** A user's name for Kubernetes. */
  readonly name: string;
  /** Its groups. */
  readonly groups?: readonly string[];
  /** Names and addresses of a server. */
  readonly hosts?: readonly string[];
}

/** The authority of one cluster. */
export interface ClusterAuthority {
  /** PEM. */
  readonly certificate: string;
  /** PEM of both, for the controller that signs certificates in the cluster. */
  readonly pair: KeyPair;
  /** Make a key and its certificate, good for serving and for calling. */
  issue(subject: Subject): Promise<KeyPair>;
}

/** Make an authority. */
export async function clusterAuthority(): Promise<ClusterAuthority> {
  const x509 = await library();
  const own = await keys();
  const subject = 'CN=wanwire lab';
  const root = await x509.X509CertificateGenerator.create({
    ...common(),
    subject,
    issuer: subject,
    publicKey: own.verifying,
    signingKey: own.signing,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(own.verifying),
    ],
  });
  return {
    certificate: root.toString('pem'),
    pair: { certificate: root.toString('pem'), key: pemOf(own.key) },
    async issue({ name, groups = [], hosts = [] }) {
      const leaf = await keys();
      const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
      const made = await x509.X509CertificateGenerator.create({
        ...common(),
        subject: [...groups.map((group) => ({ O: [group] })), { CN: [name] }],
        issuer: subject,
        publicKey: leaf.verifying,
        signingKey: own.signing,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
          await x509.AuthorityKeyIdentifierExtension.create(own.verifying),
          ...(hosts.length === 0
            ? []
            : [
                new x509.SubjectAlternativeNameExtension(
                  hosts.map((value) => ({
                    type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const),
                    value,
                  })),
                ),
              ]),
        ],
      });
      return { certificate: made.toString('pem'), key: pemOf(leaf.key) };
    },
  };
}

/** PEM of a key pair that signs the tokens of service accounts, and checks them. */
export async function tokenKeys(): Promise<{ readonly key: string; readonly publicKey: string }> {
  const { privateKey, publicKey } = await generate('ec', { namedCurve: 'P-256' });
  return {
    key: privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

function common() {
  const nowMs = Date.now();
  return {
    // Positive, and never one that was used before.
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    notBefore: new Date(nowMs - earlierMs),
    notAfter: new Date(nowMs + lifetimeMs),
    signingAlgorithm: algorithm,
  };
}

async function library() {
  // @peculiar/x509 needs it, and does not bring it.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

async function keys() {
  const { privateKey: key, publicKey } = await generate('ec', { namedCurve: 'P-256' });
  const { subtle } = webcrypto;
  const [pkcs8, spki] = [
    key.export({ type: 'pkcs8', format: 'der' }),
    publicKey.export({ type: 'spki', format: 'der' }),
  ];
  const [signing, verifying] = await Promise.all([
    subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    subtle.importKey('spki', spki, algorithm, true, ['verify']),
  ]);
  return { key, signing, verifying };
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
