// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import {
  downReasons,
  evidence,
  quality,
  rttSliceBits,
  type Evidence,
  type Quality,
} from '../../bpf/loader/layout.js';
import { evidenceOf, measuresOf } from '../steering/strand-words.js';
import { Sampling, type SampledWords } from './sampling.js';

const second = 1_000_000_000n;

function wordsOf(found: Partial<Quality> = {}, told: Partial<Evidence> = {}) {
  const state = { silent: false, txPackets: 0, found: measuresOf(quality.encode(found)) };
  const words: SampledWords = {
    silent: () => state.silent,
    evidence: () => evidenceOf(evidence.encode(told)),
    measured: (id) => (id === 9 ? undefined : state.found),
    carried: () => ({ txBytes: 0, rxBytes: 0, rxPackets: 5, txPackets: state.txPackets }),
  };
  return { state, sampling: new Sampling(words) };
}

t.test('counters as they are, times as how long ago, in milliseconds', (t) => {
  const { sampling } = wordsOf({
    sent: 10n,
    judged: 9n,
    lost: 2n,
    rtt_sum_ns: 40_500_000n,
    srtt_ns: 20_250_000,
    sent_ns: 5n * second,
    answered_ns: 4n * second,
    heard_ns: 7n * second,
    silences: 3,
  });
  const strand = { id: 1, down: 0, metered: false };
  t.match(sampling.samples([strand], 6n * second), [
    {
      strand: 1,
      atMs: 6_000,
      hardDown: false,
      reasons: [],
      idle: false,
      ...{ sent: 10, judged: 9, lost: 2, rttSumMs: 40.5, srttMs: 20.25, silences: 3 },
      ...{ sentAgoMs: 1_000, answeredAgoMs: 2_000, heardAgoMs: 0 },
    },
  ]);
  t.end();
});

t.test('what never was is undefined, what is no strand has no sample', (t) => {
  const { sampling, state } = wordsOf();
  state.silent = true;
  const down = downReasons.carrier | downReasons.operator;
  const all = [1, 9].map((id) => ({ id, down, metered: false }));
  t.match(sampling.samples(all, second), [
    {
      ...{ silent: true, hardDown: true, reasons: ['carrier', 'operator'] },
      ...{ sentAgoMs: undefined, answeredAgoMs: undefined, heardAgoMs: undefined },
    },
  ]);
  t.equal(sampling.samples(all, second).length, 1);
  t.end();
});

t.test('a metered strand is idle when it has carried nothing for a minute', (t) => {
  const { sampling, state } = wordsOf();
  const idle = (atSeconds: bigint, metered = true) =>
    sampling.samples([{ id: 1, down: 0, metered }], atSeconds * second)[0]?.idle;
  t.equal(idle(1n), false, 'not known yet');
  t.equal(idle(60n), false);
  t.equal(idle(61n), true);
  t.equal(idle(61n, false), false, 'a flat one is never');
  state.txPackets++;
  t.equal(idle(62n), false);
  t.equal(idle(122n), true);
  sampling.samples([], 123n * second);
  t.equal(idle(124n), false, 'another strand with its number begins anew');
  t.end();
});

t.test('what TCP told, and its least round trip as long as it is of the last seconds', (t) => {
  const strand = { id: 1, down: 0, metered: false };
  const tcpAt = (told: Partial<Evidence>, slice: bigint) =>
    wordsOf({}, told).sampling.samples([strand], (slice << BigInt(rttSliceBits)) + 5n)[0]?.tcp;
  t.equal(tcpAt({ given_up: 3n }, 100n), undefined, 'nothing');
  const told = { acked: 90n, resent: 10n, rtt_sum_ns: 2_250_000_000n, slice: 100 };
  const sums = { acked: 90, resent: 10, rttSumMs: 2_250 };
  const least = { rtt_min_us: 24_000, rtt_min_before_us: 21_500 };
  t.strictSame(tcpAt({ ...told, ...least }, 100n), { ...sums, rttMinMs: 21.5 });
  t.strictSame(tcpAt({ ...told, ...least }, 101n), { ...sums, rttMinMs: 24 }, 'a slice later');
  t.strictSame(tcpAt({ ...told, ...least }, 102n), sums);
  t.strictSame(tcpAt({ ...told, rtt_min_us: 24_000 }, 100n), { ...sums, rttMinMs: 24 });
  const wide = (1n << 32n) + 100n;
  t.strictSame(tcpAt({ ...told, ...least }, wide), { ...sums, rttMinMs: 21.5 });
  t.end();
});
