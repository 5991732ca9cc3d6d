// SPDX-License-Identifier: Apache-2.0
/** discover with roundRobin behind it, as every forwarder has them. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { compose } from '../chain/compose.js';
import { State } from '../chain/state.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { WireError } from '../errors/wire-error.js';
import { NetworkServiceEndpoint } from '../gen/registry.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import {
  addEndpoint,
  addService,
  counted,
  registryCall,
  testRegistries,
} from '../../test/doubles/registries.js';
import type { Step } from '../chain/element.js';
import type { Registries } from '../registry/registry.js';
import { discover } from './discover.js';
import { nextHop } from './next-hop.js';
import { roundRobin } from './round-robin.js';

/** The end of the chain: notes where each try went, and fails where told to. */
function hops(failures: Readonly<Record<string, Error>> = {}): Step & { readonly urls: string[] } {
  const urls: string[] = [];
  return {
    kind: 'step',
    name: 'hops',
    urls,
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
}

const wish = (change: object = {}) => testRequest({ id: 'c', networkService: 's', ...change });

async function twoEndpoints(clock?: ManualClock): Promise<Registries> {
  const registries = testRegistries(clock);
  await addService(registries, { name: 's' }, clock);
  await addEndpoint(registries, 'a', ['s'], {}, clock);
  await addEndpoint(registries, 'b', ['s'], {}, clock);
  return registries;
}

t.test('endpoints in turn, with payload and name filled in', async (t) => {
  const last = hops();
  const chain = compose(discover(await twoEndpoints()), roundRobin(), last);
  const answers = [];
  for (let n = 0; n < 4; n++) answers.push(await chain.request(testCall(), wish()));
  t.same(last.urls, ['unix:///a', 'unix:///b', 'unix:///a', 'unix:///b']);
  t.match(answers[1], { networkServiceEndpointName: 'b', payload: 'IP' });
});

t.test('weights are kept to, smoothly', async (t) => {
  const registries = testRegistries();
  const routes = [
    { destination_selector: { app: 'a' }, weight: 3 },
    { destination_selector: { app: 'b' }, weight: 1 },
  ];
  await addService(registries, { name: 's', matches: [{ routes }] });
  await addEndpoint(registries, 'a', ['s'], { app: 'a' });
  await addEndpoint(registries, 'b', ['s'], { app: 'b' });
  const last = hops();
  const chain = compose(discover(registries), roundRobin(), last);
  for (let n = 0; n < 8; n++) await chain.request(testCall(), wish());
  t.equal(last.urls.map((url) => url.at(-1)).join(''), 'aabaaaba');
});

t.test('a candidate that fails is followed by the next', async (t) => {
  const refused = new WireError(status.RESOURCE_EXHAUSTED, 'pool empty');
  const last = hops({ 'unix:///a': refused });
  const chain = compose(discover(await twoEndpoints()), roundRobin(), last);
  t.equal((await chain.request(testCall(), wish())).networkServiceEndpointName, 'b');
  t.same(last.urls, ['unix:///a', 'unix:///b']);
});

t.test('when all fail, each is named, and the state is as before', async (t) => {
  const refused = new WireError(status.RESOURCE_EXHAUSTED, 'pool empty');
  const last = hops({ 'unix:///a': refused, 'unix:///b': new TypeError('a bug') });
  const chain = compose(discover(await twoEndpoints()), roundRobin(), last);
  const call = testCall();
  await t.rejects(chain.request(call, wish()), {
    code: status.UNAVAILABLE,
    message: 'a: pool empty; b: internal error',
  });
  t.equal(call.state.get(nextHop), undefined);
});

t.test('a candidate that hangs leaves time for the next', async (t) => {
  const clock = new ManualClock();
  const registries = testRegistries(clock);
  await addService(registries, { name: 's' }, clock);
  await addEndpoint(registries, 'a', ['s'], {}, clock);
  await addEndpoint(registries, 'b', ['s'], {}, clock);
  const last: Step = {
    ...hops(),
    request(call, { connection }) {
      if (connection.networkServiceEndpointName === 'b') return Promise.resolve(connection);
      return new Promise((_resolve, reject) => {
        call.signal.addEventListener('abort', () => {
          reject(new WireError(status.DEADLINE_EXCEEDED, 'slow'));
        });
      });
    },
  };
  const chain = compose(discover(registries), roundRobin(), last);
  const answer = chain.request(testCall({ clock }), wish());
  await settle();
  await clock.advance(8_000);
  t.equal((await answer).networkServiceEndpointName, 'b');
});

t.test('a refresh goes where the last Request went and asks nobody', async (t) => {
  const registries = counted(await twoEndpoints());
  const last = hops();
  const chain = compose(discover(registries), roundRobin(), last);
  const call = testCall();
  const connection = await chain.request(call, wish());
  const finds = registries.finds;
  for (let n = 0; n < 3; n++) await chain.request(call, { ...wish(), connection });
  t.same(last.urls, ['unix:///a', 'unix:///a', 'unix:///a', 'unix:///a']);
  t.equal(registries.finds, finds);
});

t.test('an endpoint that came back elsewhere is found again', async (t) => {
  const registries = await twoEndpoints();
  const failures: Record<string, Error> = {};
  const last = hops(failures);
  const chain = compose(discover(registries), roundRobin(), last);
  const call = testCall();
  const connection = await chain.request(call, wish());
  failures['unix:///a'] = new UnreachableError('unix:///a: gone');
  await t.rejects(chain.request(call, { ...wish(), connection }), UnreachableError);
  const moved = NetworkServiceEndpoint.fromPartial({
    name: 'a',
    url: 'unix:///a2',
    networkServiceNames: ['s'],
  });
  await registries.endpoints.register(registryCall(), moved);
  await chain.request(call, { ...wish(), connection });
  t.equal(last.urls.at(-1), 'unix:///a2');
  failures['unix:///a2'] = new WireError(status.UNAVAILABLE, 'someone behind it is away');
  const tries = last.urls.length;
  await t.rejects(chain.request(call, { ...wish(), connection }));
  t.equal(last.urls.length, tries + 1, 'an endpoint that answers is not looked for');
});

t.test('an endpoint that is gone, and that nobody registers any more, is not found', async (t) => {
  const clock = new ManualClock();
  const registries = await twoEndpoints(clock);
  const failures: Record<string, Error> = {};
  const chain = compose(discover(registries), roundRobin(), hops(failures));
  const call = testCall({ clock });
  const connection = await chain.request(call, wish());
  failures['unix:///a'] = new UnreachableError('unix:///a: gone');
  await registries.endpoints.unregister(
    registryCall(),
    NetworkServiceEndpoint.create({ name: 'a' }),
  );
  const refused = t.rejects(chain.request(call, { ...wish(), connection }), {
    code: status.NOT_FOUND,
  });
  await settle();
  await clock.advance(7_500);
  await refused;
});

t.test('a chosen endpoint needs no service that can be asked', async (t) => {
  const last = hops();
  const registries = counted(await twoEndpoints());
  registries.services.find = async function* () {
    yield await Promise.reject(new WireError(status.UNAVAILABLE, 'site cloud cannot be reached'));
  };
  const chain = compose(discover(registries), roundRobin(), last);
  const named = wish({ networkServiceEndpointName: 'b', payload: 'IP' });
  t.match(await chain.request(testCall(), named), { payload: 'IP' });
  t.same(last.urls, ['unix:///b']);
  await t.rejects(chain.request(testCall(), wish()), { message: 'site cloud cannot be reached' });
});

t.test('a Close without memory finds the endpoint by its name', async (t) => {
  const last = hops();
  const chain = compose(discover(await twoEndpoints()), roundRobin(), last);
  const close = (name: string) =>
    chain.close(testCall(), wish({ networkServiceEndpointName: name }).connection);
  await close('b');
  await close('unknown');
  await close('');
  t.same(last.urls, ['close unix:///b', 'close none', 'close none']);
});

t.test('an endpoint named is the only one', async (t) => {
  const last = hops();
  const chain = compose(discover(await twoEndpoints()), roundRobin(), last);
  for (let n = 0; n < 2; n++) {
    await chain.request(testCall(), wish({ networkServiceEndpointName: 'b' }));
  }
  t.same(last.urls, ['unix:///b', 'unix:///b']);
});

t.test('what is not there yet is waited for', async (t) => {
  const registries = testRegistries();
  const seen = recording();
  const chain = compose(discover(registries), roundRobin(), seen);
  const byService = chain.request(testCall(), wish());
  const byName = chain.request(testCall(), wish({ networkServiceEndpointName: 'late' }));
  await settle();
  await addService(registries, { name: 's' });
  await settle();
  t.equal(seen.requests.length, 0);
  await addEndpoint(registries, 'late', ['s']);
  t.match(await byService, { networkServiceEndpointName: 'late', payload: 'IP' });
  t.match(await byName, { networkServiceEndpointName: 'late' });
});

t.test('what never comes is named before the deadline', async (t) => {
  const clock = new ManualClock();
  const registries = testRegistries(clock);
  const chain = compose(discover(registries), roundRobin(), hops());
  const refused = async (change: object, message: string): Promise<void> => {
    const state = new State();
    const answer = chain.request(testCall({ clock, state }), wish(change));
    const refusal = t.rejects(answer, { code: status.NOT_FOUND, message });
    await settle();
    await clock.advance(14_900);
    await refusal;
  };
  await refused({}, 'network service "s" is not registered: none is registered');
  await addService(registries, { name: 'other' }, clock);
  await refused({}, 'network service "s" is not registered: registered: other');
  await refused({ networkServiceEndpointName: 'x' }, 'endpoint "x" is not registered');
  const matches = [{ routes: [{ destination_selector: { app: '{{.app}}' } }] }];
  await addService(registries, { name: 's', matches }, clock);
  await refused({}, 'network service "s" has no endpoint');
  await addEndpoint(registries, 'blue', ['s'], { app: 'blue' }, clock);
  await refused(
    { labels: { app: 'red' } },
    'no endpoint of network service "s" for labels {app=red}: registered: blue {app=blue}',
  );
});

t.test('a wish that cannot be granted is refused at once', async (t) => {
  const chain = compose(discover(await twoEndpoints()), roundRobin(), hops());
  await t.rejects(chain.request(testCall(), wish({ payload: 'ETHERNET' })), {
    code: status.INVALID_ARGUMENT,
    message:
      'connection.payload: "ETHERNET" is not valid: want IP, the payload of network service s',
  });
  await t.rejects(chain.request(testCall(), wish({ networkService: '' })), {
    code: status.INVALID_ARGUMENT,
  });
});

t.test('giving up ends the waiting', async (t) => {
  const giveUp = new AbortController();
  const chain = compose(discover(testRegistries()), roundRobin(), hops());
  const answer = chain.request(testCall({ signal: giveUp.signal }), wish());
  await settle();
  giveUp.abort();
  await t.rejects(answer);
});
