// SPDX-License-Identifier: Apache-2.0
/** What is answered from memory, and what never is. */
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { systemClock as clock } from '../chain/clock.js';
import { WireError } from '../errors/wire-error.js';
import { NetworkServiceEndpoint } from '../gen/registry.js';
import { silentLogger } from '../log/log.js';
import { settle } from '../../test/doubles/manual-clock.js';
import {
  addEndpoint,
  counted,
  registryCall,
  testRegistries,
} from '../../test/doubles/registries.js';
import { cachedRegistries } from './cached.js';
import { findAll } from './look-up.js';
import type { Registries } from './registry.js';

const ofService = NetworkServiceEndpoint.fromPartial({ networkServiceNames: ['s'] });

function fixture(t: Test, change: (registries: Registries) => Registries = (same) => same) {
  const store = testRegistries();
  const below = counted(change(store));
  const cached = cachedRegistries(below, { clock, log: silentLogger() });
  t.teardown(() => {
    cached[Symbol.dispose]();
    store[Symbol.dispose]();
  });
  const names = async (query = ofService): Promise<string> => {
    const found = await findAll(registryCall(), cached.endpoints, query);
    await settle();
    return found.map(({ name }) => name).join('');
  };
  return { store, below, cached, names };
}

t.test('a repeated Find asks nobody, and changes arrive', async (t) => {
  const { store, below, names } = fixture(t);
  await addEndpoint(store, 'a', ['s']);
  t.equal(await names(), 'a');
  t.equal(await names(), 'a');
  const finds = below.finds;
  t.equal(await names(), 'a');
  await addEndpoint(store, 'b', ['s']);
  await settle();
  t.equal(await names(), 'ab');
  await store.endpoints.unregister(
    registryCall(),
    NetworkServiceEndpoint.fromPartial({ name: 'a' }),
  );
  await settle();
  t.equal(await names(), 'b');
  t.equal(below.finds, finds);
});

t.test('that there is nothing is always asked', async (t) => {
  const { store, below, names } = fixture(t);
  for (let n = 0; n < 3; n++) t.equal(await names(), '');
  t.equal(below.finds, 4, 'three times, and a watch');
  await addEndpoint(store, 'a', ['s']);
  t.equal(await names(), 'a');
});

t.test('a watch that breaks is not trusted any more', async (t) => {
  let cut = new AbortController();
  const { store, below, names } = fixture(t, ({ services, endpoints }) => ({
    services,
    endpoints: {
      ...endpoints,
      find(call, query, watch) {
        const signal = AbortSignal.any([call.signal, cut.signal]);
        return endpoints.find({ ...call, signal }, query, watch);
      },
    },
  }));
  await addEndpoint(store, 'a', ['s']);
  for (let n = 0; n < 3; n++) await names();
  const before = cut;
  cut = new AbortController();
  before.abort(new WireError(status.UNAVAILABLE, 'gone'));
  await settle();
  await addEndpoint(store, 'b', ['s']);
  t.equal(await names(), 'ab');
  await names();
  const finds = below.finds;
  t.equal(await names(), 'ab');
  t.equal(below.finds, finds, 'and then the new one is trusted');
});

t.test('questions of other kinds, and watches, are passed on', async (t) => {
  const { store, below, names, cached } = fixture(t);
  await addEndpoint(store, 'a', ['s', 'u']);
  const url = NetworkServiceEndpoint.fromPartial({ networkServiceNames: ['s'], url: '/a' });
  const two = NetworkServiceEndpoint.fromPartial({ networkServiceNames: ['s', 'u'] });
  for (const query of [url, two, NetworkServiceEndpoint.create()]) {
    for (let n = 0; n < 3; n++) t.equal(await names(query), 'a');
  }
  t.equal(below.finds, 9);
  for await (const { entry } of cached.endpoints.find(registryCall(), ofService, true)) {
    t.equal(entry.name, 'a');
    break;
  }
  t.equal(below.finds, 10);
});

t.test('no more than 128 things are watched', async (t) => {
  const { store, names, cached } = fixture(t);
  const signals: AbortSignal[] = [];
  const endpoints = store.endpoints;
  const watched = cachedRegistries(
    {
      ...store,
      endpoints: {
        ...endpoints,
        find(call, query, watch) {
          if (watch) signals.push(call.signal);
          return endpoints.find(call, query, watch);
        },
      },
    },
    { clock, log: silentLogger() },
  );
  for (let n = 0; n < 130; n++) {
    const query = NetworkServiceEndpoint.fromPartial({ name: `e${String(n)}` });
    await findAll(registryCall(), watched.endpoints, query);
  }
  t.equal(signals.filter(({ aborted }) => aborted).length, 2);
  watched[Symbol.dispose]();
  t.ok(signals.every(({ aborted }) => aborted));
  cached[Symbol.dispose]();
  t.equal(await names(), '');
});
