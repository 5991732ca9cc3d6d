// SPDX-License-Identifier: Apache-2.0
/**
 * What a wire costs a pod, on a whole node of Kubernetes beside another site: annotated pods against
 * plain ones, A B A B in one run; many at once; the forwarder's pod deleted under pings; the webhook.
 */
import { spawnSync } from 'node:child_process';
import { Cluster } from '../../cli/demo/kube/cluster.js';
import { joinSites } from '../../cli/demo/kube/join.js';
import { podObject, system } from '../../cli/demo/kube/objects.js';
import { server } from '../../cli/demo/sites.js';
import { command } from '../stage/command.js';
import { crowd as manyAtOnce } from './kube/crowd.js';
import { webhookLatency } from './kube/webhook.js';
import type { Report } from './report.js';
import { untilStopped } from './stopped.js';

const wan = 'kernel://wan@cloud/nsm-1';

/** The benchmark; with `pods`, only what so many do at once. Told to end, it leaves nothing. */
export async function kube(report: Report, quick: boolean, pods: number): Promise<void> {
  // What runs on the node is an image, which is to be of what was built just now.
  const { status } = spawnSync('bash', ['scripts/setup.sh', 'kube'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('no node of Kubernetes here: the set-up says why, above');
  if (pods === 0) await webhookLatency(report, quick);
  const began = performance.now();
  await untilStopped({
    open: (signal) => Cluster.open(command(), signal),
    play: async (cluster) => {
      await cluster.deploy();
      await joinSites(cluster);
      report.note(`a node with wanwire in ${((performance.now() - began) / 1000).toFixed(0)} s`);
      if (pods > 0) await manyAtOnce(cluster, report, pods);
      else await figures(cluster, report, quick);
    },
  });
}

async function figures(cluster: Cluster, report: Report, quick: boolean): Promise<void> {
  await added(cluster, report, quick ? 3 : 10);
  await crowd(cluster, report, quick ? 10 : 40);
  await restart(cluster, report);
}

async function added(cluster: Cluster, report: Report, pairs: number): Promise<void> {
  const ours: number[] = [];
  const theirs: number[] = [];
  // The first one pays for what is read from disk.
  await readyMs(cluster, 'warm', wan);
  for (let run = 0; run < pairs; run++) {
    ours.push(await readyMs(cluster, `wired-${String(run)}`, wan));
    theirs.push(await readyMs(cluster, `plain-${String(run)}`));
  }
  report.add({ figure: 'pod_ready_ms', unit: 'ms', ours, theirs, against: 'plain pod' });
  const differences = ours.map((ms, at) => ms - (theirs[at] ?? NaN));
  report.add({ figure: 'pod_ready_added_ms', unit: 'ms', ours: differences });
}

/** From `kubectl apply` until it is ready; it is gone afterwards. */
async function readyMs(cluster: Cluster, name: string, wires?: string): Promise<number> {
  const began = performance.now();
  await cluster.apply(podObject(name, wires));
  await cluster.ready(name);
  const took = performance.now() - began;
  await cluster.kubectl('delete', 'pod', name, '--wait=true');
  return took;
}

async function crowd(cluster: Cluster, report: Report, size: number): Promise<void> {
  const names = Array.from({ length: size }, (_, at) => `one-${String(at)}`);
  const began = performance.now();
  await cluster.apply(...names.map((name) => podObject(name, wan)));
  const pods = names.map((name) => `pod/${name}`);
  await cluster.kubectl('wait', '--for=condition=Ready', ...pods, '--timeout=600s');
  const minutes = (performance.now() - began) / 60_000;
  report.add({ figure: 'pods_per_minute', unit: 'pods', ours: [size / minutes] });
  const [first = ''] = names;
  await resident(cluster, report, 'sidecar_rss_mib', await cluster.pidOf(first, 'nsc'));
  await resident(cluster, report, 'forwarder_rss_mib', await forwarderPid(cluster));
  await cluster.kubectl('delete', ...pods, '--wait=true', '--timeout=300s');
}

async function resident(
  cluster: Cluster,
  report: Report,
  figure: string,
  pid: string,
): Promise<void> {
  const said = await cluster.node.exec('grep', 'VmRSS', `/proc/${pid}/status`);
  const kib = Number(/(\d+) kB/.exec(said)?.[1] ?? NaN);
  report.add({ figure, unit: 'MiB', ours: [kib / 1024] });
}

async function forwarderPid(cluster: Cluster): Promise<string> {
  const path = 'jsonpath={.items[0].metadata.name}';
  const pod = await cluster.kubectl('-n', system, 'get', 'pods', '-l', 'app=wanwire', '-o', path);
  return cluster.pidOf(pod, 'forwarder', system);
}

async function restart(cluster: Cluster, report: Report): Promise<void> {
  await cluster.apply(podObject('phone', wan));
  await cluster.ready('phone');
  const { sent, lost } = await cluster.pingWhile('phone', server, async () => {
    await cluster.kubectl('-n', system, 'delete', 'pod', '-l', 'app=wanwire', '--wait=true');
    await cluster.settled();
  });
  report.note(`${String(sent)} pings while the forwarder's pod was deleted and made anew`);
  report.add({ figure: 'forwarder_restart_lost_packets', unit: 'pings', ours: [lost] });
}
