// SPDX-License-Identifier: Apache-2.0
/** What `wanwire links` prints of a known plane, with a forwarder's answer and without. */
import t from 'tap';
import * as layout from '../../bpf/loader/layout.js';
import type { QualityAnswer, QualityStrand } from '../../forwarder/operator/quality-answer.js';
import { noUsage } from '../../forwarder/quality/usage.js';
import { memoryMaps } from '../../test/doubles/memory-maps.js';
import { fillPlane, u32 } from '../../test/doubles/plane-fixture.js';
import { measuredBetween } from './measured.js';
import { strandQualities, type QualityReading } from './quality.js';
import { qualityJson, qualityLines } from './quality-view.js';
import { readPlane } from './read.js';

const plain = { bold: String, dim: String, red: String, green: String, yellow: String };
const wallMs = new Date(2026, 10, 21, 9, 14, 2).getTime();

/** Strand 1 answers in 20.1 ms, strand 3 is silent and was answered, of the others nothing is known. */
function filled(changes: { readonly sent?: bigint; readonly avoid?: number } = {}) {
  const maps = memoryMaps();
  fillPlane(maps.map);
  const now = process.hrtime.bigint();
  const { sent = 100n, avoid = 0 } = changes;
  const probe = layout.probe.encode({ interval_us: 20_000, size: 44 });
  for (const id of [1, 3]) maps.map('probes').update(u32(id), probe);
  const lost = (sent - 100n) / 10n;
  maps.map('quality').update(
    u32(1),
    layout.quality.encode({
      ...{ sent, judged: sent, lost, received: sent - lost, reflected: sent, srtt_ns: 20_100_000 },
      ...{ sent_ns: now, answered_ns: now, lost_out: lost, rtt_sum_ns: sent * 20_100_000n },
      jitter_sum_ns: (sent - lost) * 1_500_000n,
    }),
  );
  maps.map('quality').update(
    u32(3),
    layout.quality.encode({
      ...{ sent: 100n, judged: 100n, srtt_ns: 35_000_000, received: 90n },
      ...{ sent_ns: now, answered_ns: now - 12_000_000_000n, changed_ns: now - 11_800_000_000n },
    }),
  );
  const word = (id: number, value: Partial<layout.Strand>): void => {
    const strand = layout.strand.decode(maps.map('strands').lookup(u32(id)) ?? Buffer.alloc(64));
    maps.map('strands').update(u32(id), layout.strand.encode({ ...strand, ...value }));
  };
  word(1, { avoid });
  word(3, { silent: 1, avoid: 1 });
  return maps;
}

function reading(
  maps = filled(),
  answer?: QualityAnswer,
  more: Partial<QualityReading> = {},
): QualityReading {
  return {
    reading: readPlane(maps),
    atMs: 1_000,
    wallMs,
    answer,
    reason: answer === undefined ? 'it does not answer' : null,
    prober: { running: true, pid: 7 },
    classes: new Map([[2, ['default/voice']]]),
    usage: noUsage(),
    site: undefined,
    ...more,
  };
}

const unknown: Omit<QualityStrand, 'id' | 'name'> = {
  link: 'fibre',
  peer: 'cloud-forwarder',
  state: 'up',
  since: wallMs - 60_000,
  why: '',
  rttMs: null,
  jitterMs: null,
  lossPercent: null,
  lossOutPercent: null,
  lossBackPercent: null,
  tcp: null,
  breaks: [],
  avoidedBy: [],
  heldUntil: null,
  intervalMs: 20,
  mtu: 1450,
  deviceMtu: 1450,
  mtuProbed: true,
  largeIntervalMs: 0,
};
const months = { month: '2026-11', txBytes: 1e9, rxBytes: 2e8 };
const answered: QualityAnswer = {
  at: wallMs,
  prober: { running: true, pid: 7 },
  slas: [{ number: 2, rttMs: 80, jitterMs: null, lossPercent: 1, classes: ['default/voice'] }],
  links: [
    { name: 'fibre', profile: 'fixed', metered: false, rateMbps: 1, capBytes: null, ...months },
    { name: 'lte', profile: 'lte', metered: true, rateMbps: 30, capBytes: 5e10, ...months },
  ],
  strands: [
    { ...unknown, id: 1, name: 'fibre-cloud/wan0', rttMs: 20.14, jitterMs: 0.3, lossPercent: 0 },
    {
      ...{ ...unknown, id: 3, name: 'lte-cloud/wan0', link: 'lte', state: 'degraded', rttMs: 91 },
      ...{ jitterMs: 4, lossPercent: 8.24, lossOutPercent: 8.1, lossBackPercent: 0.05 },
      ...{ why: 'loss 8.2 % of 170 probes, SLA 1 %', breaks: [2], avoidedBy: [2] },
      tcp: { segments: 410, resentPercent: 7.86, rttMs: 95, rttMinMs: 91.2 },
      largeIntervalMs: 5_000,
    },
  ],
};

t.test('while the forwarder runs: its words, and a strand that it does not know yet', (t) => {
  const lines = qualityLines(plain, reading(filled(), answered));
  t.strictSame(lines, [
    'LINK   CLASS        NETWORK   DEVICE  STATE     STRANDS      RTT  JITTER   LOSS    OUT    BACK       TX     RX         RATE                THIS MONTH  PROBES A DAY',
    'fibre  low-latency  internet  wan0    up        1/1      20.1 ms  0.3 ms    0 %      -       -  1.50 kB   70 B  1.00 Mbit/s                   1.20 GB       1.24 GB',
    'lte    best-effort  internet  wan1    degraded  0/2      91.0 ms  4.0 ms  8.2 %  8.1 %  0.05 %  6.00 kB  140 B  30.0 Mbit/s  1.20 GB of 50.0 GB (2 %)        675 MB',
    'spare  bulk         internet  wan2    unused    0/0            -       -      -      -       -      0 B    0 B            -                       0 B           0 B',
    '',
    'STRAND            PEER             STATE     SINCE         RTT  JITTER   LOSS    OUT    BACK   MTU       TX    RX  PROBES A DAY  WHY',
    'fibre-cloud/wan0  cloud-forwarder  up        09:13:02  20.1 ms  0.3 ms    0 %      -       -  1450  1.50 kB  70 B       1.24 GB  -',
    'lte-cloud/wan0    cloud-forwarder  degraded  09:13:02  91.0 ms  4.0 ms  8.2 %  8.1 %  0.05 %  1450  3.50 kB  70 B        675 MB  loss 8.2 % of 170 probes, SLA 1 %; TCP: 7.9 % of 410 sent again, 91.2 ms at least',
    'lte-cloud/wan1    cloud-forwarder  down      -               -       -      -      -       -  1450  2.50 kB  70 B           0 B  carrier, operator, not judged yet',
    '',
    'SLA OF         AT MOST              BROKEN BY       KEPT FROM',
    'default/voice  rtt 80 ms, loss 1 %  lte-cloud/wan0  lte-cloud/wan0',
  ]);
  t.end();
});

t.test('without a forwarder: what stands in the maps', (t) => {
  const lines = qualityLines(plain, reading(filled({ avoid: 4 }))).map((line) =>
    line.replace(/ +/g, ' '),
  );
  t.equal(lines[0], 'no forwarder, so this is what the maps say: it does not answer');
  t.match(lines.slice(6, 11), [
    '',
    /^STRAND PEER STATE SINCE/,
    /^fibre-cloud\/wan0 cloud-forwarder up - 20\.1 ms - - - - 1450 .* no forwarder$/,
    /^lte-cloud\/wan0 cloud-forwarder down 09:13:50 35\.0 ms .* no answer for 12\.0 s, no forwarder$/,
    /^lte-cloud\/wan1 cloud-forwarder down - - .* carrier, operator, no forwarder$/,
  ]);
  t.strictSame(lines.slice(-2), [
    'SLA OF AT MOST BROKEN BY KEPT FROM',
    'default/voice - - fibre-cloud/wan0',
  ]);
  const held = filled({ avoid: 1 });
  const { state, why, keptFrom } =
    strandQualities(reading(held, undefined, { prober: { running: false, pid: null } })).get(
      'fibre-cloud/wan0',
    ) ?? {};
  t.strictSame(
    { state, why, keptFrom },
    {
      state: 'held',
      why: 'held back when last judged, no forwarder, no prober',
      keptFrom: ['everybody'],
    },
  );
  t.end();
});

t.test(
  'without a forwarder, between two reads: round trip, jitter and loss as they are now',
  (t) => {
    const before = reading(filled());
    const now = reading(filled({ sent: 300n }), undefined, { atMs: 2_000 });
    const { rttMs, jitterMs, lossPercent, lossOutPercent, lossBackPercent } =
      strandQualities(now, before).get('fibre-cloud/wan0') ?? {};
    t.strictSame(
      { lossPercent, lossOutPercent, lossBackPercent },
      {
        lossPercent: 10,
        lossOutPercent: 10,
        lossBackPercent: 0,
      },
    );
    t.equal(jitterMs, 1.5);
    t.ok((rttMs ?? 0) > 20, String(rttMs));
    const { probes } = now.reading.plane.strands[0] ?? {};
    const { probes: then } = before.reading.plane.strands[0] ?? {};
    if (probes === undefined || then === undefined) throw new Error('no strand');
    t.match(measuredBetween(then, probes), { rttMs: 20.1, jitterMs: null }, 'made anew');
    t.end();
  },
);

t.test('how much of the declared rate is used, and the prober that is away', (t) => {
  const prober = { running: false, pid: null };
  const before = reading(filled(), answered);
  const maps = filled();
  const value = { tx_packets: 121n, tx_bytes: 26_500n, rx_packets: 1n, rx_bytes: 70n };
  const stats = Buffer.concat([layout.stats.encode(value), Buffer.alloc(32)]);
  maps.map('strand_stats').update(u32(1), stats);
  const now = reading(maps, answered, { atMs: 2_000, prober });
  const lines = qualityLines(plain, now, before).map((line) => line.replace(/ +/g, ' '));
  t.match(lines[0], /^probes are not sent \(wanwire-prober does not run\)/);
  t.match(lines[2], / TX RX TX RATE RX RATE RATE USED THIS MONTH /);
  // 25,000 bytes in 110 packets of 50 more.
  t.match(lines[3], / 200 kbit\/s 0 bit\/s 1\.00 Mbit\/s 24\.4 % 1\.20 GB /);
  t.end();
});

t.test('the JSON has every field, also without a forwarder', (t) => {
  const json = (answer?: QualityAnswer) =>
    JSON.parse(JSON.stringify(qualityJson(reading(filled(), answer)))) as Record<string, unknown[]>;
  const [running, dead] = [json(answered), json()];
  t.strictSame(Object.keys(running), Object.keys(dead));
  t.match(running, { forwarder: { running: true, reason: null }, prober: { pid: 7 } });
  t.match(dead, { forwarder: { running: false, reason: 'it does not answer' } });
  for (const part of ['links', 'strands', 'slas'] as const) {
    const [now, then] = [running, dead].map((one) => one[part]?.[0] as Record<string, object>);
    t.strictSame(Object.keys(now ?? {}).toSorted(), Object.keys(then ?? {}).toSorted(), part);
    const qualities = [now, then].map((one) => Object.keys(one?.['quality'] ?? {}).toSorted());
    t.strictSame(qualities[0], qualities[1], part);
  }
  t.end();
});
