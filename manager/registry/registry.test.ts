// SPDX-License-Identifier: Apache-2.0
/** Both registries as callers see them: names, owners, finds, watches, expiry. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { toTimestamp } from '../../api/chain/connection.js';
import { developmentTokens } from '../../api/identity/development-tokens.js';
import { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { findAll } from '../../api/registry/look-up.js';
import type { Found } from '../../api/registry/registry.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import {
  addEndpoint,
  addService,
  registryCall,
  testRegistries,
} from '../../test/doubles/registries.js';

const anyEndpoint = NetworkServiceEndpoint.create();
const endpointOf = NetworkServiceEndpoint.fromPartial.bind(NetworkServiceEndpoint);

/** The call of a registrant of that name. */
function by(name: string, clock: ManualClock, lifetimeMs = 600_000) {
  return registryCall(clock, { token: developmentTokens(name, lifetimeMs, clock).issue() });
}

t.test('names and URLs that nobody could use are refused', async (t) => {
  const { services, endpoints } = testRegistries();
  const names = ['', ' ', 'a b', 'a\nb', 'x'.repeat(254), '__proto__', '\u202eevil'];
  for (const name of names) {
    const refusal = { code: status.INVALID_ARGUMENT, message: /^name: / };
    const service = NetworkService.fromPartial({ name });
    await t.rejects(services.register(registryCall(), service), refusal, name);
    const endpoint = endpointOf({ name, url: 'unix:///a' });
    await t.rejects(endpoints.register(registryCall(), endpoint), refusal, name);
  }
  for (const url of ['', 'x', 'http://a', 'unix:a', 'tcp://:1', 'tcp://a:0', 'inode://4/1']) {
    await t.rejects(endpoints.register(registryCall(), endpointOf({ name: 'a', url })), {
      code: status.INVALID_ARGUMENT,
      message: /^url: /,
    });
  }
  await endpoints.unregister(registryCall(), endpointOf({ name: 'unknown' }));
});

t.test('an entry gets what it lacks', async (t) => {
  const clock = new ManualClock();
  const registries = testRegistries(clock, { nodeName: 'n1', app: 'other' });
  t.match(await addService(registries, { name: 's' }, clock), { payload: 'IP' });
  const kept = await addService(registries, { name: 'e', payload: 'ETHERNET' }, clock);
  t.match(kept, { payload: 'ETHERNET' });
  const first = await addEndpoint(registries, 'a', ['s'], { app: 'blue' }, clock);
  t.same(first.networkServiceLabels['s']?.labels, { nodeName: 'n1', app: 'blue' });
  t.same(first.expirationTime, toTimestamp(clock.now() + 60_000));
  t.same(first.initialRegistrationTime, toTimestamp(clock.now()));
  await clock.advance(30_000);
  const second = await addEndpoint(registries, 'a', ['s'], {}, clock);
  t.same(second.initialRegistrationTime, first.initialRegistrationTime);
  t.same(second.expirationTime, toTimestamp(clock.now() + 60_000));
});

t.test('the earliest end counts, and an entry that is not refreshed goes', async (t) => {
  const clock = new ManualClock();
  const { endpoints } = testRegistries(clock);
  const own = toTimestamp(clock.now() + 5_000);
  const entry = (name: string) => endpointOf({ name, url: `unix:///${name}` });
  await endpoints.register(by('a', clock), { ...entry('own'), expirationTime: own });
  await endpoints.register(by('b', clock, 20_000), entry('token'));
  await endpoints.register(by('c', clock), entry('period'));
  const names = async (): Promise<string[]> =>
    (await findAll(registryCall(clock), endpoints, anyEndpoint)).map(({ name }) => name);
  t.same(await names(), ['own', 'token', 'period']);
  await clock.advance(5_000);
  t.same(await names(), ['token', 'period']);
  await clock.advance(15_000);
  t.same(await names(), ['period']);
  await endpoints.register(by('c', clock), entry('period'));
  await clock.advance(59_999);
  t.same(await names(), ['period']);
  await clock.advance(1);
  t.same(await names(), []);
  t.equal(clock.timers, 0);
});

t.test('a name stays with its owner until the entry is gone', async (t) => {
  const clock = new ManualClock();
  const { endpoints, services } = testRegistries(clock);
  const entry = endpointOf({ name: 'nse', url: 'unix:///nse' });
  t.same((await endpoints.register(by('a', clock), entry)).pathIds, ['development:a']);
  const denied = {
    code: status.PERMISSION_DENIED,
    message: 'rule client-allowed: endpoint nse belongs to development:a, not to development:b',
  };
  await t.rejects(endpoints.register(by('b', clock), entry), denied);
  await t.rejects(endpoints.unregister(by('b', clock), entry), denied);
  await t.rejects(endpoints.register(registryCall(clock), entry), /a caller without a token/);
  await endpoints.register(by('a', clock), entry);
  await endpoints.unregister(by('a', clock), entry);
  await endpoints.register(by('b', clock), entry);

  const service = NetworkService.fromPartial({ name: 's' });
  await services.register(by('a', clock), service);
  t.match(await services.register(by('b', clock), service), { payload: 'IP' }, 'says the same');
  await t.rejects(services.register(by('b', clock), { ...service, payload: 'ETHERNET' }), {
    code: status.PERMISSION_DENIED,
    message: /^rule client-allowed: network service s belongs to development:a/,
  });
});

t.test('tokens of any kind are no reason to fail', async (t) => {
  const { endpoints } = testRegistries();
  for (const text of ['x', 'a.b.c', `a.${Buffer.from('{"sub":7}').toString('base64url')}.c`]) {
    const token = { token: text, expiresMs: Date.now() + 60_000 };
    const entry = endpointOf({ name: text, url: 'unix:///a' });
    t.same((await endpoints.register(registryCall(undefined, { token }), entry)).pathIds, []);
  }
});

/** Reads a watch as it goes. */
function reader(source: AsyncIterable<Found<NetworkServiceEndpoint>>) {
  const seen: string[] = [];
  const end = (async (): Promise<void> => {
    for await (const { entry, deleted } of source) seen.push(`${deleted ? '-' : '+'}${entry.name}`);
  })();
  return { seen, end };
}

t.test('a watch tells what is there, then what changes, until its signal', async (t) => {
  const registries = testRegistries();
  await addEndpoint(registries, 'a', ['s']);
  await addEndpoint(registries, 'b', ['other']);
  const stop = new AbortController();
  const call = registryCall(undefined, { signal: stop.signal });
  const ofService = endpointOf({ networkServiceNames: ['s'] });
  const byService = reader(registries.endpoints.find(call, ofService, true));
  const byName = reader(registries.endpoints.find(call, endpointOf({ name: 'c' }), true));
  await settle();
  t.same(byService.seen, ['+a']);
  await addEndpoint(registries, 'c', ['s']);
  await settle();
  await addEndpoint(registries, 'c', ['other']);
  await settle();
  await registries.endpoints.unregister(registryCall(), endpointOf({ name: 'a' }));
  await settle();
  t.same(byService.seen, ['+a', '+c', '-c', '-a'], 'who does not match any more is gone');
  t.same(byName.seen, ['+c', '+c']);
  stop.abort();
  await t.rejects(byService.end, { name: 'AbortError' });
  await t.rejects(byName.end, { name: 'AbortError' });
});

t.test('a slow watcher gets the last state of each entry', async (t) => {
  const registries = testRegistries();
  const stop = new AbortController();
  const call = registryCall(undefined, { signal: stop.signal });
  const source = registries.endpoints.find(call, anyEndpoint, true)[Symbol.asyncIterator]();
  const first = source.next();
  for (let n = 0; n < 1_000; n++) await addEndpoint(registries, 'a', ['s'], { n: String(n) });
  await registries.endpoints.unregister(registryCall(), endpointOf({ name: 'a' }));
  await addEndpoint(registries, 'b', ['s']);
  const seen = [await first, await source.next(), await source.next()];
  t.same(
    seen.map(({ value }) => {
      const { entry, deleted } = value as Found<NetworkServiceEndpoint>;
      return [entry.name, deleted];
    }),
    [
      ['a', false],
      ['a', true],
      ['b', false],
    ],
  );
  stop.abort();
});

t.test('finds by name, by service, by label, by URL, by all of them', async (t) => {
  const registries = testRegistries();
  await addEndpoint(registries, 'a', ['s'], { app: 'blue' });
  await addEndpoint(registries, 'b', ['s', 'u'], { app: 'green' });
  await addEndpoint(registries, 'c', ['u'], { app: 'blue' });
  const blue = (service: string) => ({ [service]: { labels: { app: 'blue' } } });
  const cases: readonly (readonly [NetworkServiceEndpoint, string])[] = [
    [anyEndpoint, 'abc'],
    [endpointOf({ name: 'b' }), 'b'],
    [endpointOf({ name: 'x' }), ''],
    [endpointOf({ networkServiceNames: ['s'] }), 'ab'],
    [endpointOf({ networkServiceNames: ['u', 's'] }), 'b'],
    [endpointOf({ networkServiceNames: ['x'] }), ''],
    [endpointOf({ networkServiceLabels: blue('s') }), 'a'],
    [endpointOf({ networkServiceNames: ['u'], networkServiceLabels: blue('u') }), 'c'],
    [endpointOf({ url: '///c' }), 'c'],
    [endpointOf({ name: 'a', networkServiceNames: ['u'] }), ''],
  ];
  for (const [query, wanted] of cases) {
    const found = await findAll(registryCall(), registries.endpoints, query);
    t.equal(found.map(({ name }) => name).join(''), wanted, JSON.stringify(query));
  }
});

t.test('a thousand endpoints, each watching itself, are no burden', async (t) => {
  const clock = new ManualClock();
  const registries = testRegistries(clock);
  const stops = Array.from({ length: 1_000 }, () => new AbortController());
  const watches = [];
  for (let n = 0; n < 1_000; n++) {
    await addEndpoint(registries, `e${String(n)}`, [`s${String(n % 10)}`], {}, clock);
    const call = registryCall(clock, { signal: stops[n]?.signal ?? AbortSignal.abort() });
    const own = endpointOf({ name: `e${String(n)}` });
    watches.push(reader(registries.endpoints.find(call, own, true)));
  }
  await settle();
  for (let n = 0; n < 1_000; n++) {
    await addEndpoint(registries, `e${String(n)}`, [`s${String(n % 10)}`], {}, clock);
  }
  await settle();
  t.ok(
    watches.every(({ seen }) => seen.length === 2),
    'each heard of itself only',
  );
  const query = endpointOf({ networkServiceNames: ['s3'] });
  t.equal((await findAll(registryCall(clock), registries.endpoints, query)).length, 100);
  t.equal(clock.timers, 1_000);
  for (const stop of stops) stop.abort();
  await Promise.allSettled(watches.map(({ end }) => end));
  await clock.advance(60_000);
  t.equal((await findAll(registryCall(clock), registries.endpoints, anyEndpoint)).length, 0);
  t.equal(clock.timers, 0);
});
