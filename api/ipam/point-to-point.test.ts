// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../chain/compose.js';
import { ipOf } from '../chain/connection.js';
import { WireError } from '../errors/wire-error.js';
import { Connection } from '../gen/connection.js';
import { Route, type IPContext } from '../gen/connectioncontext.js';
import { begin } from '../elements/begin.js';
import { testCall, testRequest, type Sketch } from '../../test/doubles/elements.js';
import { pointToPoint, type PointToPointOptions } from './point-to-point.js';

function scene(groups: string[][], options?: PointToPointOptions) {
  const failure: { next?: Error } = {};
  const chain = compose(begin(), pointToPoint(groups, options), {
    kind: 'step',
    name: 'rest',
    request: (call, request, next) =>
      failure.next ? Promise.reject(failure.next) : next(call, request),
    close: () => Promise.resolve(),
  });
  const ask = async (id: string, ipContext: Sketch<IPContext> = {}): Promise<IPContext> =>
    ipOf(await chain.request(testCall(), testRequest({ id, context: { ipContext } })));
  const addresses = async (id: string, ipContext?: Sketch<IPContext>) => {
    const { dstIpAddrs, srcIpAddrs } = await ask(id, ipContext);
    return [...dstIpAddrs, ...srcIpAddrs];
  };
  const close = (id: string) => chain.close(testCall(), Connection.fromPartial({ id }));
  return { ask, addresses, close, failure };
}

t.test(
  'the first free address for the endpoint, the second for the client, and routes',
  async (t) => {
    const { ask, addresses, close } = scene([['172.16.1.100/30']]);
    t.match(await ask('a'), {
      dstIpAddrs: ['172.16.1.100/32'],
      srcIpAddrs: ['172.16.1.101/32'],
      srcRoutes: [{ prefix: '172.16.1.100/32', nextHop: '' }],
      dstRoutes: [{ prefix: '172.16.1.101/32', nextHop: '' }],
    });
    t.same(await addresses('b'), ['172.16.1.102/32', '172.16.1.103/32']);
    await close('a');
    t.same(await addresses('c'), ['172.16.1.100/32', '172.16.1.101/32']);
  },
);

t.test('a pair of each group; prefixes of a group stand in for each other', async (t) => {
  const { addresses } = scene([['10.0.0.0/31', '10.9.0.0/31'], ['fd00::/126']]);
  t.same(await addresses('a'), ['10.0.0.0/32', 'fd00::/128', '10.0.0.1/32', 'fd00::1/128']);
  t.same(await addresses('b'), ['10.9.0.0/32', 'fd00::2/128', '10.9.0.1/32', 'fd00::3/128']);
});

t.test('an empty pool is named, and nothing is taken of the other groups', async (t) => {
  const { addresses, close } = scene([['fd00::/126'], ['10.0.0.0/30', '10.0.1.0/32']]);
  await addresses('a');
  await addresses('b');
  await t.rejects(addresses('c'), {
    code: 8,
    message: 'IP pool fd00::/126 (4 of 4 in use): no two free addresses left for a connection',
  });
  await close('a');
  const all = { excludedPrefixes: ['10.0.0.0/8'] };
  await t.rejects(addresses('c', all), {
    code: 8,
    message:
      /^IP pool 10\.0\.0\.0\/30 \(2 of 4 in use, and excluded_prefixes\), 10\.0\.1\.0\/32 \(0 of 1 in use, /,
  });
  t.same((await addresses('c')).slice(0, 2), ['fd00::/128', '10.0.0.0/32']);
});

t.test('a refresh keeps the pair, and changes nothing', async (t) => {
  const { ask } = scene([['10.0.0.0/24']]);
  const first = await ask('a');
  const other = [Route.fromPartial({ prefix: '192.0.2.0/24' })];
  const again = await ask('a', { ...first, srcRoutes: [...first.srcRoutes, ...other] });
  t.same(again, { ...first, srcRoutes: [...first.srcRoutes, ...other] });
  t.same((await ask('a')).srcIpAddrs, first.srcIpAddrs, 'even if the client forgot it');
});

t.test('a pair that became excluded is replaced, with its routes', async (t) => {
  const { ask, addresses, failure } = scene([['10.0.0.0/24']]);
  const first = await ask('a');
  const wish = { ...first, excludedPrefixes: ['10.0.0.1/32'] };
  failure.next = new WireError(status.UNAVAILABLE, 'gone');
  await t.rejects(ask('a', wish), { code: 14 });
  delete failure.next;
  t.match(await ask('a', wish), {
    dstIpAddrs: ['10.0.0.2/32'],
    srcIpAddrs: ['10.0.0.3/32'],
    srcRoutes: [{ prefix: '10.0.0.2/32' }],
    dstRoutes: [{ prefix: '10.0.0.3/32' }],
  });
  t.same(await addresses('b'), ['10.0.0.0/32', '10.0.0.1/32'], 'the old ones are free');
});

t.test('excluded addresses are passed over', async (t) => {
  const { addresses } = scene([['10.0.0.0/24'], ['fd00::/64']]);
  const excludedPrefixes = ['10.0.0.1/32', 'fd00::/127', '10.0.0.3'];
  t.same(await addresses('a', { excludedPrefixes }), [
    '10.0.0.0/32',
    'fd00::2/128',
    '10.0.0.2/32',
    'fd00::3/128',
  ]);
});

t.test('recovery: a new connection keeps a free pair of ours', async (t) => {
  const { ask, addresses } = scene([['10.0.0.0/24']]);
  const carried = { dstIpAddrs: ['10.0.0.8/32'], srcIpAddrs: ['192.0.2.1/32', '10.0.0.9/32'] };
  t.match(await ask('a', carried), {
    dstIpAddrs: ['10.0.0.8/32'],
    srcIpAddrs: ['192.0.2.1/32', '10.0.0.9/32'],
    srcRoutes: [{ prefix: '10.0.0.8/32' }],
  });
  const late = { ...carried, srcRoutes: [{ prefix: '10.0.0.8/32' }] };
  t.match(await ask('b', late), {
    dstIpAddrs: ['10.0.0.0/32'],
    srcIpAddrs: ['192.0.2.1/32', '10.0.0.1/32'],
    srcRoutes: [{ prefix: '10.0.0.0/32' }],
  });
  const half = { dstIpAddrs: ['10.0.0.20/32'], srcIpAddrs: ['10.0.0.9/32'] };
  t.same(await addresses('c', half), ['10.0.0.2/32', '10.0.0.3/32'], 'both or none');
  const out = { dstIpAddrs: ['10.0.0.20/32'], srcIpAddrs: ['10.0.0.21/32'] };
  t.same(
    await addresses('d', { ...out, excludedPrefixes: ['10.0.0.21/32'] }),
    ['10.0.0.4/32', '10.0.0.5/32'],
    'not what is excluded',
  );
  t.same(await addresses('e', out), ['10.0.0.20/32', '10.0.0.21/32'], 'and it was given back');
});

t.test("polite keeps others' addresses, strict drops them and the routes to them", async (t) => {
  const carried = {
    dstIpAddrs: ['192.0.2.0/31'],
    srcIpAddrs: ['192.0.2.1/31'],
    srcRoutes: [{ prefix: '192.0.2.0/31' }, { prefix: '198.51.100.0/24' }],
  };
  const polite = await scene([['10.0.0.0/24']]).ask('a', carried);
  t.same(polite.srcIpAddrs, ['192.0.2.1/31', '10.0.0.1/32']);
  t.equal(polite.srcRoutes.length, 3);
  const strict = await scene([['10.0.0.0/24']], { policy: 'strict' }).ask('a', carried);
  t.same(strict.srcIpAddrs, ['10.0.0.1/32']);
  t.same(strict.dstIpAddrs, ['10.0.0.0/32']);
  t.match(strict.srcRoutes, [{ prefix: '198.51.100.0/24' }, { prefix: '10.0.0.0/32' }]);
});

t.test('a failed first Request gives its pair back', async (t) => {
  const { addresses, failure } = scene([['10.0.0.0/31']]);
  failure.next = new WireError(status.UNAVAILABLE, 'gone');
  await t.rejects(addresses('a'), { code: 14 });
  await t.rejects(addresses('a'), { code: 14 });
  delete failure.next;
  t.same(await addresses('b'), ['10.0.0.0/32', '10.0.0.1/32']);
});

t.test('bad input is named', async (t) => {
  const { ask } = scene([['10.0.0.0/24']]);
  const bad: readonly (readonly [Sketch<IPContext>, RegExp])[] = [
    [{ excludedPrefixes: ['10.0.0.0/8', 'x'] }, /excluded_prefixes\[1\]: "x"/],
    [{ srcIpAddrs: ['10.0.0.1/99'] }, /src_ip_addrs\[0\]: "10\.0\.0\.1\/99"/],
    [{ dstIpAddrs: ['::/0/0'] }, /dst_ip_addrs\[0\]/],
  ];
  for (const [ip, message] of bad) await t.rejects(ask('a', ip), { code: 3, message });
  t.throws(() => pointToPoint([['10.0.0.0/24'], ['10.0.0.128/25']]), {
    code: 3,
    message: /10\.0\.0\.128\/25.*no overlap with 10\.0\.0\.0\/24/,
  });
});

t.test('a thousand wires', async (t) => {
  const { addresses, close } = scene([['10.0.0.0/16'], ['fd00::/64']]);
  const ids = Array.from({ length: 1_000 }, (_, n) => String(n));
  const all = await Promise.all(ids.map((id) => addresses(id)));
  t.equal(new Set(all.flat()).size, 4_000);
  for (const id of ids.filter((_, n) => n % 2 === 0)) await close(id);
  t.same((await addresses('new')).slice(0, 1), ['10.0.0.0/32']);
});
