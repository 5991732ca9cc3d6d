// SPDX-License-Identifier: Apache-2.0
/**
 * What identity costs: the same processes with SPIFFE (mutual TLS, signed tokens,
 * rules, descriptors beneath TLS) and in plaintext, A B A B in one run; then all
 * SVIDs renewed again and again under load.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MonitorConnectionService, MonitorScopeSelector } from '../../api/gen/connection.js';
import type { Channel } from '../../api/grpc/channel.js';
import { Stage } from '../stage/stage.js';
import { gather, scatter } from './crowd.js';
import { latency, type Latency } from './latency.js';
import { ask, type Side } from './side.js';
import type { Report } from './report.js';

const pairs = 5;
const crowdSize = 1_000;
const against = 'plaintext';

/** The benchmark. */
export async function requestSpiffe(report: Report, quick: boolean): Promise<void> {
  const runs = quick ? 2 : pairs;
  {
    await using secured = await Stage.open();
    await using plain = await Stage.open({ all: { WANWIRE_INSECURE: 'true' } });
    const [ours, theirs] = [side(secured), side(plain)];
    for (const one of [ours, theirs]) await latency(one, 50);
    await latencies(report, runs, ours, theirs);
    await crowds(report, runs, ours, theirs);
  }
  await rotation(report, quick ? 30 : 90);
}

function side(stage: Stage): Side {
  return { caller: stage.caller('bench'), pod: stage.pod, podUrl: stage.podUrl };
}

async function latencies(report: Report, runs: number, ours: Side, theirs: Side): Promise<void> {
  const own: Latency[] = [];
  const other: Latency[] = [];
  for (let run = 0; run < runs; run++) {
    own.push(await latency(ours, 100));
    other.push(await latency(theirs, 100));
  }
  for (const [figure, pick] of [
    ['request_p50_ms', (run: Latency) => run.p50],
    ['request_p99_ms', (run: Latency) => run.p99],
    ['refresh_p50_ms', (run: Latency) => run.refreshP50],
  ] as const) {
    report.add({ figure, unit: 'ms', ours: own.map(pick), theirs: other.map(pick), against });
  }
}

async function crowds(report: Report, runs: number, ours: Side, theirs: Side): Promise<void> {
  const own: number[] = [];
  const other: number[] = [];
  let failed = 0;
  for (let run = 0; run < runs; run++) {
    const crowd = await gather(ours, crowdSize);
    own.push(crowd.rate);
    failed += crowd.failed;
    await scatter(ours, crowd.wires);
    const plain = await gather(theirs, crowdSize);
    other.push(plain.rate);
    await scatter(theirs, plain.wires);
  }
  const unit = 'wires/s';
  report.add({ figure: 'wires_per_second', unit, ours: own, theirs: other, against });
  report.add({ figure: 'failed', unit: 'Requests', ours: [failed] });
}

const svidSeconds = 20;
const streamCount = 50;

/** Every process gets a new SVID each half-life, while wires come and go and monitors listen for longer than any SVID lives. */
async function rotation(report: Report, seconds: number): Promise<void> {
  await using stage = await Stage.open({
    manager: { WANWIRE_SVID_LIFETIME: `${String(svidSeconds)}s` },
  });
  const one = side(stage);
  const stop = new AbortController();
  const dropped: string[] = [];
  const channel = stage.dial();
  const streams = Array.from({ length: streamCount }, () => listen(channel, stop.signal, dropped));
  const svids = new Set<string>();
  const untold = stage.onRotation((serial) => svids.add(serial));
  const end = performance.now() + seconds * 1000;
  let [asked, failed] = [0, 0];
  while (performance.now() < end) {
    const wires = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) => ask(one, `r${String(n)}`)),
    );
    const up = wires.flatMap((wire) => (wire.status === 'fulfilled' ? [wire.value] : []));
    asked += wires.length;
    failed += wires.length - up.length;
    for (const wire of wires) if (wire.status === 'rejected') report.note(String(wire.reason));
    await scatter(one, up);
    await sleep(50);
  }
  untold();
  const lost = dropped.length;
  stop.abort();
  await Promise.all(streams);
  for (const reason of new Set(dropped)) report.note(`a stream ended: ${reason}`);
  report.add({ figure: 'rotations', unit: 'SVIDs of the client', ours: [svids.size] });
  report.add({ figure: 'requests_while_rotating', unit: 'Requests', ours: [asked] });
  report.add({ figure: 'failed_while_rotating', unit: 'Requests', ours: [failed] });
  report.add({ figure: 'dropped_streams', unit: `of ${String(streamCount)}`, ours: [lost] });
}

/** Listen until `signal`; an end before that is a drop. */
async function listen(channel: Channel, signal: AbortSignal, dropped: string[]): Promise<void> {
  const { monitorConnections } = MonitorConnectionService;
  try {
    const everything = MonitorScopeSelector.create();
    for await (const event of channel.stream(monitorConnections, everything, { signal }))
      void event;
    if (!signal.aborted) dropped.push('ended by the server');
  } catch (reason) {
    if (!signal.aborted) dropped.push(String(reason));
  }
}
