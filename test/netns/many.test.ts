// SPDX-License-Identifier: Apache-2.0
/** A thousand wires at once, and nothing left of them. */
import t from 'tap';
import { leakedNetns } from '../../bpf/netns/netns.js';
import { descriptors, sandbox } from './sandbox.js';
import { wiring, wishFor } from './wiring.js';

const count = 1000;

t.test('a thousand at once, deleted at once', async (t) => {
  const [client, endpoint, bench] = await Promise.all([sandbox(t), sandbox(t), wiring(t)]);
  const before = descriptors();
  const wishes = await Promise.all(
    Array.from({ length: count }, (_, n) => {
      const [high, low] = [n >> 8, n & 255].map(String);
      return wishFor(bench, client, endpoint, {
        id: `wire-${String(n)}`,
        name: `c-${String(n)}`,
        endpointName: `e-${String(n)}`,
        src: [`10.1.${String(high)}.${String(low)}/32`],
        dst: [`10.2.${String(high)}.${String(low)}/32`],
      });
    }),
  );
  await Promise.all(wishes.map((wish) => bench.wires.realise(wish)));
  t.equal(bench.wires.size, count);
  t.equal(descriptors(), before, 'no descriptor is kept for a wire');
  const up = await client.ip('link', 'show', 'up', 'type', 'veth');
  t.equal(up.length, count);
  t.equal((await endpoint.ip('route', 'show', 'proto', '87')).length, count);

  await Promise.all(wishes.map(({ id }) => bench.wires.remove(id)));
  t.equal(bench.wires.size, 0);
  for (const one of [client, endpoint]) {
    t.equal((await one.ip('link')).length, 1, 'lo alone');
    t.same(await one.ip('route'), []);
    t.same(await one.ip('neighbour'), []);
  }
  t.equal(descriptors(), before);
  t.equal(leakedNetns(), 0);
});

t.test('wires between as many namespaces as there are ends', async (t) => {
  const bench = await wiring(t);
  const pairs = await Promise.all(
    Array.from({ length: 12 }, async (_, n) => {
      const [client, endpoint] = await Promise.all([sandbox(t), sandbox(t)]);
      return { client, endpoint, id: `wire-${String(n)}` };
    }),
  );
  await Promise.all(
    pairs.map(async ({ client, endpoint, id }) =>
      bench.wires.realise(await wishFor(bench, client, endpoint, { id })),
    ),
  );
  t.equal(bench.deaths.size, 24);
  await Promise.all(pairs.map(({ id }) => bench.wires.remove(id)));
  for (const { client, endpoint } of pairs) {
    t.equal((await client.ip('link')).length + (await endpoint.ip('link')).length, 2, 'lo alone');
  }
});

t.test('deleting twice, and what was never there, are deleted', async (t) => {
  const [client, endpoint, bench] = await Promise.all([sandbox(t), sandbox(t), wiring(t)]);
  const wish = await wishFor(bench, client, endpoint);
  await bench.wires.realise(wish);
  const { place, name } = wish.client;
  const end = { place, name, alias: wish.client.wanted.alias };
  await client.ip('link', 'add', 'other', 'type', 'veth', 'peer', 'name', 'other-2');
  await Promise.all([
    bench.reaper.delete([end]),
    bench.reaper.delete([end]),
    bench.reaper.delete([{ ...end, name: 'other' }]),
    bench.reaper.delete([{ ...end, name: 'never' }]),
    bench.reaper.delete([]),
  ]);
  t.same((await client.ip('link')).map(({ ifname }) => ifname).sort(), ['lo', 'other', 'other-2']);
});
