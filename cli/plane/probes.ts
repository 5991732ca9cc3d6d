// SPDX-License-Identifier: Apache-2.0
/** What the maps say of a strand's probes: counters since it was made, and how long ago the last ones were. */
import * as layout from '../../bpf/loader/layout.js';
import { probeBytes } from '../../forwarder/quality/strand-meters.js';
import { index, type Maps } from './maps.js';
import type { PlaneProbes } from './types.js';

/** See the head of this file. `nowNs` is of CLOCK_MONOTONIC. */
export function probesAt(
  maps: Maps,
  id: number,
  { silent, avoid, family }: Pick<layout.Strand, 'silent' | 'avoid' | 'family'>,
  nowNs = process.hrtime.bigint(),
): PlaneProbes {
  const wish = layout.probe.decode(valueAt(maps, 'probes', id, layout.probe.size));
  const found = layout.quality.decode(valueAt(maps, 'quality', id, layout.quality.size));
  const ago = (ns: bigint): number | null =>
    ns === 0n ? null : Math.max(0, Math.round(Number(nowNs - ns) / 1e6));
  const answered = found.answered_ns !== 0n;
  return {
    silent: silent !== 0,
    avoid,
    intervalMs: wish.interval_us / 1000,
    bytes: probeBytes(family === 6 ? 6 : 4, wish.size || undefined),
    rttMs: answered ? found.srtt_ns / 1e6 : null,
    sentAgoMs: ago(found.sent_ns),
    answeredAgoMs: ago(found.answered_ns),
    heardAgoMs: ago(found.heard_ns),
    changedAgoMs: ago(found.changed_ns),
    sent: Number(found.sent),
    failed: Number(found.failed),
    judged: Number(found.judged),
    lost: Number(found.lost),
    late: Number(found.late),
    received: Number(found.received),
    reflected: Number(found.reflected),
    lostOut: Number(found.lost_out),
    lostBack: Number(found.lost_back),
    forged: Number(found.forged),
    silences: found.silences,
    rttSumMs: Number(found.rtt_sum_ns) / 1e6,
    jitterSumMs: Number(found.jitter_sum_ns) / 1e6,
  };
}

function valueAt(maps: Maps, map: string, id: number, size: number): Buffer {
  return maps.map(map).lookup(index(id)) ?? Buffer.alloc(size);
}
