// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { ipOf, withIp } from '../chain/connection.js';
import { Connection } from '../gen/connection.js';
import type { IPContext } from '../gen/connectioncontext.js';
import { answering, recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { begin } from './begin.js';
import { excludedPrefixesClient } from './excluded-prefixes-client.js';

function scene() {
  const answers = new Map<string, Partial<IPContext>>();
  const seen = recording();
  const chain = compose(
    begin(),
    excludedPrefixesClient(),
    seen,
    answering((connection) => withIp(connection, answers.get(connection.id) ?? {})),
  );
  const ask = (id: string, answer: Partial<IPContext>, excluded: string[] = []) => {
    answers.set(id, answer);
    const context = { ipContext: { excludedPrefixes: excluded } };
    return chain.request(testCall(), testRequest({ id, context }));
  };
  const asked = () => ipOf(seen.requests.at(-1)?.connection ?? Connection.fromPartial({}));
  const close = (id: string) => chain.close(testCall(), Connection.fromPartial({ id }));
  return { ask, asked, close, seen };
}
const pair = (n: number): Partial<IPContext> => ({
  dstIpAddrs: [`10.0.0.${String(n)}/32`, `fd00::${String(n)}/128`],
  srcIpAddrs: [`10.0.0.${String(n + 1)}/32`, `fd00::${String(n + 1)}/128`],
});

t.test('what the others use is excluded, in as few prefixes as will do', async (t) => {
  const { ask, asked, close } = scene();
  await ask('a', pair(0), ['192.0.2.0/24']);
  t.same(asked().excludedPrefixes, ['192.0.2.0/24']);
  await ask('b', { ...pair(2), srcRoutes: [{ prefix: '198.51.100.7/32', nextHop: '' }] });
  t.same(asked().excludedPrefixes, ['10.0.0.0/31', 'fd00::/127']);
  await ask('c', { srcRoutes: [{ prefix: '203.0.113.0/24', nextHop: '' }] });
  t.same(asked().excludedPrefixes, ['10.0.0.0/30', '198.51.100.7/32', 'fd00::/126']);
  await close('b');
  await ask('c', {}, ['10.0.0.0/30', '198.51.100.7/32', 'fd00::/126', '192.0.2.0/24']);
  t.same(asked().excludedPrefixes, ['192.0.2.0/24', '10.0.0.0/31', 'fd00::/127']);
  await ask('a', pair(0));
  t.same(asked().excludedPrefixes, [], 'its own addresses and networks of others are not');
});

t.test(
  'an answer that uses an excluded address is refused, and closed where it was new',
  async (t) => {
    const { ask, close, seen } = scene();
    await ask('a', pair(0));
    await t.rejects(ask('b', pair(1)), { code: 9, message: /10\.0\.0\.1\/32.*excluded_prefixes/ });
    t.match(seen.closes, [{ id: 'b' }]);
    await t.rejects(ask('b', pair(8), ['10.0.0.8/29']), { code: 9 });
    await ask('b', pair(2));
    await t.rejects(ask('b', pair(1)), { code: 9 });
    t.equal(seen.closes.length, 2, 'a live one is kept');
    await close('b');
  },
);

t.test('several may lead to one place, and none to an address of another', async (t) => {
  const { ask } = scene();
  const route = (prefix: string) => ({ srcRoutes: [{ prefix, nextHop: '' }] });
  await ask('a', { ...pair(0), ...route('198.51.100.7/32') });
  await ask('b', { ...pair(2), ...route('198.51.100.7/32') });
  await t.rejects(ask('c', { ...pair(4), ...route('10.0.0.1/32') }), { code: 9 });
  await t.rejects(ask('c', { srcIpAddrs: ['198.51.100.7/32'] }), { code: 9 });
  await t.rejects(ask('c', { ...pair(4), ...route('192.0.2.1/32') }, ['192.0.2.0/24']), {
    code: 9,
  });
});

t.test('an address nobody can read is refused', async (t) => {
  const { ask } = scene();
  await t.rejects(ask('a', { srcIpAddrs: ['nonsense'] }), { code: 3, message: /nonsense/ });
});
