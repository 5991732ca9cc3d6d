// SPDX-License-Identifier: Apache-2.0
/** Strands that are avoided, that are silent, and that are well again: who leaves, who stays, who returns. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { downReasons, sessionFlags, sliceBits, stays } from '../../bpf/loader/layout.js';
import { hear } from './hearing.js';
import { ip, protocols, udp, type Tuple } from './packets.js';
import { oneClass, TestPlane, type Tables } from './plane.js';

const ends = {
  4: { source: '172.16.0.2', destination: '10.60.0.9' },
  6: { source: 'fd00::2', destination: 'fd60::9' },
} as const;
const flowOf = (sourcePort: number, family: 4 | 6 = 4): Tuple => ({
  ...ends[family],
  protocol: protocols.udp,
  sourcePort,
  destinationPort: 53,
});
const packet = (flow: Tuple, dscp = 0) =>
  ip({ ...flow, dscp }, udp(flow.sourcePort ?? 0, 53, Buffer.alloc(100)));

/** Three strands, the last of them the last resort, of SLA 3. */
const fallback: Tables = { ...oneClass([1], [2], [3]), soft: 2, sla: 3 };
const ours = 1 << 3;
const theirs = 1 << 4;
const everybody = 1;

function ready(t: Parameters<typeof TestPlane.open>[0], tables: Tables = fallback): TestPlane {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  for (const id of [1, 2, 3]) plane.setStrand(id);
  plane.apply(tables);
  return plane;
}

/** Where a packet of the flow goes. */
function sent(plane: TestPlane, flow: Tuple, dscp = 0): number {
  if (plane.send(packet(flow, dscp)) !== 'redirect') return 0;
  return plane.known(flow).strand;
}

/** The one of these many slices of time that it is now. */
function sliceNow(together = 1): number {
  return Math.floor(
    Number((process.hrtime.bigint() >> BigInt(sliceBits)) & 0xffffffffn) / together,
  );
}

/** Begin anew at the start of so many slices, so that what follows is within them. */
async function sliceBegins(together = 1): Promise<void> {
  const now = sliceNow(together);
  while (sliceNow(together) === now) await sleep(1);
  // The programs' clock ticks every few milliseconds.
  await sleep(15);
}

/** Until a session that is away looks around again. */
const awaySlices = 8;

for (const family of [4, 6] as const) {
  t.test(`IPv${String(family)}: left at the next packet, by those who heed it`, (t) => {
    const flow = flowOf(1, family);
    const plane = ready(t);
    t.equal(sent(plane, flow), 1);
    t.match(plane.known(flow), { sla: 3, home: 1, slice: 0, moves: 0 });
    plane.setAvoid(1, theirs);
    t.equal(sent(plane, flow), 1, 'another SLA than its own');
    t.equal(sent(plane, flowOf(2, family)), 1);
    for (const bit of [ours, everybody]) {
      plane.setAvoid(1, bit | theirs);
      t.equal(sent(plane, flow), 2);
      t.equal(sent(plane, flowOf(10 + bit, family)), 2, 'and a new one does not come');
      t.match(plane.known(flowOf(10 + bit, family)), { home: 1, moves: 0 }, 'but is at home there');
      plane.setAvoid(1, 0);
      t.equal(sent(plane, flow), 1, 'home again');
      t.equal(sent(plane, flowOf(10 + bit, family)), 1);
    }
    t.match(plane.known(flow), { moves: 4, generation: 1, tx_packets: 6n });
    t.same(plane.drops(), {});
    t.end();
  });
}

t.test('the last resort is for what cannot be used, not for what is avoided', (t) => {
  const plane = ready(t);
  const [flow, second] = [flowOf(1), flowOf(2)];
  sent(plane, flow);
  plane.setAvoid(1, ours);
  plane.setAvoid(2, everybody);
  t.equal(sent(plane, flow), 1, 'it stays');
  t.equal(sent(plane, second), 1, 'and others begin where they would');
  plane.setDown(1, downReasons.carrier);
  t.equal(sent(plane, flow), 2);
  plane.setSilent(2, true);
  t.equal(sent(plane, flow), 3);
  t.equal(sent(plane, flowOf(3)), 3);
  plane.setSilent(3, true);
  t.equal(sent(plane, flow), 0);
  t.same(plane.drops(), { 'no-strand': 1 });
  t.end();
});

t.test('where nothing says how many levels are soft, all are', (t) => {
  const plane = ready(t, oneClass([1], [2], [3]));
  sent(plane, flowOf(1));
  plane.setAvoid(1, everybody);
  plane.setAvoid(2, everybody);
  t.equal(sent(plane, flowOf(1)), 3);
  t.match(plane.known(flowOf(1)), { sla: 0 });
  plane.setAvoid(3, ours);
  t.equal(sent(plane, flowOf(1)), 3, 'it has no SLA');
  t.end();
});

t.test('with nothing better a session stays where it is, and seldom looks', async (t) => {
  const plane = ready(t);
  const flow = flowOf(1);
  sent(plane, flow);
  let [began, looked, first, second] = [0, 0, 0, 0];
  // Once more where this machine was busy elsewhere for the rest of the slice.
  do {
    plane.setAvoid(2, 0);
    plane.setAvoid(1, everybody);
    t.equal(sent(plane, flow), 2);
    plane.setAvoid(2, ours);
    await sliceBegins();
    began = sliceNow();
    first = sent(plane, flow);
    looked = plane.known(flow).slice;
    plane.setAvoid(1, 0);
    second = sent(plane, flow);
  } while (sliceNow() !== began);
  t.equal(first, 2, 'not back to where it began');
  t.equal(looked, began);
  t.equal(second, 2, 'it has just looked');
  const { moves } = plane.known(flow);
  await sleep(150);
  t.equal(sent(plane, flow), 1);
  t.match(plane.known(flow), { moves: moves + 1 });
});

t.test('what follows a peer or a pin stays', (t) => {
  const plane = ready(t);
  const [pinned, learned] = [flowOf(1), flowOf(2)];
  plane.pin(pinned, 2);
  for (const one of [pinned, learned]) sent(plane, one);
  t.match(plane.known(pinned), { sla: stays, home: 2, strand: 2 });
  plane.setSession(learned, { flags: sessionFlags.learned, sla: stays });
  for (const id of [1, 2]) plane.setAvoid(id, everybody | ours);
  t.same([sent(plane, pinned), sent(plane, learned)], [2, 1]);
  plane.setSilent(2, true);
  plane.setSilent(1, true);
  t.same([sent(plane, pinned), sent(plane, learned)], [3, 3], 'but for what cannot be used');
  t.match(plane.known(learned), { flags: 0, sla: 3, home: 1 });
  plane.setSilent(2, false);
  t.equal(sent(plane, pinned), 2);
  t.end();
});

t.test('home as fast as the strand lets them, new ones at once', async (t) => {
  const plane = ready(t);
  const flows = Array.from({ length: 60 }, (_, n) => flowOf(1000 + n));
  plane.setReturnRate(1, 100);
  plane.setSilent(1, true);
  for (const flow of flows) sent(plane, flow);
  plane.setSilent(1, false);
  const start = performance.now();
  t.equal(sent(plane, flowOf(1)), 1, 'a new one');
  const home = () => flows.filter((flow) => sent(plane, flow) === 1).length;
  // Of the time between two looks no more is made up for: what a busy machine does not ask for is gone.
  let [counted, before] = [0, start];
  for (let count = home(); count < 60; count = home()) {
    const now = performance.now();
    counted += Math.min((now - before) / 1000, 1 / 16);
    before = now;
    const seconds = (now - start) / 1000;
    // What may be made up for is 1/16 s; one more for the first, and what a tick of the
    // programs' clock, of 10 ms at the most, is ahead.
    t.ok(count <= seconds * 100 + 100 / 16 + 2, `${String(count)} after ${seconds.toFixed(3)} s`);
    await sleep(10);
  }
  const seconds = (performance.now() - start) / 1000;
  t.ok(seconds > 0.5, `all after ${seconds.toFixed(3)} s`);
  t.ok(counted < 1.2, `${counted.toFixed(3)} s of it count`);
  t.ok(flows.every((flow) => plane.known(flow).moves === 1));
});

t.test('not home while that is avoided; and without a limit at once', (t) => {
  const plane = ready(t);
  const flows = Array.from({ length: 60 }, (_, n) => flowOf(1000 + n));
  plane.setSilent(1, true);
  for (const flow of flows) sent(plane, flow);
  plane.setSilent(1, false);
  plane.setAvoid(1, everybody);
  t.ok(flows.every((flow) => sent(plane, flow) === 2));
  plane.setAvoid(1, theirs);
  t.ok(flows.every((flow) => sent(plane, flow) === 1));
  t.end();
});

t.test('away from home, a session looks for something better now and then', async (t) => {
  const plane = ready(t);
  const flow = flowOf(1);
  sent(plane, flow);
  plane.setSilent(1, true);
  plane.setSilent(2, true);
  t.equal(sent(plane, flow), 3);
  t.equal(sent(plane, flow), 3);
  plane.setSilent(2, false);
  plane.holdReturns(2);
  await sliceBegins(awaySlices);
  t.equal(sent(plane, flow), 3, 'no token');
  plane.setReturnRate(2, 0);
  t.equal(sent(plane, flow), 3, 'it has just looked');
  await sleep(1200);
  t.equal(sent(plane, flow), 2, 'the last resort is left when its need is over');
  t.match(plane.known(flow), { moves: 2, home: 1 });
  plane.setSilent(1, false);
  t.equal(sent(plane, flow), 1);
});

t.test('it is told where a session went', async (t) => {
  const plane = ready(t);
  const heard = hear(t, plane);
  const flow = flowOf(1);
  sent(plane, flow);
  plane.setAvoid(1, ours);
  sent(plane, flow);
  plane.setAvoid(1, 0);
  sent(plane, flow);
  const told = (await heard.next(3)).map(({ kind, from, strand }) => [kind, from, strand]);
  t.same(told, [
    [1, 0, 1],
    [2, 1, 2],
    [2, 2, 1],
  ]);
});
