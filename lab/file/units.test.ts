// SPDX-License-Identifier: Apache-2.0
/** Quantities as users write them. */
import t from 'tap';
import { delayMs, delayText, lossPercent, lossText, rateBits, rateText } from './units.js';

const cases: readonly (readonly [
  (text: string) => number | undefined,
  string,
  number | undefined,
])[] = [
  [delayMs, '80ms', 80],
  [delayMs, '0.5s', 500],
  [delayMs, '200us', 0.2],
  [delayMs, ' 5 MS ', 5],
  [delayMs, '0', 0],
  [delayMs, 'none', 0],
  [delayMs, '10s', 10_000],
  [delayMs, '10.001s', undefined],
  [delayMs, '80', undefined],
  [delayMs, '', undefined],
  [delayMs, '1e3ms', undefined],
  [delayMs, '5min', undefined],
  [delayMs, '5constructor', undefined],
  [lossPercent, '0.1%', 0.1],
  [lossPercent, '100%', 100],
  [lossPercent, '100.1%', undefined],
  [lossPercent, '5', undefined],
  [rateBits, '20mbit', 20e6],
  [rateBits, '1.5gbit', 1.5e9],
  [rateBits, '512kbit', 512e3],
  [rateBits, '8000bit', 8e3],
  [rateBits, '7999bit', undefined],
  [rateBits, '101gbit', undefined],
  [rateBits, '20mbps', undefined],
  [rateBits, 'none', 0],
];
for (const [parse, text, value] of cases) {
  t.equal(parse(text), value, `${parse.name} of ${JSON.stringify(text)}`);
}

for (const text of ['80ms', '1500ms', '200us', '0.5us', 'none']) {
  t.equal(delayText(delayMs(text) ?? -1), text);
}
for (const text of ['5%', '0.1%', 'none']) t.equal(lossText(lossPercent(text) ?? -1), text);
for (const text of ['20mbit', '1.5gbit', '512kbit', 'none']) {
  t.equal(rateText(rateBits(text) ?? -1), text);
}
