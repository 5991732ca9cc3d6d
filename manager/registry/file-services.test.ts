// SPDX-License-Identifier: Apache-2.0
/** Network services that the site's files declare, beside those that endpoints register. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { developmentTokens } from '../../api/identity/development-tokens.js';
import { NetworkService } from '../../api/gen/registry.js';
import { findAll } from '../../api/registry/look-up.js';
import type { NetworkServiceDocument } from '../../api/site/types.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { addEndpoint, registryCall, testRegistries } from '../../test/doubles/registries.js';

const sip: NetworkServiceDocument = {
  name: 'wan',
  payload: 'IP',
  matches: [
    {
      sourceSelector: { app: 'sip' },
      routes: [{ destinationSelector: { class: 'low-latency' }, weight: 1 }],
      fallthrough: true,
    },
  ],
};

function scene() {
  const clock = new ManualClock();
  const registries = testRegistries(clock);
  const { services, declare } = registries;
  const call = registryCall(clock, { token: developmentTokens('nse', 600_000, clock).issue() });
  const register = (service: Partial<NetworkService>) =>
    services.register(call, NetworkService.fromPartial(service));
  const wan = async () => {
    const [found] = await findAll(call, services, NetworkService.fromPartial({ name: 'wan' }));
    return found;
  };
  return { clock, registries, call, declare, register, wan };
}

t.test('an endpoint that registers a declared service gets the file’s', async (t) => {
  const { declare, register, wan } = scene();
  await declare([sip]);
  const declared = await wan();
  t.match(declared, { payload: 'IP', matches: [{ sourceSelector: { app: 'sip' } }] });
  t.same(await register({ name: 'wan', payload: 'IP' }), declared);
  t.same(await register({ name: 'wan' }), declared);
  const refusals = [
    [{ name: 'wan', payload: 'ETHERNET' }, /declared by the site file, and has payload IP/],
    [{ name: 'wan', matches: [{ fallthrough: true }] as never }, /and has other matches/],
  ] as const;
  for (const [service, message] of refusals) {
    await t.rejects(register(service), { code: status.PERMISSION_DENIED, message });
  }
});

t.test('a file that comes later takes the service over', async (t) => {
  const { registries, call, declare, register, wan } = scene();
  await register({ name: 'wan' });
  await declare([sip]);
  t.equal((await wan())?.matches.length, 1);
  await t.rejects(
    registries.services.unregister(call, NetworkService.fromPartial({ name: 'wan' })),
    {
      code: status.PERMISSION_DENIED,
      message: /cannot be unregistered/,
    },
  );
});

t.test('what is no longer declared is gone, unless it is served', async (t) => {
  const { clock, registries, declare, register, wan } = scene();
  await declare([sip]);
  await declare([]);
  t.equal(await wan(), undefined);
  await declare([sip]);
  await addEndpoint(registries, 'gateway', ['wan'], {}, clock);
  await declare([]);
  t.match(await wan(), { payload: 'IP', matches: [] });
  await register({ name: 'wan' });
});

t.test('watchers hear of changes, and of nothing else', async (t) => {
  const { call, registries, declare } = scene();
  const abort = new AbortController();
  const watch = registries.services.find(
    { ...call, signal: abort.signal },
    NetworkService.create(),
    true,
  );
  const seen: number[] = [];
  const end = (async (): Promise<void> => {
    for await (const { entry, deleted } of watch) seen.push(deleted ? -1 : entry.matches.length);
  })();
  for (const documents of [[sip], [sip], [{ ...sip, matches: [] }], []]) {
    await declare(documents);
    await new Promise((resolve) => setImmediate(resolve));
  }
  abort.abort();
  await t.rejects(end);
  t.same(seen, [1, 0, -1]);
});
