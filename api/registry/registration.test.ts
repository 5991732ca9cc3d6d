// SPDX-License-Identifier: Apache-2.0
/** An entry that is kept: refreshed in time, back after every loss, gone at the end. */
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { WireError } from '../errors/wire-error.js';
import { NetworkService, NetworkServiceEndpoint } from '../gen/registry.js';
import { silentLogger } from '../log/log.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { registryCall, testRegistries } from '../../test/doubles/registries.js';
import { findAll } from './look-up.js';
import { keepRegistered, type KeepOptions } from './registration.js';
import type { Registries } from './registry.js';

const endpoint = NetworkServiceEndpoint.fromPartial({ name: 'nse', url: 'unix:///run/nse.sock' });
const service = NetworkService.fromPartial({ name: 's' });

/** Registries that can be taken away, and count. */
function fixture(t: Test, change: Partial<KeepOptions> = {}) {
  const clock = new ManualClock();
  let store = testRegistries(clock);
  let broken: Error | undefined;
  const seen = { registers: 0, unregisters: 0 };
  let cut = new AbortController();
  const registries: Registries = {
    services: {
      register: (call, entry) => store.services.register(call, entry),
      unregister: (call, entry) => store.services.unregister(call, entry),
      find: (call, query, watch) => store.services.find(call, query, watch),
    },
    endpoints: {
      register(call, entry) {
        seen.registers++;
        return broken ? Promise.reject(broken) : store.endpoints.register(call, entry);
      },
      unregister(call, entry) {
        seen.unregisters++;
        return store.endpoints.unregister(call, entry);
      },
      find(call, query, watch) {
        const signal = AbortSignal.any([call.signal, cut.signal]);
        return store.endpoints.find({ ...call, signal }, query, watch);
      },
    },
  };
  const registration = keepRegistered({
    registries,
    service,
    endpoint,
    clock,
    log: silentLogger(),
    ...change,
  });
  t.teardown(() => registration.close());
  const present = async (): Promise<boolean> =>
    (await findAll(registryCall(clock), store.endpoints, endpoint)).length === 1;
  return {
    clock,
    seen,
    registration,
    present,
    fail(reason?: Error) {
      broken = reason;
    },
    /** The registry forgets all and breaks its streams. */
    async restart() {
      store[Symbol.dispose]();
      store = testRegistries(clock);
      const before = cut;
      cut = new AbortController();
      before.abort(new WireError(status.UNAVAILABLE, 'gone'));
      await settle();
    },
    services: () => findAll(registryCall(clock), store.services, service),
    remove: () => store.endpoints.unregister(registryCall(clock), endpoint),
  };
}

t.test('it stays registered for as long as it is kept', async (t) => {
  const f = fixture(t);
  const entry = await f.registration.ready;
  t.match(entry, { name: 'nse', expirationTime: {} });
  t.equal((await f.services()).length, 1);
  await f.clock.advance(39_000);
  t.equal(f.seen.registers, 1);
  await f.clock.advance(2_000);
  t.equal(f.seen.registers, 2, 'again at two thirds of a minute');
  await f.clock.advance(600_000);
  t.ok(await f.present());
  t.ok(f.seen.registers > 10 && f.seen.registers < 20, String(f.seen.registers));
  await f.registration.close();
  t.notOk(await f.present());
  t.equal(f.clock.timers, 0);
});

t.test('it tries until it succeeds, ever more slowly', async (t) => {
  const clock = new ManualClock();
  let tries = 0;
  const store = testRegistries(clock);
  const endpoints = {
    ...store.endpoints,
    register: () => {
      tries++;
      return Promise.reject(new WireError(status.UNAVAILABLE, 'not yet'));
    },
  };
  const registries = { ...store, endpoints };
  const log = silentLogger();
  const registration = keepRegistered({ registries, endpoint, clock, log });
  await clock.advance(60_000);
  t.ok(tries >= 30 && tries <= 36, `${String(tries)} tries in a minute`);
  await registration.close();
  await t.rejects(registration.ready, { code: status.CANCELLED });
  t.equal(clock.timers, 0);
});

t.test('it is back at once after a deletion and after a restart of the registry', async (t) => {
  const f = fixture(t);
  await f.registration.ready;
  await f.clock.advance(5_000);
  await f.remove();
  await settle();
  await settle();
  t.ok(await f.present());
  await f.restart();
  await settle();
  t.ok(await f.present());
  t.equal((await f.services()).length, 1, 'the service, too');
  await f.clock.advance(50);
  await f.restart();
  t.notOk(await f.present(), 'a watch that broke young is not tried again at once');
  await f.clock.advance(200);
  t.ok(await f.present());
});

t.test('a refresh that fails is tried again before the entry expires', async (t) => {
  const f = fixture(t);
  await f.registration.ready;
  f.fail(new WireError(status.UNAVAILABLE, 'for a moment'));
  await f.clock.advance(45_000);
  t.ok(f.seen.registers > 2);
  f.fail();
  await f.clock.advance(30_000);
  t.ok(await f.present());
});

t.test('a malformed entry is not tried again', async (t) => {
  const f = fixture(t, { endpoint: { ...endpoint, url: 'x' } });
  await t.rejects(f.registration.ready, { code: status.INVALID_ARGUMENT, message: /^url: "x"/ });
  await f.clock.advance(60_000);
  t.equal(f.seen.registers, 1);
  t.equal(f.clock.timers, 0);
});

t.test('it can be left to expire', async (t) => {
  const f = fixture(t);
  await f.registration.ready;
  await f.registration.close({ unregister: false });
  t.equal(f.seen.unregisters, 0);
  t.ok(await f.present());
  await f.clock.advance(60_000);
  t.notOk(await f.present());
});

t.test('a signal ends it', async (t) => {
  const stop = new AbortController();
  const f = fixture(t, { signal: stop.signal });
  await f.registration.ready;
  stop.abort();
  await f.clock.advance(60_000);
  t.equal(f.seen.registers, 1);
  t.notOk(await f.present());
});
