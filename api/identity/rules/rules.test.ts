// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Peer } from '../../chain/peer.js';
import { issueToken } from '../token.js';
import { obey, type EvidenceOptions, type Rule } from './rule.js';
import { clientRules, registryServerRules, serverRules } from './sets.js';

const nowMs = 1_800_000_000_000;
const ids = ['nsc', 'nsmgr', 'forwarder', 'nse'].map((name) => `spiffe://a.example/${name}`);
const keys = ids.map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const [nsc = '', nsmgr = '', forwarder = ''] = ids;

function peer(at: number): Peer {
  const { publicKey } = keys[at] ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const token = () => Promise.reject(new Error('none'));
  return { id: ids[at] ?? '', publicKey, notAfterMs: Infinity, token };
}

/** What hop `at` makes for the next one, or says otherwise. */
async function token(at: number, change: { audience?: string; lifeMs?: number; by?: number } = {}) {
  const { audience = ids[at + 1] ?? ids[at - 1] ?? '', lifeMs = 600_000, by = at } = change;
  const key = keys[by]?.privateKey ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const words = { subject: ids[at] ?? '', audience, expiresMs: nowMs + lifeMs };
  return (await issueToken(key, words)).token;
}

/** As the manager sees it when the client calls. */
async function evidence(change: Partial<EvidenceOptions> = {}): Promise<EvidenceOptions> {
  const tokens = [await token(0), await token(1, { audience: nsc })];
  const names = ['nsc-0', 'manager'];
  return { tokens, names, index: 1, peer: peer(0), nowMs, ...change };
}

async function refusal(rules: readonly Rule[], given: EvidenceOptions): Promise<string> {
  try {
    await obey(rules, given);
    return 'passed';
  } catch (reason) {
    const { message, code } = reason as Error & { code: number };
    if (code !== 7) t.fail(`code ${String(code)}`);
    for (const one of given.tokens) {
      const [, body = '', signature = ''] = one.split('.');
      const tells = (part: string) => part.length > 20 && message.includes(part);
      if (tells(body) || tells(signature)) t.fail(`tells the token: ${message}`);
    }
    return message;
  }
}

t.test('a server takes what its caller has signed for it', async (t) => {
  t.equal(await refusal(serverRules(), await evidence()), 'passed');
  const own = await token(1, { audience: nsc });
  const strings = await new SignJWT({ sub: nsc, aud: nsmgr, exp: nowMs / 1000 + 60 })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(keys[0]?.privateKey ?? Buffer.of());
  const later = await new SignJWT({ sub: nsc, aud: [nsmgr], nbf: nowMs / 1000 + 120, exp: nowMs })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(keys[0]?.privateKey ?? Buffer.of());
  const none = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const unsigned = `${none({ alg: 'none' })}.${none({ sub: nsc, aud: [nsmgr], exp: nowMs })}.`;
  const good = await token(0);
  const cases: readonly [string, string, RegExp][] = [
    [
      'expired',
      await token(0, { lifeMs: -1 }),
      /^rule tokens-expired: segment 0 \(nsc-0\) of the path: token: it ended/,
    ],
    ['not yet valid', later, /^rule tokens-expired: .*it begins/],
    [
      'for another',
      await token(0, { audience: forwarder }),
      /^rule tokens-chained: .*forwarder.*want a list with spiffe:\/\/a.example\/nsmgr/,
    ],
    ['a text as aud', strings, /^rule tokens-chained: .*aud is no list/],
    ['another key', await token(0, { by: 2 }), /^rule prev-token-signed: .*not of the key/],
    ['alg none', unsigned, /^rule prev-token-signed: .*"none"/],
    ['truncated', good.slice(0, -9), /^rule prev-token-signed: .*signature/],
    ['cut in two', good.slice(0, 60), /^rule tokens-valid: /],
    ['over-long', `${good}${'x'.repeat(20_000)}`, /^rule tokens-valid: .*at most 16384/],
    ['none', '', /^rule tokens-valid: .*it is missing/],
  ];
  for (const [name, first, message] of cases) {
    t.match(await refusal(serverRules(), await evidence({ tokens: [first, own] })), message, name);
  }
  const replayed = await evidence({ peer: peer(2) });
  t.match(
    await refusal(serverRules(), replayed),
    /prev-token-signed: .*token is of .*nsc.*certificate of .*forwarder/,
  );
  const lying = await evidence({ peer: peer(2), tokens: [await token(0, { by: 2 }), own] });
  t.match(await refusal(serverRules(), lying), /prev-token-signed/, 'signed in another name');
  t.match(await refusal(serverRules(), await evidence({ peer: undefined })), /nobody has shown/);
  t.match(
    await refusal(serverRules(), await evidence({ tokens: [own], index: 0 })),
    /no segment before/,
  );
  t.match(
    await refusal(serverRules(), await evidence({ tokens: [], index: 0 })),
    /no segment before/,
  );
});

t.test('a client takes what those on the path have made for each other', async (t) => {
  const tokens = [await token(0), await token(1), await token(2), await token(3)];
  const given = { tokens, index: 0, peer: peer(1), nowMs };
  t.equal(await refusal(clientRules(), given), 'passed');
  t.match(
    await refusal(clientRules(), { ...given, peer: peer(2) }),
    /^rule next-token-signed: segment 1/,
  );
  t.match(
    await refusal(clientRules(), { ...given, tokens: tokens.slice(0, 1) }),
    /segment 1.*missing/,
  );
  const broken = [tokens[0] ?? '', tokens[1] ?? '', await token(3)];
  t.match(
    await refusal(clientRules(), { ...given, tokens: broken }),
    /^rule tokens-chained: segment 1/,
  );
});

t.test('while a wire is held, tokens from further away may be over', async (t) => {
  const old = await token(3, { lifeMs: -60_000 });
  const tokens = [await token(0), await token(1), await token(2), old];
  const given = { tokens, index: 0, peer: peer(1), nowMs };
  t.match(await refusal(clientRules(), given), /^rule tokens-expired: segment 3/);
  t.equal(await refusal(clientRules({ heldMs: 61_000 }), given), 'passed');
  t.match(await refusal(clientRules({ heldMs: 59_000 }), given), /^rule tokens-expired/);
  const near = [tokens[0] ?? '', await token(1, { lifeMs: -1 })];
  t.match(await refusal(clientRules({ heldMs: 61_000 }), { ...given, tokens: near }), /segment 1/);
});

t.test('a name in a registry stays with whom it belongs', async (t) => {
  const owner = (id?: string) => ({ what: 'endpoint nse-1', id });
  const rules = registryServerRules;
  t.equal(await refusal(rules, await evidence()), 'passed', 'a free name');
  t.equal(await refusal(rules, await evidence({ owner: owner(nsc) })), 'passed');
  t.equal(
    await refusal(rules, await evidence({ owner: owner(forwarder) })),
    `rule client-allowed: endpoint nse-1 belongs to ${forwarder}, not to ${nsc}`,
  );
});
