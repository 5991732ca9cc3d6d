// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../chain/compose.js';
import { WireError } from '../errors/wire-error.js';
import { Connection } from '../gen/connection.js';
import type { NetworkServiceRequest } from '../gen/networkservice.js';
import { FakeChannels, type Made } from '../../test/doubles/channels.js';
import { testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { begin } from './begin.js';
import { clientUrl } from './client-url.js';
import { remote } from './remote.js';

const clock = new ManualClock();
const conn = Connection.fromPartial({
  id: 'm',
  path: {
    index: 1,
    pathSegments: [
      { name: 'you', id: 'y' },
      { name: 'me', id: 'm' },
    ],
  },
});
const preferences = [{ cls: 'LOCAL', type: 'KERNEL', parameters: {} }];
const echo = ({ request }: Made): unknown => (request as NetworkServiceRequest).connection;

t.test('asks the next hop, with the deadline', async (t) => {
  const channels = new FakeChannels((made) => ({ ...(echo(made) as Connection), payload: 'IP' }));
  const chain = compose(begin(), clientUrl('unix:///next'), remote(channels));
  const call = testCall({ clock });
  t.match(await chain.request(call, testRequest(conn, preferences)), { payload: 'IP' });
  t.match(channels.made, [
    {
      url: 'unix:///next',
      path: '/networkservice.NetworkService/Request',
      request: { connection: { id: 'm' }, mechanismPreferences: preferences },
      options: { deadlineMs: call.deadlineMs },
    },
  ]);
  await chain.request(call, testRequest(conn));
  t.same([...channels.shares], [['unix:///next', 1]], 'one share for the life of the connection');
  channels.answer = () => ({});
  await chain.close(call, conn);
  t.match(channels.made[2], {
    path: '/networkservice.NetworkService/Close',
    request: { id: 'm', payload: 'IP' },
  });
  t.equal(channels.shares.size, 0);
});

t.test('another URL, another channel; a failed first Request keeps none', async (t) => {
  const channels = new FakeChannels(echo);
  const urls = ['unix:///a', 'unix:///b'];
  const chain = compose(
    begin(),
    {
      ...clientUrl(''),
      request: (call, request, next) =>
        clientUrl(urls.shift() ?? 'unix:///c').request(call, request, next),
      close: () => Promise.resolve(),
    },
    remote(channels),
  );
  await chain.request(testCall(), testRequest(conn));
  await chain.request(testCall(), testRequest(conn));
  t.same([...channels.shares], [['unix:///b', 1]]);
  channels.answer = () => Promise.reject(new WireError(status.UNAVAILABLE, 'gone'));
  const other = { ...conn, id: 'x' };
  await t.rejects(chain.request(testCall(), testRequest(other)), { code: 14 });
  t.same([...channels.shares], [['unix:///b', 1]]);
  await t.rejects(chain.close(testCall(), conn), { code: 14 });
  t.equal(channels.shares.size, 0, 'also when the Close failed');
});

t.test('an adopted connection can be closed where the next hop is known', async (t) => {
  const channels = new FakeChannels();
  const unknown = begin();
  const chain = compose(unknown, remote(channels));
  unknown.adopt(conn);
  await chain.close(testCall(), conn);
  t.equal(channels.made.length, 0);
  await t.rejects(chain.request(testCall(), testRequest(conn)), { code: 13, message: /next hop/ });
  const known = begin();
  const other = compose(known, clientUrl('unix:///next'), remote(channels));
  known.adopt(conn);
  await other.close(testCall(), conn);
  t.match(channels.made, [{ url: 'unix:///next' }]);
});

t.test('an answer that is not about us is refused', async (t) => {
  const path = conn.path;
  const bad: readonly Partial<Connection>[] = [
    { id: 'n' },
    { path: undefined },
    { path: { index: 0, pathSegments: path?.pathSegments ?? [] } },
    { path: { index: 1, pathSegments: [{ ...path?.pathSegments[0] }] as never } },
    { path: { index: 1, pathSegments: path?.pathSegments.map((s) => ({ ...s, id: 'z' })) ?? [] } },
    {
      path: { index: 1, pathSegments: path?.pathSegments.map((s) => ({ ...s, name: 'z' })) ?? [] },
    },
  ];
  for (const change of bad) {
    const channels = new FakeChannels(() => Connection.fromPartial({ ...conn, ...change }));
    const chain = compose(begin(), clientUrl('unix:///next'), remote(channels));
    await t.rejects(chain.request(testCall(), testRequest(conn)), {
      code: 13,
      message: /answer of unix:\/\/\/next: .* want id m, index 1, segment me\/m/,
    });
  }
});
