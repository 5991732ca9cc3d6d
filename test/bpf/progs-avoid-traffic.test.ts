// SPDX-License-Identifier: Apache-2.0
/** A session under way leaves what is avoided or silent and comes home, on both nodes, and loses no packet. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { sessionFlags } from '../../bpf/loader/layout.js';
import { inner, twoNodes, type Side } from './two-nodes.js';

for (const family of [4, 6] as const) {
  t.test(`over IPv${String(family)}`, async (t) => {
    const { edge, cloud } = await twoNodes(t, family);
    const on = ({ plane }: Side) =>
      plane
        .sessions(4)
        .map(([, session]) => session)
        .find(({ tx_packets, rx_packets }) => tx_packets > 0n && rx_packets > 0n);
    const become = async (wanted: readonly [number, number], why: string): Promise<void> => {
      const now = () => [on(edge)?.strand, on(cloud)?.strand];
      for (let tries = 0; tries < 2_000 && now().join() !== wanted.join(); tries++) await sleep(10);
      t.same(now(), wanted, why);
    };
    const pings = edge.user.sh(`ping -i0.02 -c400 -W2 ${inner[4].server} || true`);
    await become([1, 1], 'at home');
    edge.plane.setAvoid(1, 1);
    await become([2, 2], 'the one leaves, the other follows');
    edge.plane.setAvoid(1, 0);
    await become([1, 1], 'and home again');
    edge.plane.setSilent(1, true);
    await become([2, 2], 'nothing is answered');
    edge.plane.setSilent(1, false);
    await become([1, 1], 'it is');
    cloud.plane.setSilent(1, true);
    await become([1, 2], 'each side by what it hears itself');
    cloud.plane.setSilent(1, false);
    await become([1, 1], 'and it follows again');
    cloud.plane.setAvoid(1, 1);
    await sleep(100);
    await become([1, 1], 'what it would avoid itself does not count for who follows');
    const text = await pings;
    t.match(text, / 0% packet loss/);
    t.match(on(edge), { moves: 4, home: 1, flags: 0 });
    t.match(on(cloud), { moves: 6, home: 1, flags: sessionFlags.learned });
  });
}
