// SPDX-License-Identifier: Apache-2.0
/** The loop over a plane without a kernel; with one: test/netns/quality.test.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { silentLogger } from '../../api/log/log.js';
import {
  downReasons,
  large,
  quality,
  sentStates,
  type Large,
  type Quality,
} from '../../bpf/loader/layout.js';
import { measuresOf, type Evidence, type ProbeWish } from '../steering/strand-words.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import type { JournalRecord } from './journal-record.js';
import { UsageFile } from './usage-file.js';
import { Watcher, type WatcherOptions } from './watcher.js';

const config = {
  ...{ name: 'fibre', device: 'wan0', addresses: [], gateways: [], network: 'n', class: 'x' },
  ...{ rateMbps: undefined, billing: 'flat', capGB: undefined, profile: 'fixed' },
  ...{ quality: undefined, mtu: undefined, trusted: true },
} as const;

/** Strand 1 leads to a peer of ours, strand 2 to a stock one. */
function stage(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'ww-watcher-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const clock = new ManualClock();
  const startMs = clock.now();
  const monotonic = () => BigInt(Math.round((clock.now() - startMs) * 1e6)) + 5_000_000_000n;
  const state = {
    isAdopting: false,
    down: 0,
    pid: 7 as number | undefined,
    avoid: new Map<number, number>(),
    silent: new Set<number>(),
    probes: new Map<number, ProbeWish>(),
    records: [] as JournalRecord[],
    errors: [] as unknown[],
    judged: 0,
    found: {} as Partial<Quality>,
    large: {} as Partial<Large>,
    asked: [] as number[],
    tcp: undefined as Evidence | undefined,
    limits: new Map<number, number | undefined>(),
    jumpMs: 0,
  };
  const wall = {
    now: () => clock.now() + state.jumpMs,
    after: (...args: Parameters<ManualClock['after']>) => clock.after(...args),
  };
  const strandOf = (id: number) => ({
    ...{ id, peer: id, name: `fibre-${String(id)}`, peerLink: 'wan0', family: 4, mtu: 1450 },
    ...{ local: '192.0.2.1', remote: `198.51.100.${String(id)}`, down: 0 },
    link: { id: 1, config, ifindex: 2, up: true, addresses: {}, gateways: {}, mtu: 1500 },
  });
  const node = { site: 'cloud', port: 4790, links: [] };
  const peers = [
    { id: 1, node: { ...node, name: 'cloud' }, strands: [strandOf(1)] },
    { id: 2, node: { ...node, name: 'stock', stock: true }, strands: [strandOf(2)] },
  ];
  const nothing = { txBytes: 0, rxBytes: 0, txPackets: 0, rxPackets: 0 };
  const options = {
    plane: {
      generation: 1,
      strands: {
        avoid: (id: number) => state.avoid.get(id) ?? 0,
        setAvoid: (id: number, bits: number) => state.avoid.set(id, bits),
        silent: (id: number) => state.silent.has(id),
        endSilence: (id: number) => state.silent.delete(id),
        probe: (id: number, wish: ProbeWish) => state.probes.set(id, wish),
        measured: () => measuresOf(quality.encode(state.found)),
        carried: () => nothing,
        evidence: () => state.tcp,
        large: () => large.decode(large.encode(state.large)),
        askLarge: (_id: number, bytes: number) => {
          state.asked.push(bytes);
          return state.asked.length;
        },
      },
    },
    steering: {
      get isAdopting() {
        return state.isAdopting;
      },
      rules: { all: [], slas: [] },
      peers: {
        all: peers,
        down: () => state.down,
        takeDown: () => state.down,
        mtu: () => 1450,
        limit: (id: number, mtu?: number) => state.limits.set(id, mtu),
      },
    },
    links: () => [],
    prober: {
      look: () => undefined,
      get pid() {
        return state.pid;
      },
    },
    journal: { write: (records: readonly JournalRecord[]) => state.records.push(...records) },
    usage: new UsageFile(folder, silentLogger()),
    judged: () => state.judged++,
    ...{ clock: wall, monotonic },
    log: { ...silentLogger(), error: (...of: unknown[]) => state.errors.push(of) },
  } as unknown as WatcherOptions;
  const watcher = new Watcher(options);
  t.teardown(() => watcher[Symbol.dispose]());
  return { state, clock, watcher };
}

t.test(
  'while a former life is adopted nothing is judged; then what it held back stays so',
  async (t) => {
    const { state, clock, watcher } = stage(t);
    state.isAdopting = true;
    state.avoid.set(1, 1);
    watcher.start();
    await clock.advance(1_000);
    t.strictSame([state.probes.size, state.records.length], [0, 0]);
    state.isAdopting = false;
    await clock.advance(200);
    t.match(state.records[0], { type: 'setup', adopt: [[1, 1]] });
    t.equal(state.judged, 1);
  },
);

t.test(
  'a stock peer is not asked for what it does not answer; its strand is held by its link alone',
  async (t) => {
    const { state, clock, watcher } = stage(t);
    watcher.start();
    t.match(state.probes.get(1), { interval_us: 20_000, flags: 1 });
    t.match(state.probes.get(2), { interval_us: 0, return_rate: 100 });
    state.down = downReasons.carrier;
    await clock.advance(200);
    t.equal(state.avoid.get(2), 1);
    state.down = downReasons.operator;
    await clock.advance(200);
    t.equal(state.avoid.get(2), 0);
    t.match(watcher.answer().strands[1], { state: 'unmeasured', why: /stock/, intervalMs: 0 });
  },
);

t.test('without a prober a silence ends after a while, with one it does not', async (t) => {
  const { state, clock, watcher } = stage(t);
  state.silent.add(1);
  watcher.start();
  await clock.advance(20_000);
  t.ok(state.silent.has(1));
  state.pid = undefined;
  await clock.advance(9_000);
  t.ok(state.silent.has(1));
  await clock.advance(1_500);
  t.notOk(state.silent.has(1));
  t.match(watcher.answer().prober, { running: false, pid: null });
});

t.test('what fails is told once, and tried again', async (t) => {
  const { state, clock, watcher } = stage(t);
  watcher.start();
  state.probes.set = () => {
    throw new Error('no map');
  };
  await clock.advance(1_000);
  t.equal(state.errors.length, 1);
  const { judged } = state;
  Reflect.deleteProperty(state.probes, 'set');
  await clock.advance(200);
  t.equal(state.judged, judged + 1);
});

t.test('a clock of the day that jumps is told, and nothing is judged by it', async (t) => {
  const { state, clock, watcher } = stage(t);
  watcher.start();
  let probes = 0n;
  const went = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 20) {
      const sent = ++probes;
      state.found = { srtt_ns: 10e6, rttvar_ns: 1e6, sent, judged: sent, received: sent };
      await clock.advance(20);
    }
  };
  await went(2_000);
  const before = state.records.length;
  const hourMs = 3_600_000;
  for (const jumpMs of [hourMs, -hourMs]) {
    state.jumpMs = jumpMs;
    await went(2_000);
  }
  const since = state.records.slice(before);
  t.notOk(
    since.some(({ type }) => type === 'event'),
    'no decision',
  );
  const samples = since.flatMap((one) => (one.type === 'sample' ? [one] : []));
  const steps = (times: readonly number[]) => times.slice(1).map((at, n) => at - (times[n] ?? 0));
  const own = samples.filter(({ sample }) => sample.strand === 1);
  t.ok(own.length >= 3, 'it goes on');
  t.ok(steps(own.map(({ sample }) => sample.atMs)).every((ms) => ms > 0 && ms < 2_000));
  t.ok(
    steps(own.map(({ wallMs }) => wallMs)).some((ms) => ms < 0),
    'the time of the day is told',
  );
  t.strictSame([state.avoid.get(1) ?? 0, state.errors], [0, []]);
});

t.test(
  'a path that shrinks: steering and journal are told, with what usual probes say',
  async (t) => {
    const { state, clock, watcher } = stage(t);
    const startMs = clock.now();
    /** Answers large probes up to a size, and usual ones always, for that long. */
    const run = async (ms: number, passes: number): Promise<void> => {
      for (let done = 0; done < ms; done += 20) {
        const nowNs = BigInt(clock.now() - startMs) * 1_000_000n + 5_000_000_000n;
        state.found = { sent_ns: nowNs, answered_ns: nowNs, srtt_ns: 20_000_000 };
        const [seq, last = 0] = [state.asked.length, state.asked.at(-1)];
        if (seq > 0 && state.large.seq !== seq) {
          // UDP's payload of what is as long as a packet of 1,450 bytes with all around it.
          const passed = last <= passes + 22;
          state.large = {
            ...{ seq, sent_ns: nowNs },
            state: passed ? sentStates.answered : sentStates.underWay,
          };
        }
        await clock.advance(20);
      }
    };
    watcher.start();
    await run(2_000, 1450);
    t.equal(state.asked.length, 1);
    state.tcp = { acked: 9, resent: 1, slice: 0 } as Evidence;
    await run(400, 1450);
    t.equal(state.asked.length, 2, 'again at once where TCP sends again');
    await run(5_200, 1450);
    t.strictSame(state.asked, [1472, 1472, 1472], 'and after 5 s');
    t.equal(state.limits.get(1), undefined);
    t.match(watcher.answer().strands[0], { mtu: 1450, mtuProbed: true, largeIntervalMs: 5_000 });
    await run(12_000, 1400);
    const mtu = state.limits.get(1) ?? 0;
    t.ok(mtu > 1392 && mtu <= 1400, String(mtu));
    t.match(watcher.answer().strands, [
      { mtu, deviceMtu: 1450, why: new RegExp(`path MTU ${String(mtu)} of 1450`) },
      { mtu: 1450, mtuProbed: false, largeIntervalMs: 0 },
    ]);
    const events = state.records.flatMap((one) => (one.type === 'event' ? [one.event] : []));
    t.match(
      events.filter(({ kind }) => kind === 'mtu'),
      [{ kind: 'mtu', name: 'fibre-1', mtu: { from: 1450, to: mtu } }],
    );
    t.strictSame(state.errors, []);
  },
);
