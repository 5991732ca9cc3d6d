// SPDX-License-Identifier: Apache-2.0
/** A namespace that dies is told, and nothing of ours keeps it alive. */
import t from 'tap';
import { openPlace } from '../../forwarder/namespaces/namespaces.js';
import { sandbox } from './sandbox.js';
import { wiring, wishFor } from './wiring.js';

t.test('the death of either side is told once, by its inode', async (t) => {
  for (const which of ['client', 'endpoint'] as const) {
    const [client, endpoint, bench] = await Promise.all([sandbox(t), sandbox(t), wiring(t)]);
    const wish = await wishFor(bench, client, endpoint);
    await bench.wires.realise(wish);
    await bench.wires.realise(wish);
    t.equal(bench.deaths.size, 2);
    const died = { client, endpoint }[which];
    const told = bench.nextDeath();
    await died.remove();
    t.equal(await told, died.url);
    t.same(bench.wires.idsIn(died.url), ['wire-1']);
    t.equal(bench.deaths.size, 1);
    await bench.wires.remove('wire-1');
    t.equal(bench.wires.size, 0);
    t.same(bench.dead, [died.url]);
  }
});

t.test('a number is taken again by the next namespace', async (t) => {
  const bench = await wiring(t);
  for (let n = 0; n < 3; n++) {
    const one = await sandbox(t);
    const place = await bench.namespaces.find(`file://${one.path}`, 'f');
    {
      using netns = await openPlace(place);
      await bench.deaths.watch(netns, one.url);
    }
    const told = bench.nextDeath();
    await one.remove();
    t.equal(await told, one.url);
  }
});
