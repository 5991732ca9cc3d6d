// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { generateKeyPairSync } from 'node:crypto';
import { authority, svid, type Wish } from '../../test/doubles/certificates.js';
import { certificatesOf, splitDer } from './der.js';
import { idOf } from './names.js';
import { parseSpiffeId, parseTrustDomain, spiffePattern } from './spiffe-id.js';
import { svidOf } from './svid.js';
import { toleranceMs, verifyChain } from './verify-chain.js';

const hourMs = 3_600_000;

t.test('SPIFFE IDs are taken as the standard has them', async (t) => {
  const id = parseSpiffeId('spiffe://edge.example/ns/wan-1/sa/nse_a');
  t.same([id.trustDomain, id.path], ['edge.example', '/ns/wan-1/sa/nse_a']);
  t.equal(parseSpiffeId('spiffe://edge.example').path, '', 'the domain itself');
  t.equal(parseTrustDomain('spiffe://edge.example'), 'edge.example');
  const bad = [
    '',
    'https://edge.example/a',
    'SPIFFE://edge.example/a',
    'spiffe:///a',
    'spiffe://Edge.example/a',
    'spiffe://user@edge.example/a',
    'spiffe://edge.example:80/a',
    'spiffe://edge.example/',
    'spiffe://edge.example/a/',
    'spiffe://edge.example/a//b',
    'spiffe://edge.example/a/../b',
    'spiffe://edge.example/.',
    'spiffe://edge.example/a?b',
    'spiffe://edge.example/a#b',
    'spiffe://edge.example/%61',
    'spiffe://edge.example/ä',
    `spiffe://${'a'.repeat(256)}/a`,
    `spiffe://edge.example/${'a'.repeat(2_048)}`,
  ];
  for (const text of bad) t.throws(() => parseSpiffeId(text, 'id'), { code: 3, message: /^id: / });
  t.throws(() => parseTrustDomain('Edge'), { message: /"Edge".*edge.example/ });
});

t.test('patterns', async (t) => {
  const all = (pattern: string, ...ids: string[]) =>
    ids.map((id) => spiffePattern(pattern).matches(id));
  t.same(
    all(
      'spiffe://a.example/nse/*',
      'spiffe://a.example/nse/x',
      'spiffe://a.example/nse/x/y',
      'spiffe://axexample/nse/x',
    ),
    [true, false, false],
  );
  t.same(all('spiffe://*/**', 'spiffe://b/x/y', 'spiffe://b'), [true, false]);
  t.same(all('spiffe://*.example/n*', 'spiffe://b.example/nsc', 'spiffe://b/nsc'), [true, false]);
  t.same(all('spiffe://a/x', 'spiffe://a/x', 'spiffe://a/xx', 'spiffe://a/x\n'), [
    true,
    false,
    false,
  ]);
  for (const bad of [
    '*',
    'spiffe://a/**/b',
    'spiffe://a/***',
    'spiffe://a/b*/',
    'spiffe://a/(x)',
  ]) {
    t.throws(() => spiffePattern(bad, 'match.identity'), { message: /match.identity/ });
  }
});

t.test('an SVID is a leaf of one ID with its own key', async (t) => {
  const ca = await authority('a.example');
  const good = await ca.issue({ uris: ['spiffe://a.example/x'], dns: ['x', 'y'] });
  const read = svidOf(good.chain, good.pkcs8);
  t.equal(read.id, 'spiffe://a.example/x');
  t.ok(read.notAfterMs > Date.now());
  const none = await ca.issue({ dns: ['x'] });
  t.throws(() => svidOf(none.chain, none.pkcs8), { message: /no URI/ });
  const two = await ca.issue({ uris: ['spiffe://a.example/x', 'spiffe://a.example/y'] });
  t.throws(() => svidOf(two.chain, two.pkcs8), { message: /2 URIs.*exactly one/ });
  const odd = await ca.issue({ uris: ['spiffe://a.example/x, URI:spiffe://a.example/y'] });
  t.throws(() => idOf(odd.certificate), { code: 3 }, 'a comma hides no second one');
  const big = await ca.issue({ uris: ['spiffe://a.example/x'], curve: 'P-384' });
  t.throws(() => svidOf(big.chain, big.pkcs8), { message: /secp384r1.*P-256/ });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const rsaDer = rsa.export({ type: 'pkcs8', format: 'der' });
  t.throws(() => svidOf(good.chain, rsaDer), { message: /rsa.*P-256/ });
  t.throws(() => svidOf(good.chain, two.pkcs8), { message: /another key/ });
  t.throws(() => svidOf(good.chain, Buffer.from('secret')), { message: /^(?!.*secret).*PKCS#8/ });
  t.throws(() => svidOf([], good.pkcs8), { message: /no certificate/ });
  const below = await ca.issue({ uris: ['spiffe://a.example'], isAuthority: true });
  t.throws(() => svidOf(below.chain, below.pkcs8), { message: /CA's/ });
});

t.test('DER, one after the other', async (t) => {
  const [a, b] = [await authority('a.example'), await authority('b.example')];
  const both = Buffer.concat([a.certificate.raw, b.certificate.raw]);
  t.same(splitDer(both, 'bundle'), [a.certificate.raw, b.certificate.raw]);
  t.equal(certificatesOf(both, 'bundle').length, 2);
  t.same(splitDer(Buffer.alloc(0), 'bundle'), []);
  for (const bad of [
    both.subarray(0, -1),
    Buffer.concat([both, Buffer.from([0x30])]),
    Buffer.from('hello'),
  ]) {
    t.throws(() => splitDer(bad, 'bundle'), { code: 3, message: /^bundle: / });
  }
  t.throws(() => certificatesOf(Buffer.from([0x30, 1, 0]), 'bundle'), { message: /bundle\[0\]/ });
});

t.test('a chain leads to a root of its own domain', async (t) => {
  const now = Date.now();
  const [a, b, other] = [
    await authority('a.example'),
    await authority('b.example'),
    await authority('a.example'),
  ];
  const bundles = new Map([
    ['a.example', [other.certificate, a.certificate]],
    ['b.example', [b.certificate]],
  ]);
  const check =
    (chain: readonly Buffer[], atMs = now) =>
    () =>
      verifyChain(chain, bundles, atMs);
  const id = 'spiffe://a.example/x';

  const leaf = await svid(a, id);
  t.match(verifyChain(leaf.chain, bundles, now), { id, notAfterMs: leaf.notAfterMs });
  const middle = await a.issue({
    uris: ['spiffe://a.example'],
    isAuthority: true,
    notAfterMs: now + 1_000,
  });
  const second = await middle.issue({ isAuthority: true });
  const low = await svid(second, id);
  const [one = Buffer.of(), two = Buffer.of(), three = Buffer.of()] = low.chain;
  t.equal(verifyChain(low.chain, bundles, now).notAfterMs, Date.parse(middle.certificate.validTo));
  t.equal(verifyChain([one, three, two, a.certificate.raw], bundles, now).id, id, 'in any order');
  t.throws(check([one, three]), {
    code: 16,
    message: /not signed by any root.*wanwire trust import/,
  });

  const unknown = await svid(await authority('c.example'), 'spiffe://c.example/x');
  t.throws(check(unknown.chain), {
    message:
      /spiffe:\/\/c.example\/x: trust domain c.example is not known here \(known: a.example, b.example\).*wanwire trust import/,
  });
  const foreign = await svid(b, id);
  t.throws(check(foreign.chain), { message: /signed by a root of b.example.*speak for a.example/ });
  const leafAsCa = await (await a.issue({ uris: [id] })).issue({ uris: [id] });
  t.throws(check(leafAsCa.chain), { message: /not signed by any root/ }, 'issuers are CAs');
  const name = Buffer.from(low.chain[0] ?? '');
  name[name.length - 5] = (name[name.length - 5] ?? 0) ^ 1;
  t.throws(check([name, two, three]), { code: 16 }, 'a broken signature');
  t.throws(check([]), { message: /no certificate/ });
  t.throws(check(Array.from({ length: 9 }, () => one)), { message: /9 certificates/ });
  t.throws(check([Buffer.from('x')]), { message: /certificate 0/ });
  t.throws(check((await a.issue({ uris: [] })).chain), { code: 16, message: /no URI/ });
  t.throws(check((await a.issue({ uris: [id, `${id}/y`] })).chain), { message: /2 URIs/ });
  const claims: readonly Wish[] = [
    { isAuthority: true },
    { isAuthority: true, usages: ['digitalSignature'] },
    { usages: ['keyCertSign'] },
    { usages: ['digitalSignature', 'cRLSign'] },
  ];
  for (const wish of claims)
    t.throws(check((await a.issue({ uris: [id], ...wish })).chain), { message: /CA's/ });

  const { notBeforeMs, notAfterMs } = leaf;
  t.equal(verifyChain(leaf.chain, bundles, notBeforeMs - toleranceMs).id, id, 'a clock behind');
  t.equal(verifyChain(leaf.chain, bundles, notAfterMs + toleranceMs).id, id, 'a clock ahead');
  t.throws(check(leaf.chain, notBeforeMs - toleranceMs - 1_000), { message: /valid from.*clocks/ });
  t.throws(check(leaf.chain, notAfterMs + toleranceMs + 1), { message: /valid until.*agent/ });
  const longLeaf = await svid(middle, id, { notAfterMs: now + 2 * hourMs });
  t.throws(check(longLeaf.chain, now + hourMs), { message: /stands above/ });
});
