// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { issueToken, readToken, verifySignature, verifyToken } from './token.js';

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { privateKey: key, publicKey } = pair();
const [me, you] = ['spiffe://a.example/me', 'spiffe://b.example/you'];
const nowMs = 1_800_000_000_500;
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

t.test('a token says who asks whom until when, and no more', async (t) => {
  const { token, expiresMs } = await issueToken(key, {
    subject: me,
    audience: you,
    expiresMs: nowMs,
  });
  t.equal(expiresMs, 1_800_000_000_000);
  const [head = '', body = ''] = token.split('.');
  const read = (text: string): unknown => JSON.parse(Buffer.from(text, 'base64url').toString());
  t.same(read(head), { alg: 'ES256', typ: 'JWT' });
  t.same(read(body), { sub: me, aud: [you], exp: 1_800_000_000 });
  const claims = await verifyToken(token, publicKey, { audience: you, nowMs: expiresMs - 1 });
  t.same(claims, {
    subject: me,
    audience: [you],
    expiresMs,
    notBeforeMs: undefined,
    algorithm: 'ES256',
  });
  await verifySignature(token, createPublicKey(publicKey.export({ format: 'pem', type: 'spki' })));
});

t.test('what is refused, and that no token is in what is said', async (t) => {
  const sign = (claims: Record<string, unknown>, alg = 'ES256', by = key) =>
    new SignJWT(claims).setProtectedHeader({ alg }).sign(by);
  const exp = Math.floor(nowMs / 1000) + 60;
  const good = await sign({ sub: me, aud: [you], exp });
  const [head = '', body = '', signature = ''] = good.split('.');
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  const cases: readonly [string, string, RegExp][] = [
    ['over', await sign({ sub: me, aud: [you], exp: exp - 60 }), /ended 2027-.*Z, and here/],
    ['no end', await sign({ sub: me, aud: [you] }), /exp is missing/],
    ['an end that is a text', await sign({ sub: me, aud: [you], exp: 'soon' }), /exp is missing/],
    ['not begun', await sign({ sub: me, aud: [you], exp: exp + 600, nbf: exp + 300 }), /begins/],
    [
      'another key',
      await sign({ sub: me, aud: [you], exp }, 'ES256', pair().privateKey),
      /signature is not of the key/,
    ],
    [
      'another peer',
      await sign({ sub: me, aud: [me], exp }),
      /aud is \["spiffe.*want a list with spiffe:\/\/b/,
    ],
    ['a text as aud', await sign({ sub: me, aud: you, exp }), /aud is no list/],
    ['no aud', await sign({ sub: me, exp }), /aud is no list/],
    [
      'alg none',
      `${part({ alg: 'none' })}.${part({ sub: me, aud: [you], exp })}.`,
      /signed with "none": want ES256/,
    ],
    [
      'HS256',
      await sign({ sub: me, aud: [you], exp }, 'HS256', Buffer.alloc(32) as never),
      /signed with "HS256"/,
    ],
    ['P-384', await sign({ sub: me, aud: [you], exp }, 'ES384', p384), /signed with "ES384"/],
    ['truncated', good.slice(0, -4), /signature/],
    ['no signature', `${head}.${body}.`, /signature/],
    ['two parts', `${head}.${body}`, /three parts/],
    ['changed', `${head}.${part({ sub: you, aud: [you], exp })}.${signature}`, /signature/],
    ['over-long', `${head}.${'a'.repeat(20_000)}.${signature}`, /characters: want at most 16384/],
    ['no JSON', `${head}.AAAA.${signature}`, /cannot be read/],
    ['nothing', '', /missing/],
  ];
  for (const [name, token, message] of cases) {
    const asked = verifyToken(token, publicKey, { audience: you, nowMs });
    const reason = await asked.then(
      () => new Error('taken'),
      (error: unknown) => error as Error,
    );
    t.match(reason, { code: 16, message }, name);
    if (signature !== '')
      t.notOk(reason.message.includes(body) || reason.message.includes(signature));
  }
  const soon = await sign({ sub: me, aud: [you], exp, nbf: exp - 30 });
  await t.resolves(verifyToken(soon, publicKey, { audience: you, nowMs }), 'a clock ahead of ours');
  t.equal(readToken(good).subject, me);
});
