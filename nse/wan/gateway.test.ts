// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { ipOf } from '../../api/chain/connection.js';
import type { Call } from '../../api/chain/call.js';
import { State } from '../../api/chain/state.js';
import { Connection } from '../../api/gen/connection.js';
import type { SiteGateway } from '../../api/site/types.js';
import { gatewayParameter as read, parseGatewayWish } from '../../forwarder/gateway/wish.js';
import { testCall, testRequest } from '../../test/doubles/elements.js';
import { gateway, gatewayParameter, gatewayParameters, isOtherForWires } from './gateway.js';

const first: SiteGateway = {
  prefixes: [['192.0.2.0/29'], ['2001:db8::/125']],
  routes: ['10.60.0.0/24', '2001:db8:60::/64'],
  nat: true,
};

const said = (connection: Connection): unknown => Connection.toJSON(connection);

/** An endpoint whose gateway the test changes. */
function stage(gatewayNow: SiteGateway | undefined = first) {
  const source: { now: SiteGateway | undefined } = { now: gatewayNow };
  const element = gateway(() => source.now);
  const wires = new Map<string, { call: Call; answer: Connection }>();
  const ask = async (id: string, before?: Connection): Promise<Connection> => {
    const call = wires.get(id)?.call ?? testCall({ state: new State() });
    const answer = await element.request(call, testRequest(before ?? { id }), (_call, request) =>
      Promise.resolve(request.connection),
    );
    wires.set(id, { call, answer });
    return answer;
  };
  const again = (id: string): Promise<Connection> => ask(id, wires.get(id)?.answer);
  const close = async (id: string): Promise<void> => {
    const { call, answer } = wires.get(id) ?? {};
    if (call && answer) await element.close(call, answer);
    wires.delete(id);
  };
  const wish = (id: string) => {
    const call = wires.get(id)?.call;
    return parseGatewayWish((call && gatewayParameters(call)[gatewayParameter]) ?? '');
  };
  return { source, ask, again, close, wish };
}

t.test(
  'a client gets a pair of each family, the routes, and the node is to be a gateway',
  async (t) => {
    const { ask, wish } = stage();
    const { srcIpAddrs, dstIpAddrs, srcRoutes, excludedPrefixes } = ipOf(await ask('one'));
    t.strictSame(dstIpAddrs, ['192.0.2.0/32', '2001:db8::/128']);
    t.strictSame(srcIpAddrs, ['192.0.2.1/32', '2001:db8::1/128']);
    t.strictSame(
      srcRoutes.map(({ prefix }) => prefix),
      ['10.60.0.0/24', '2001:db8:60::/64', '192.0.2.0/32', '2001:db8::/128'],
    );
    t.strictSame(excludedPrefixes, []);
    t.equal(gatewayParameter, read, 'the forwarder looks for that name');
    t.match(wish('one'), { prefixes: ['192.0.2.0/29', '2001:db8::/125'], nat: true });
    t.strictSame(wish('one').routes, first.routes);
  },
);

t.test('a wire keeps its addresses, and gets the routes and the NAT of now', async (t) => {
  const { source, ask, again, wish } = stage();
  const { srcIpAddrs, dstIpAddrs } = ipOf(await ask('one'));
  source.now = { prefixes: [['203.0.113.0/24']], routes: ['10.70.0.0/24'], nat: false };
  const after = await again('one');
  const now = ipOf(after);
  t.strictSame([now.srcIpAddrs, now.dstIpAddrs], [srcIpAddrs, dstIpAddrs]);
  t.strictSame(
    now.srcRoutes.map(({ prefix }) => prefix),
    ['192.0.2.0/32', '2001:db8::/128', '10.70.0.0/24'],
  );
  t.strictSame(wish('one'), {
    prefixes: first.prefixes.flat(),
    routes: ['10.70.0.0/24'],
    nat: false,
  });
  t.strictSame(said(await again('one')), said(after), 'another refresh changes nothing');
  t.strictSame(ipOf(await ask('two')).srcIpAddrs, ['203.0.113.1/32']);
  t.match(wish('two'), { prefixes: ['203.0.113.0/24'] });
});

t.test('a wire of a former life loses routes that are no more, but not its own', async (t) => {
  const before = await stage().ask('one');
  const { ask } = stage({ ...first, routes: ['2001:db8:60::/64', '10.80.0.0/24'] });
  const { srcIpAddrs, srcRoutes } = ipOf(await ask('one', before));
  t.strictSame(srcIpAddrs, ipOf(before).srcIpAddrs);
  t.strictSame(
    srcRoutes.map(({ prefix }) => prefix),
    ['2001:db8:60::/64', '192.0.2.0/32', '2001:db8::/128', '10.80.0.0/24'],
  );
});

t.test('wires hear of other routes and another NAT, not of other prefixes', (t) => {
  t.ok(isOtherForWires(first, { ...first, nat: false }));
  t.ok(isOtherForWires(first, { ...first, routes: [] }));
  t.notOk(isOtherForWires(first, { ...first, prefixes: [['203.0.113.0/24']] }));
  t.notOk(isOtherForWires(first, undefined));
  t.notOk(isOtherForWires(undefined, first));
  t.end();
});

t.test('no address of a former gateway is given twice', async (t) => {
  const { source, ask, again, close } = stage();
  const taken = ipOf(await ask('one')).srcIpAddrs;
  source.now = { ...first, prefixes: [['192.0.2.0/28']] };
  const two = await ask('two');
  t.strictSame(ipOf(two).srcIpAddrs, ['192.0.2.3/32']);
  t.strictSame(ipOf(two).excludedPrefixes, [], 'and nobody hears of it');
  t.strictSame(said(await again('two')), said(two));
  await close('one');
  t.strictSame(ipOf(await ask('three')).srcIpAddrs, [taken[0]], 'until its wire is closed');
});

t.test('other routes alone leave the pools as they are', async (t) => {
  const { source, ask } = stage();
  await ask('one');
  source.now = { ...first, routes: ['10.70.0.0/24'] };
  const { srcIpAddrs, srcRoutes } = ipOf(await ask('two'));
  t.strictSame(srcIpAddrs, ['192.0.2.3/32', '2001:db8::3/128']);
  t.equal(srcRoutes[0]?.prefix, '10.70.0.0/24');
});

t.test("a client's own excluded prefixes count, and stay as they are", async (t) => {
  const { ask } = stage();
  const context = { ipContext: { excludedPrefixes: ['192.0.2.0/30'] } };
  const answer = await ask('one', testRequest({ id: 'one', context }).connection);
  t.strictSame(ipOf(answer).srcIpAddrs[0], '192.0.2.5/32');
  t.strictSame(ipOf(answer).excludedPrefixes, ['192.0.2.0/30']);
});

t.test('a site that is no gateway any more takes no new wires', async (t) => {
  const { source, ask, again } = stage();
  const before = await ask('one');
  source.now = undefined;
  t.strictSame(said(await again('one')), said(before));
  await t.rejects(ask('two'), { message: 'this site is no gateway' });
});
