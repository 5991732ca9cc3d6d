// SPDX-License-Identifier: Apache-2.0
/** Hears what the programs of a test's plane tell of sessions. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { systemClock } from '../../api/chain/clock.js';
import * as layout from '../../bpf/loader/layout.js';
import { RingBuffer } from '../../bpf/loader/ring.js';
import type { TestPlane } from './plane.js';

/** What was heard. */
export interface Hearing {
  /** So many more, in order; waits for them. */
  readonly next: (count: number) => Promise<layout.Event[]>;
  /** All that were heard and not taken. */
  readonly left: readonly layout.Event[];
}

/** From now on, for as long as the test runs. */
export function hear(t: Test, plane: TestPlane): Hearing {
  const left: layout.Event[] = [];
  const { size } = layout.event;
  const ring = RingBuffer.open(join(plane.pins, 'events'), {
    recordSize: size,
    clock: systemClock,
    restMs: 1,
    onRecords: (records) => {
      for (let at = 0; at < records.length; at += size) {
        left.push(layout.event.decode(records.subarray(at, at + size)));
      }
    },
  });
  t.teardown(() => {
    ring[Symbol.dispose]();
  });
  plane.control('events', 1);
  ring.read();
  return {
    left,
    async next(count) {
      while (left.length < count) await sleep(1);
      return left.splice(0, count);
    },
  };
}
