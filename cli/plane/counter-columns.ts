// SPDX-License-Identifier: Apache-2.0
/** The columns of counters and rates, the same in every table. */
import { bytesText, countText, rateText } from './figures.js';
import type { Column } from './lines.js';
import type { Counters, Rate } from './types.js';

/** Something that is counted. */
export interface Counted {
  readonly counters: Counters;
  /** Where there was an earlier read. */
  readonly rate?: Rate;
}

/** Packets and bytes both ways, and, where there was an earlier read, how fast. */
export function counterColumns<T extends Counted>(withRates: boolean): readonly Column<T>[] {
  const right = true;
  const counters: readonly Column<T>[] = [
    { title: 'TX PACKETS', right, text: ({ counters }) => countText(counters.txPackets) },
    { title: 'TX', right, text: ({ counters }) => bytesText(counters.txBytes) },
    { title: 'RX PACKETS', right, text: ({ counters }) => countText(counters.rxPackets) },
    { title: 'RX', right, text: ({ counters }) => bytesText(counters.rxBytes) },
  ];
  const rates: readonly Column<T>[] = [
    { title: 'TX RATE', right, text: ({ rate }) => rateText(rate?.txBitsPerSecond ?? 0) },
    { title: 'RX RATE', right, text: ({ rate }) => rateText(rate?.rxBitsPerSecond ?? 0) },
  ];
  return withRates ? [...counters, ...rates] : counters;
}
