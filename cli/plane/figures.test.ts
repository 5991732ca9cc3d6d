// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { noCounters, rateOf } from './counters.js';
import {
  bytesText,
  countOf,
  countText,
  momentText,
  msText,
  percentText,
  rateText,
  timeText,
} from './figures.js';
import { nearestFirst } from './nearest-first.js';
import { shortIds } from './short-ids.js';

const table = <T>(of: (value: T) => string, rows: readonly (readonly [T, string])[]) =>
  t.strictSame(
    rows.map(([value]) => of(value)),
    rows.map(([, text]) => text),
  );

table(bytesText, [
  [0, '0 B'],
  [-1, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [1234, '1.23 kB'],
  [9_994, '9.99 kB'],
  [9_995, '10.0 kB'],
  [9_996, '10.0 kB'],
  [12_345, '12.3 kB'],
  [123_456, '123 kB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [5e9, '5.00 GB'],
  [2 ** 53, '9.01 PB'],
  [1e21, '1000 EB'],
]);
table(rateText, [
  [0, '0 bit/s'],
  [12_300_000, '12.3 Mbit/s'],
  [100e9, '100 Gbit/s'],
]);
table(countText, [
  [0, '0'],
  [99_999, '99999'],
  [100_000, '100 k'],
  [1_234_567, '1.23 M'],
]);
t.same(
  [0, 1, 2].map((count) => countOf(count, 'wire')),
  ['0 wires', '1 wire', '2 wires'],
);
table(timeText, [
  [-5, '0.0 s'],
  [440, '0.4 s'],
  [9_949, '9.9 s'],
  [9_950, '9 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_599_999, '59 min'],
  [3_600_000, '1 h'],
  [86_400_000 * 9, '9 d'],
]);

table(msText, [
  [null, '-'],
  [0.04, '0.0 ms'],
  [20.14, '20.1 ms'],
  [99.94, '99.9 ms'],
  [99.96, '100 ms'],
  [604.4, '604 ms'],
]);
table(percentText, [
  [null, '-'],
  [0, '0 %'],
  [0.05, '0.05 %'],
  [0.996, '1.0 %'],
  [8.24, '8.2 %'],
  [99.96, '100 %'],
]);

t.test('a moment: the time of the day, and its date where that is another one', (t) => {
  const now = new Date(2026, 10, 21, 9, 14, 2).getTime();
  t.equal(momentText(now, now), '09:14:02');
  t.equal(momentText(now - 10 * 3_600_000, now), '2026-11-20 23:14:02');
  t.equal(momentText(null, now), '-');
  t.end();
});

t.test('rates', (t) => {
  const before = { txPackets: 10, txBytes: 1000, rxPackets: 5, rxBytes: 50 };
  const now = { txPackets: 15, txBytes: 3500, rxPackets: 5, rxBytes: 50 };
  t.strictSame(rateOf(now, before, 2_000), {
    txPacketsPerSecond: 3,
    txBitsPerSecond: 10_000,
    rxPacketsPerSecond: 0,
    rxBitsPerSecond: 0,
  });
  const idle = {
    txPacketsPerSecond: 0,
    txBitsPerSecond: 0,
    rxPacketsPerSecond: 0,
    rxBitsPerSecond: 0,
  };
  t.strictSame(rateOf(now, now, 1_000), idle);
  t.strictSame(rateOf(now, noCounters, 0), idle, 'no time has passed: no rate, and no infinity');
  t.match(
    rateOf(before, now, 1_000),
    { txBitsPerSecond: 8_000, rxBitsPerSecond: 400 },
    'counted anew',
  );
  t.match(rateOf(before, undefined, 1_000), { txBitsPerSecond: 8_000 }, 'new since');
  t.end();
});

t.test('ids of wires as short as can be told apart', (t) => {
  const short = shortIds(['3f2a9c1e-77aa', '3f2a9c1e-b0de', '11111111-0000']);
  t.equal(short('3f2a9c1e-b0de'), '3f2a9c1e-b');
  t.equal(shortIds(['only-one-wire-here'])('only-one-wire-here'), 'only-one');
  t.equal(shortIds([])('3f2a9c1e-b0de'), '3f2a9c1e-b0de');
  t.equal(shortIds(['a', 'a'])('a'), 'a');
  t.end();
});

t.test('known names, the likeliest first', (t) => {
  const names = ['lte-cloud/wan1', 'fibre-cloud/wan0', 'fibre-cloud/wan1'];
  t.equal(nearestFirst('fiber-cloud/wan0', names)[0], 'fibre-cloud/wan0');
  t.equal(nearestFirst('lte', names)[0], 'lte-cloud/wan1', 'a part of a name is near');
  const many = Array.from({ length: 30 }, (_, at) => `strand-${String(at)}`);
  const listed = nearestFirst('strand-7', many);
  t.equal(listed[0], 'strand-7');
  t.equal(listed.length, 11);
  t.equal(listed.at(-1), 'and 20 more');
  t.end();
});
