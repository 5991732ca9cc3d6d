// SPDX-License-Identifier: Apache-2.0
/** A tiny certificate authority for tests: it signs whatever it is told to, the wrong things too. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { createPrivateKey, webcrypto, X509Certificate, type KeyObject } from 'node:crypto';
import type { Bundles, Identity, IdentitySource, Svid } from '../../api/identity/types.js';

x509.cryptoProvider.set(webcrypto);

/** What to sign. */
export interface Wish {
  /** URI SANs; none where not given. */
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
  /** Milliseconds since 1970; a minute ago where not given. */
  readonly notBeforeMs?: number;
  /** Milliseconds since 1970; in an hour where not given. */
  readonly notAfterMs?: number;
  readonly isAuthority?: boolean;
  /** Its usages where they are not those that go with that. */
  readonly usages?: readonly (keyof typeof x509.KeyUsageFlags)[];
  /** `P-256` where not given. */
  readonly curve?: 'P-256' | 'P-384';
}

/** A certificate with its key, and what stands above it. */
export interface Issued {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  /** DER, PKCS#8. */
  readonly pkcs8: Buffer;
  /** DER, the leaf first, without the root. */
  readonly chain: readonly Buffer[];
  /** Sign something beneath it. */
  issue(wish: Wish): Promise<Issued>;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
function usagesOf({ isAuthority = false, usages }: Wish): x509.KeyUsageFlags {
  const named = usages ?? [isAuthority ? 'keyCertSign' : 'digitalSignature'];
  return named.map((name) => x509.KeyUsageFlags[name]).reduce((one, other) => one | other);
}

/** A root of `domain`, valid from yesterday until tomorrow, which need not be the domain of what it signs. */
export async function authority(domain: string, wish: Omit<Wish, 'uris'> = {}): Promise<Issued> {
  const [notBeforeMs, notAfterMs] = [Date.now() - dayMs, Date.now() + dayMs];
  const uris = [`spiffe://${domain}`];
  return make({ uris, isAuthority: true, notBeforeMs, notAfterMs, ...wish });
}

/** An SVID that is in order. */
export async function svid(ca: Issued, id: string, wish: Wish = {}): Promise<Svid> {
  const { certificate, key, chain } = await ca.issue({ uris: [id], ...wish });
  const [notBeforeMs, notAfterMs] = [
    Date.parse(certificate.validFrom),
    Date.parse(certificate.validTo),
  ];
  return { id, chain, certificate, key, notBeforeMs, notAfterMs };
}

/** An identity source that tests set by hand. */
export class TestSource implements IdentitySource {
  readonly #listeners = new Set<() => void>();
  #identity: Identity | undefined;

  constructor(svid?: Svid, bundles: Bundles = new Map()) {
    if (svid !== undefined) this.#identity = { svid, bundles };
  }

  current(): Identity {
    if (this.#identity === undefined) throw new Error('no identity');
    return this.#identity;
  }

  set(svid: Svid, bundles: Bundles): void {
    this.#identity = { svid, bundles };
    for (const listener of [...this.#listeners]) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#listeners.clear();
  }
}

interface Issuer {
  readonly subject: string;
  readonly keys: CryptoKeyPair;
  readonly above: readonly Buffer[];
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;
let made = 0;

async function make(wish: Wish, issuer?: Issuer): Promise<Issued> {
  const { uris = [], dns = [], isAuthority = false, curve: namedCurve = 'P-256' } = wish;
  const algorithm = { name: 'ECDSA', namedCurve, hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const subject = `CN=test ${String(++made)}`;
  const names = [
    ...uris.map((value) => ({ type: 'url' as const, value })),
    ...dns.map((value) => ({ type: 'dns' as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: new Date(wish.notBeforeMs ?? Date.now() - minuteMs),
    notAfter: new Date(wish.notAfterMs ?? Date.now() + 60 * minuteMs),
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, undefined, true),
      new x509.KeyUsagesExtension(usagesOf(wish), true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer?.keys.publicKey ?? keys.publicKey),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  const der = Buffer.from(certificate.rawData);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const above = issuer === undefined ? [] : [der, ...issuer.above];
  return {
    certificate: new X509Certificate(der),
    key: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }),
    pkcs8,
    chain: above,
    issue: (wanted) => make(wanted, { subject, keys, above }),
  };
}
