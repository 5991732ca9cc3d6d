// SPDX-License-Identifier: Apache-2.0
/** Which forwarder a manager takes, and how long it keeps to it. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { compose } from '../chain/compose.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { WireError } from '../errors/wire-error.js';
import { State as ConnectionState } from '../gen/connection.js';
import type { Step } from '../chain/element.js';
import { testCall, testRequest } from '../../test/doubles/elements.js';
import { addEndpoint, addService, counted, testRegistries } from '../../test/doubles/registries.js';
import { discoverForwarder } from './discover-forwarder.js';
import { nextHop } from './next-hop.js';

function fixture(failures: Record<string, Error> = {}) {
  const registries = counted(testRegistries());
  const urls: string[] = [];
  const last: Step = {
    kind: 'step',
    name: 'hops',
    request(call, request) {
      const url = call.state.get(nextHop) ?? 'none';
      urls.push(url);
      const failure = failures[url];
      return failure ? Promise.reject(failure) : Promise.resolve(request.connection);
    },
    close(call) {
      urls.push(`close ${call.state.get(nextHop) ?? 'none'}`);
      return Promise.resolve();
    },
  };
  const chain = compose(discoverForwarder(registries, { serviceName: 'forwarder' }), last);
  return { registries, urls, chain, failures };
}

async function twoForwarders(failures: Record<string, Error> = {}) {
  const f = fixture(failures);
  await addService(f.registries, { name: 's' });
  await addEndpoint(f.registries, 'f1', ['forwarder'], { p2p: 'true' });
  await addEndpoint(f.registries, 'f2', ['forwarder'], { p2p: 'true' });
  return f;
}

const wish = (change: object = {}) => testRequest({ id: 'c', networkService: 's', ...change });
const through = (forwarder: string): object => ({
  path: {
    index: 0,
    pathSegments: [
      { name: 'm', id: 'c' },
      { name: forwarder, id: 'x' },
    ],
  },
});

t.test('new connections take forwarders in turn, and stay with them', async (t) => {
  const f = await twoForwarders();
  const [one, two] = [testCall(), testCall()];
  for (const call of [one, two]) await f.chain.request(call, wish());
  const finds = f.registries.finds;
  for (const call of [two, one]) await f.chain.request(call, wish());
  t.same(f.urls, ['unix:///f1', 'unix:///f2', 'unix:///f2', 'unix:///f1']);
  t.equal(f.registries.finds, finds, 'a refresh asks nobody');
});

t.test('after a restart, the one in the path comes first, unless choosing anew', async (t) => {
  const f = await twoForwarders();
  await f.chain.request(testCall(), wish(through('f2')));
  await f.chain.request(testCall(), wish(through('f2')));
  t.same(f.urls, ['unix:///f2', 'unix:///f2']);
  f.urls.length = 0;
  const reselect = { ...through('f2'), state: ConnectionState.RESELECT_REQUESTED };
  await f.chain.request(testCall(), wish(reselect));
  t.same(f.urls, ['unix:///f1']);
  f.urls.length = 0;
  await f.chain.close(testCall(), wish(through('f2')).connection);
  await f.chain.close(testCall(), wish(through('gone')).connection);
  t.same(f.urls, ['close unix:///f2', 'close none']);
});

t.test('a forwarder that fails is followed by the next; one that died is replaced', async (t) => {
  const f = await twoForwarders({ 'unix:///f1': new WireError(status.INTERNAL, 'broken') });
  const call = testCall();
  await f.chain.request(call, wish());
  t.same(f.urls, ['unix:///f1', 'unix:///f2']);
  f.urls.length = 0;
  f.failures['unix:///f2'] = new WireError(status.UNAVAILABLE, 'the endpoint is away');
  await t.rejects(f.chain.request(call, wish(through('f2'))), { message: 'the endpoint is away' });
  t.same(f.urls, ['unix:///f2'], 'what lies behind it is not its fault');
  f.urls.length = 0;
  delete f.failures['unix:///f1'];
  f.failures['unix:///f2'] = new UnreachableError('gone');
  await f.chain.request(call, wish(through('f2')));
  t.same(f.urls, ['unix:///f2', 'unix:///f2', 'unix:///f1']);
});

t.test('a service that cannot be looked up now leaves a wire to its forwarder', async (t) => {
  const f = await twoForwarders();
  f.registries.services.find = async function* () {
    yield await Promise.reject(new WireError(status.UNAVAILABLE, 'site cloud cannot be reached'));
  };
  await f.chain.request(testCall(), wish(through('f2')));
  t.same(f.urls, ['unix:///f2']);
  const away = { message: 'site cloud cannot be reached' };
  await t.rejects(f.chain.request(testCall(), wish()), away);
  await t.rejects(f.chain.request(testCall(), wish(through('gone'))), away);
  const reselect = { ...through('f2'), state: ConnectionState.RESELECT_REQUESTED };
  await t.rejects(f.chain.request(testCall(), wish(reselect)), away);
});

t.test("the service's matches decide which may", async (t) => {
  const f = fixture();
  await addService(f.registries, {
    name: 's',
    matches: [{ source_selector: { want: 'fast' }, metadata: { labels: { fast: 'yes' } } }, {}],
  });
  await addEndpoint(f.registries, 'f1', ['forwarder'], { p2p: 'true' });
  await addEndpoint(f.registries, 'f2', ['forwarder'], { fast: 'yes' });
  await f.chain.request(testCall(), wish({ labels: { want: 'fast' } }));
  await f.chain.request(testCall(), wish());
  t.same(f.urls, ['unix:///f2', 'unix:///f1']);
});
