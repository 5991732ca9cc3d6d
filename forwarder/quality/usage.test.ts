// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { largePayload, meteredOf, metersOf, probeBytes, probeBytesADay } from './strand-meters.js';
import {
  addUsage,
  monthOf,
  noUsage,
  parseUsage,
  usedIn,
  type Counters,
  type Metered,
} from './usage.js';

const nothing: Counters = {
  txBytes: 0,
  rxBytes: 0,
  txOverhead: 0,
  rxOverhead: 0,
  txProbes: 0,
  rxProbes: 0,
};
const at = (text: string): number => Date.parse(`${text}Z`);
const strand = (id: number, link: string, counters: Partial<Counters>, identity = 'a'): Metered => {
  return { id, identity, link, counters: { ...nothing, ...counters } };
};
const noon = at('2026-11-21T12:00:00');

t.test('what counters have grown by, since the maps were made and since the last look', (t) => {
  const first = addUsage(noUsage(), noon, [strand(1, 'lte', { txBytes: 100, rxBytes: 10 })]);
  t.strictSame(usedIn(first, '2026-11', 'lte'), { txBytes: 100, rxBytes: 10 });
  const same = addUsage(first, noon, [strand(1, 'lte', { txBytes: 100, rxBytes: 10 })]);
  t.strictSame(same, first);
  const second = addUsage(same, noon + 1, [
    strand(1, 'lte', { txBytes: 150, rxBytes: 10, txOverhead: 3, txProbes: 4, rxProbes: 5 }),
    strand(2, 'lte', { rxOverhead: 1_000 }),
    strand(3, 'fibre', { txBytes: 7 }),
  ]);
  t.strictSame(usedIn(second, '2026-11', 'lte'), { txBytes: 157, rxBytes: 1_015 });
  t.strictSame(usedIn(second, '2026-11', 'fibre'), { txBytes: 7, rxBytes: 0 });
  t.strictSame(usedIn(second, '2026-10', 'lte'), { txBytes: 0, rxBytes: 0 });
  t.strictSame(usedIn(first, '2026-11', 'lte'), { txBytes: 100, rxBytes: 10 }, 'pure');
  t.end();
});

t.test('counters that begin anew', (t) => {
  const before = addUsage(noUsage(), noon, [strand(1, 'lte', { txBytes: 500, rxBytes: 500 })]);
  const made = addUsage(before, noon, [strand(1, 'lte', { txBytes: 30, rxBytes: 600 })]);
  t.strictSame(usedIn(made, '2026-11', 'lte'), { txBytes: 530, rxBytes: 600 }, 'each by itself');
  const other = addUsage(made, noon, [strand(1, 'fibre', { txBytes: 40, rxBytes: 900 }, 'b')]);
  t.strictSame(usedIn(other, '2026-11', 'fibre'), { txBytes: 40, rxBytes: 900 }, 'another strand');
  t.strictSame(usedIn(other, '2026-11', 'lte'), { txBytes: 530, rxBytes: 600 });
  t.end();
});

t.test('a strand that is away for a while is not counted twice', (t) => {
  const one = strand(1, 'lte', { txBytes: 500 });
  const away = addUsage(addUsage(noUsage(), noon, [one]), noon + 1, []);
  t.strictSame(usedIn(addUsage(away, noon + 2, [one]), '2026-11', 'lte').txBytes, 500);
  t.end();
});

t.test('the month is that of UTC, and a look over its end is shared by time', (t) => {
  t.equal(monthOf(at('2026-11-30T23:59:59.999')), '2026-11');
  t.equal(monthOf(at('2026-12-01T00:00:00')), '2026-12');
  const before = addUsage(noUsage(), at('2026-11-30T18:00:00'), [strand(1, 'lte', {})]);
  const after = addUsage(before, at('2026-12-01T02:00:00'), [strand(1, 'lte', { txBytes: 800 })]);
  t.equal(usedIn(after, '2026-11', 'lte').txBytes, 600);
  t.equal(usedIn(after, '2026-12', 'lte').txBytes, 200);
  const year = addUsage(after, at('2027-01-01T00:00:00'), [strand(1, 'lte', { txBytes: 900 })]);
  t.equal(usedIn(year, '2026-12', 'lte').txBytes, 300);
  t.equal(usedIn(year, '2027-01', 'lte').txBytes, 0);
  t.end();
});

t.test('a clock that went back', (t) => {
  const before = addUsage(noUsage(), at('2026-12-01T00:00:01'), [strand(1, 'lte', {})]);
  const back = addUsage(before, at('2026-11-30T23:00:00'), [strand(1, 'lte', { txBytes: 9 })]);
  t.equal(usedIn(back, '2026-11', 'lte').txBytes, 9);
  t.end();
});

t.test('thirteen months are kept', (t) => {
  let usage = noUsage();
  for (let month = 0; month < 20; month++) {
    usage = addUsage(usage, Date.UTC(2026, month, 10), [strand(1, 'lte', { txBytes: month })]);
  }
  t.strictSame(Object.keys(usage.months).at(0), '2027-08');
  t.strictSame(Object.keys(usage.months).at(-1), '2026-08');
  t.equal(Object.keys(usage.months).length, 13);
  t.end();
});

t.test('a file as it was written; what is none of ours is nothing', (t) => {
  const usage = addUsage(noUsage(), noon, [strand(1, 'lte', { txBytes: 5 })]);
  t.strictSame(parseUsage(JSON.stringify(usage)), usage);
  for (const text of ['', '{', 'null', '{"version":2}', '{"version":1,"atMs":"x"}']) {
    t.strictSame(parseUsage(text), noUsage());
  }
  t.end();
});

t.test('bytes as the line carries them', (t) => {
  const counted = { txPackets: 10, txBytes: 1_000, rxPackets: 2, rxBytes: 200 };
  const probes = { sent: 9, failed: 2, received: 6, reflected: 3 };
  t.strictSame(metersOf({ family: 4, ...counted, ...probes }), {
    txBytes: 1_000,
    rxBytes: 200,
    txOverhead: 500,
    rxOverhead: 100,
    txProbes: 10 * 72,
    rxProbes: 9 * 72,
  });
  t.match(metersOf({ family: 6, ...counted, ...probes }, 100), {
    txOverhead: 700,
    rxProbes: 9 * 148,
  });
  const large = { tx_bytes: 3_000n, rx_bytes: 1_500n, reflected_bytes: 1_428n };
  t.match(metersOf({ family: 4, ...counted, ...probes, large }), {
    txProbes: 10 * 72 + 3_000 + 1_428,
    rxProbes: 9 * 72 + 1_500 + 1_428,
  });
  t.equal(largePayload(1_450), 1_472, 'an IP packet of 1,500 bytes');
  const [local, remote] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
  const whole = { family: 4, ...counted, ...probes } as const;
  t.strictSame(meteredOf({ id: 7, link: 'lte', local, remote, counted: whole }), {
    id: 7,
    identity: `${'01'.repeat(16)}>${'02'.repeat(16)}`,
    link: 'lte',
    counters: metersOf(whole),
  });
  t.equal(probeBytesADay(probeBytes(4), 1_000), 86_400 * 2 * 72);
  t.equal(probeBytesADay(92, 0), 0);
  t.end();
});
