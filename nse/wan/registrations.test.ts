// SPDX-License-Identifier: Apache-2.0
import t, { type Test } from 'tap';
import { silentLogger } from '../../api/log/log.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { registryCall, testRegistries } from '../../test/doubles/registries.js';
import { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { Registries } from '../../api/registry/registry.js';
import type { Plan } from './plan.js';
import { Registrations } from './registrations.js';

const url = 'unix:///run/endpoint.sock';
const entry = (name: string, service: string, link = 'fibre') => ({
  name,
  services: { [service]: { link } },
});

function stage(t: Test) {
  const clock = new ManualClock();
  const registries = testRegistries(clock);
  const inUse = new Set<string>();
  const registered: string[] = [];
  const counting: Registries = {
    services: registries.services,
    endpoints: {
      ...registries.endpoints,
      register: (call, one) => {
        registered.push(one.name);
        return registries.endpoints.register(call, one);
      },
    },
  };
  const log = silentLogger();
  const kept = new Registrations({ registries: counting, url, inUse: () => inUse, clock, log });
  t.teardown(async () => {
    await kept.close({ unregister: true });
    registries[Symbol.dispose]();
  });
  const apply = async (plan: Plan): Promise<void> => {
    await kept.apply(plan);
    await kept.ready();
  };
  const endpoints = async () => {
    const found: Record<string, unknown> = {};
    const query = NetworkServiceEndpoint.create();
    for await (const { entry: one } of registries.endpoints.find(registryCall(clock), query, false))
      found[one.name] = one.networkServiceNames;
    return found;
  };
  const services = async () => {
    const found: string[] = [];
    const query = NetworkService.create();
    for await (const { entry: one } of registries.services.find(registryCall(clock), query, false))
      found.push(one.name);
    return found.sort();
  };
  return { clock, kept, inUse, registered, apply, endpoints, services };
}

const both: Plan = { services: ['wan'], entries: [entry('a', 'wan'), entry('b', 'wan-bulk')] };

t.test('entries are as the plan says, and services that nobody else registers', async (t) => {
  const { apply, endpoints, services } = stage(t);
  await apply(both);
  t.strictSame(await endpoints(), { a: ['wan'], b: ['wan-bulk'] });
  t.strictSame(await services(), ['wan']);
});

t.test(
  'another plan: what is the same is left alone, the rest comes, goes or changes',
  async (t) => {
    const { apply, endpoints, registered } = stage(t);
    await apply(both);
    registered.length = 0;
    await apply({ ...both, entries: [entry('a', 'wan'), entry('c', 'wan-bulk')] });
    t.strictSame(await endpoints(), { a: ['wan'], c: ['wan-bulk'] });
    t.strictSame(registered, ['c']);
    registered.length = 0;
    await apply({ ...both, entries: [entry('a', 'wan', 'lte'), entry('c', 'wan-bulk')] });
    t.strictSame(registered, ['a'], 'other labels');
  },
);

t.test('an entry with wires stays while they do, and is chosen by nobody', async (t) => {
  const { apply, endpoints, inUse, kept } = stage(t);
  await apply(both);
  inUse.add('b');
  await apply({ ...both, entries: [entry('a', 'wan')] });
  t.strictSame(await endpoints(), { a: ['wan'], b: [] });
  kept.released();
  await kept.ready();
  t.strictSame(await endpoints(), { a: ['wan'], b: [] }, 'another wire has gone');
  inUse.clear();
  kept.released();
  await kept.ready();
  t.strictSame(await endpoints(), { a: ['wan'] });
});

t.test('one that is planned again is chosen again', async (t) => {
  const { apply, endpoints, inUse } = stage(t);
  inUse.add('b');
  await apply({ ...both, entries: [entry('a', 'wan')] });
  t.strictSame(await endpoints(), { a: ['wan'], b: [] }, 'wires of a former life');
  await apply(both);
  t.strictSame(await endpoints(), { a: ['wan'], b: ['wan-bulk'] });
});

t.test('entries are kept: a registry that forgot them gets them again', async (t) => {
  const { apply, clock, endpoints } = stage(t);
  await apply(both);
  await clock.advance(600_000);
  await settle();
  t.strictSame(Object.keys(await endpoints()).sort(), ['a', 'b'], 'an hour of expiries later');
});

t.test('closed with all its entries, or without', async (t) => {
  const { apply, endpoints, kept } = stage(t);
  await apply(both);
  await kept.close({ unregister: true });
  t.strictSame(await endpoints(), {});
  await kept.apply(both);
  t.strictSame(await endpoints(), {}, 'nothing comes after the end');
});
