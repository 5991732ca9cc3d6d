// SPDX-License-Identifier: Apache-2.0
/** What a request takes over a class's wire: against a plain route through the same lab, and against a plain cluster over a wire. */
import { readdir, readFile } from 'node:fs/promises';
import { startEnvoy } from '../../../cli/demo/mesh/envoy-process.js';
import { App } from '../../../lab/http/app.js';
import type { Protocol } from '../../../lab/http/types.js';
import { entry, envoyProgram, upstream, type Mesh } from '../../stage/mesh.js';
import { median, type Report } from '../report.js';
import { bareBootstrap } from './bare-envoy.js';
import { bareRoute, bareServer } from './bare-route.js';

const pairs = 5;
const protocols: readonly Protocol[] = ['http1', 'http2', 'grpc'];
/** Of one run, one after the other. */
const requests = 1_000;

const bare = { wire: '127.0.0.1:8001', route: '127.0.0.1:8002' };

/** What one run took. */
interface Run {
  /** The median of a request, as the app sees it. */
  readonly ms: number;
  /** Envoy's processor time for each request. */
  readonly cpuUs: number;
}

/** Measure and tell. */
export async function addedTime(report: Report, stage: Mesh, share: number): Promise<void> {
  const { world, pod } = stage.sites;
  await bareRoute(stage.sites.lab);
  const other = await startEnvoy({
    ...{ world, place: pod, name: 'bare', binary: envoyProgram(), folder: stage.folder },
    bootstrap: bareBootstrap([
      { listen: bare.wire, upstream },
      { listen: bare.route, upstream: `${bareServer}:8000` },
    ]),
    port: 8002,
  });
  const ours = stage.sites.world.player('envoy');
  const count = Math.ceil(requests * share);
  let first = 1_000_000;
  const run = async (protocol: Protocol, target: string, pid: number): Promise<Run> => {
    const loads = [{ user: 'boss', protocol, count }];
    const before = await cpuNs(pid);
    await using app = await App.start(pod, { target, loads, first });
    first += count;
    const answered = await app.finished();
    const failed = answered.find(({ error }) => error !== undefined);
    if (failed !== undefined) throw new Error(`a request failed: ${failed.error ?? ''}`);
    const cpuUs = ((await cpuNs(pid)) - before) / 1000 / count;
    // The first ones open connections.
    return { ms: median(answered.slice(count >> 3).map(({ tookMs }) => tookMs)), cpuUs };
  };
  for (const protocol of protocols) {
    const runs: Record<'ours' | 'wire' | 'route', Run[]> = { ours: [], wire: [], route: [] };
    for (let pair = 0; pair < pairs; pair++) {
      runs.ours.push(await run(protocol, entry, ours.pid));
      runs.route.push(await run(protocol, bare.route, other.pid));
      runs.wire.push(await run(protocol, bare.wire, other.pid));
    }
    tell(report, protocol, runs);
  }
}

function tell(
  report: Report,
  protocol: Protocol,
  { ours, wire, route }: Readonly<Record<'ours' | 'wire' | 'route', readonly Run[]>>,
): void {
  const ms = (runs: readonly Run[]): number[] => runs.map((one) => one.ms);
  const cpu = (runs: readonly Run[]): number[] => runs.map((one) => one.cpuUs);
  const added = ours.map((one, at) => one.ms - (route[at]?.ms ?? NaN));
  report.add({ figure: `added_latency_ms_${protocol}`, unit: 'ms', ours: added });
  report.add({
    ...{ figure: `request_ms_${protocol}`, unit: 'ms', ours: ms(ours), theirs: ms(route) },
    against: 'plain route',
  });
  report.add({
    ...{ figure: `envoy_time_ratio_${protocol}`, unit: 'ms', ours: ms(ours), theirs: ms(wire) },
    against: 'plain cluster',
  });
  report.add({
    ...{ figure: `envoy_cpu_us_${protocol}`, unit: 'µs', ours: cpu(ours), theirs: cpu(wire) },
    against: 'plain cluster',
  });
}

/** What all threads of a process have used. */
async function cpuNs(pid: number): Promise<number> {
  const tasks = `/proc/${String(pid)}/task`;
  const all = await Promise.all(
    (await readdir(tasks)).map((task) => readFile(`${tasks}/${task}/schedstat`, 'utf8')),
  );
  return all.reduce((sum, line) => sum + Number(line.split(' ')[0]), 0);
}
