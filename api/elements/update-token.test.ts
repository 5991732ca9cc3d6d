// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { developmentTokens, tokenMetadata } from './tokens.js';
import { updateToken } from './update-token.js';

const clock = new ManualClock(1_000_000);
const tokens = developmentTokens('me', 60_000, clock);
const conn = Connection.fromPartial({
  path: { index: 1, pathSegments: [{ name: 'you', token: 'old' }, { name: 'me' }] },
});
const token = { token: 'theirs', expiresMs: 1_234_567 };

t.test("the caller's token goes into its segment, ours into ours", async (t) => {
  const seen = recording();
  const chain = compose(updateToken(tokens), seen);
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
  const chain = compose(updateToken(tokens));
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
    const chain = compose(updateToken(tokens), seen);
    await chain.request(testCall({ clock, own: true }), testRequest(conn));
    await chain.close(testCall({ clock }), conn);
    t.match(seen.requests[0]?.connection.path?.pathSegments, [{ token: 'old' }, { token: /./ }]);
    t.match(seen.closes[0]?.path?.pathSegments, [{ token: 'old' }, { token: /./ }]);
    const first = { path: { index: 0, pathSegments: [{ name: 'me' }, { name: 'next' }] } };
    await chain.request(testCall({ clock, token }), testRequest(first));
    t.match(seen.requests[1]?.connection.path?.pathSegments, [{ token: /\./ }, { token: '' }]);
  },
);

t.test('metadata', async (t) => {
  t.same(tokenMetadata({ token: 'x', expiresMs: 1_500 }), {
    'nsm-client-token': 'x',
    'nsm-client-token-expires': '1970-01-01T00:00:01.500Z',
  });
});
