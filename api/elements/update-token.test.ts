// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { Peer } from '../chain/peer.js';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { TestSource } from '../../test/doubles/certificates.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { tokenMetadata } from '../identity/development-tokens.js';
import { insecure, spiffe } from '../identity/security.js';
import { updateToken } from './update-token.js';

const clock = new ManualClock(1_000_000);
const security = insecure('me', 60_000, clock);
const conn = Connection.fromPartial({
  path: { index: 1, pathSegments: [{ name: 'you', token: 'old' }, { name: 'me' }] },
});
const token = { token: 'theirs', expiresMs: 1_234_567 };

t.test("the caller's token goes into its segment, ours into ours", async (t) => {
  const seen = recording();
  const chain = compose(updateToken(security), seen);
  await chain.request(testCall({ clock, token }), testRequest(conn));
  await chain.close(testCall({ clock, token }), conn);
  for (const { path } of [seen.requests[0]?.connection, seen.closes[0]] as Connection[]) {
    t.match(path?.pathSegments, [
      { name: 'you', token: 'theirs', expires: { seconds: 1234n, nanos: 567_000_000 } },
      { name: 'me', token: /^[\w-]+\.[\w-]+\.$/, expires: { seconds: 1060n, nanos: 0 } },
    ]);
  }
  t.equal(conn.path?.pathSegments[0]?.token, 'old', 'what came is not changed');
});

t.test('a peer without a token is refused', async (t) => {
  const chain = compose(updateToken(security));
  const request = testRequest(conn);
  await t.rejects(chain.request(testCall({ clock }), request), {
    code: 16,
    message: /nsm-client-token.*nsm-client-token-expires/,
  });
});

t.test(
  'what begin starts itself keeps the last token; at index 0 there is no caller',
  async (t) => {
    const seen = recording();
    const chain = compose(updateToken(security), seen);
    await chain.request(testCall({ clock, own: true }), testRequest(conn));
    await chain.close(testCall({ clock }), conn);
    t.match(seen.requests[0]?.connection.path?.pathSegments, [{ token: 'old' }, { token: /./ }]);
    t.match(seen.closes[0]?.path?.pathSegments, [{ token: 'old' }, { token: /./ }]);
    const first = { path: { index: 0, pathSegments: [{ name: 'me' }, { name: 'next' }] } };
    await chain.request(testCall({ clock, token }), testRequest(first));
    t.match(seen.requests[1]?.connection.path?.pathSegments, [{ token: /\./ }, { token: '' }]);
  },
);

t.test('with identities our own is made for whoever called last', async (t) => {
  const seen = recording();
  const chain = compose(updateToken(spiffe(new TestSource())), seen);
  const peer = (name: string): Peer => ({
    id: name,
    publicKey: createPublicKey(generateKeyPairSync('ed25519').privateKey),
    notAfterMs: Infinity,
    token: () => Promise.resolve({ token: `for ${name}`, expiresMs: 2_000_000 }),
  });
  const call = testCall({ clock, token, peer: peer('you') });
  await chain.request(call, testRequest(conn));
  await chain.request({ ...testCall({ clock, own: true }), state: call.state }, testRequest(conn));
  await chain.close({ ...call, peer: peer('another') }, conn);
  const own = seen.requests.map(({ connection }) => connection.path?.pathSegments[1]?.token);
  t.same(own, ['for you', 'for you']);
  t.equal(seen.closes[0]?.path?.pathSegments[1]?.token, 'for another');
  await chain.request(testCall({ clock, own: true }), testRequest(conn));
  t.equal(seen.requests[2]?.connection.path?.pathSegments[1]?.token, '', 'nobody has called');
  let isOver = false;
  const ending: Peer = {
    ...peer('you'),
    token: () => (isOver ? Promise.reject(new Error('ended')) : peer('you').token()),
  };
  const held = testCall({ clock, token, peer: ending });
  await chain.request(held, testRequest(conn));
  isOver = true;
  await t.rejects(chain.request(held, testRequest(conn)), { message: 'ended' });
  const own4 = { ...testCall({ clock, own: true }), state: held.state };
  await chain.request(own4, testRequest(seen.requests[3]?.connection ?? conn));
  const [, kept] = seen.requests[4]?.connection.path?.pathSegments ?? [];
  t.equal(kept?.token, 'for you', 'a hold outlasts the certificate of its last caller');
});

t.test('metadata', async (t) => {
  t.same(tokenMetadata({ token: 'x', expiresMs: 1_500 }), {
    'nsm-client-token': 'x',
    'nsm-client-token-expires': '1970-01-01T00:00:01.500Z',
  });
});
