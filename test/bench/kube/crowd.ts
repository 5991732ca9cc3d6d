// SPDX-License-Identifier: Apache-2.0
/**
 * Very many pods with wires on one node, all wanted at once by a Deployment, as when a node has come back: how
 * long until all are ready, whether each has its wire, and whether anything stays when they are deleted.
 */
import type { Cluster } from '../../../cli/demo/kube/cluster.js';
import { annotation } from '../../../cli/demo/kube/objects.js';
import { server } from '../../../cli/demo/sites.js';
import { command } from '../../stage/command.js';
import type { Report } from '../report.js';

const name = 'crowd';
/** A busy machine may take its time: 3 s for each pod, and a minute. */
const patienceSeconds = (size: number): number => 60 + 3 * size;

/** Adds `crowd_pods_per_minute`, and what is left of them; rejects where a pod has no wire or something stays. */
export async function crowd(cluster: Cluster, report: Report, size: number): Promise<void> {
  const before = await leftovers(cluster);
  const began = performance.now();
  await cluster.apply(deployment(size));
  const within = `--timeout=${String(patienceSeconds(size))}s`;
  await cluster.kubectl('rollout', 'status', `deployment/${name}`, within);
  const seconds = (performance.now() - began) / 1_000;
  report.note(`${String(size)} pods at once: all ready after ${seconds.toFixed(0)} s`);
  report.add({ figure: 'crowd_pods_per_minute', unit: 'pods', ours: [(size * 60) / seconds] });
  const wires = await cluster.eventually(`${String(size)} wires`, () => wiresOf(cluster, size));
  report.add({ figure: 'crowd_wires_up', unit: 'wires', ours: [wires] });
  const mute = await silent(cluster, size);
  report.add({ figure: 'crowd_silent_wires', unit: 'wires', ours: [mute.length] });
  report.add({ figure: 'crowd_restarts', unit: 'restarts', ours: [await restarts(cluster)] });
  const ending = performance.now();
  await cluster.kubectl('delete', 'deployment', name, '--cascade=foreground', within);
  await cluster.eventually('the end of what was theirs', async () => {
    const after = await leftovers(cluster);
    const more = after.filter((one) => !before.includes(one));
    if (more.length > 0) throw new Error(`${String(more.length)}, such as ${String(more[0])}`);
  });
  const gone = (performance.now() - ending) / 1_000;
  report.add({ figure: 'crowd_gone_seconds', unit: 's', ours: [gone] });
  if (mute.length > 0) throw new Error(`no answer over the wires of ${mute.slice(0, 5).join()}`);
}

function deployment(size: number): string {
  const labels = { app: name };
  const wires = { [annotation]: 'kernel://wan@cloud/nsm-1' };
  // One that ends when it is told to: its sidecar, which ends after it, has the rest of the time to close the wire.
  const command = ['/bin/sh', '-c', "trap 'exit 0' TERM; sleep infinity & wait"];
  const containers = [{ name: 'app', image: 'wanwire-tools:lab', command }];
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: size,
      progressDeadlineSeconds: 2 * patienceSeconds(size),
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: wires },
        spec: { terminationGracePeriodSeconds: 60, containers },
      },
    },
  });
}

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly initContainerStatuses?: readonly Container[];
    readonly containerStatuses?: readonly Container[];
  };
}

interface Container {
  readonly name: string;
  readonly containerID?: string;
  readonly restartCount: number;
}

async function pods(cluster: Cluster): Promise<readonly Pod[]> {
  return (await cluster.get<{ items: readonly Pod[] }>('pods', '-l', `app=${name}`)).items;
}

/** How many Wires are up; rejects while they are not as many as wanted. */
async function wiresOf(cluster: Cluster, size: number): Promise<number> {
  interface Wire {
    readonly metadata: { readonly name: string };
    readonly status?: { readonly state?: string };
  }
  const { items } = await cluster.get<{ items: readonly Wire[] }>('wires');
  const up = items.filter(({ status }) => status?.state === 'up').length;
  if (up !== size) throw new Error(`${String(up)} of ${String(items.length)} are up`);
  return up;
}

/** Pods that get no answer from the other site by their interface. */
async function silent(cluster: Cluster, size: number): Promise<readonly string[]> {
  const tasks = await cluster.node.exec('ctr', '-n', 'k8s.io', 'tasks', 'ls');
  const pids = new Map(
    tasks.split('\n').map((line) => line.split(/\s+/).slice(0, 2) as [string, string]),
  );
  const all = await pods(cluster);
  const words = all.flatMap(({ metadata, status }) => {
    const app = status.containerStatuses?.find((one) => one.name === 'app');
    const pid = pids.get(app?.containerID?.replace(/^.*\/\//, '') ?? '');
    return pid === undefined ? [] : [metadata.name, pid];
  });
  if (words.length !== 2 * size)
    throw new Error(`${String(words.length / 2)} of ${String(size)} run`);
  const script = `while [ $# -gt 0 ]; do
    nsenter -t "$2" -n ping -n -q -I nsm-1 -c 3 -i 0.2 -W 3 ${server} >/dev/null 2>&1 || echo "$1"
    shift 2
  done`;
  const said = await cluster.node.exec('sh', '-c', script, 'sh', ...words);
  return said.split('\n').filter((one) => one !== '');
}

async function restarts(cluster: Cluster): Promise<number> {
  const all = await pods(cluster);
  return all
    .flatMap(({ status }) => [
      ...(status.initContainerStatuses ?? []),
      ...(status.containerStatuses ?? []),
    ])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}

/** What pods with wires have on a node and in the API, as words: devices, namespaces, pins, records, objects. */
async function leftovers(cluster: Cluster): Promise<readonly string[]> {
  const { node } = cluster;
  const lines = async (text: Promise<string>): Promise<string[]> =>
    (await text).split('\n').filter((one) => one !== '');
  const [devices, spaces, pins, objects, connections] = await Promise.all([
    lines(node.exec('sh', '-c', 'ls /sys/class/net')),
    lines(node.exec('sh', '-c', 'ls /run/netns')),
    lines(node.exec('sh', '-c', 'find /sys/fs/bpf /run/wanwire -type f -o -type s | sort')),
    lines(cluster.kubectl('get', 'wires,nses,replicasets,pods', '-A', '-o', 'name')),
    lines(connectionsOf(cluster)),
  ]);
  return [
    // One of the forwarder's stays, for all wires to come.
    ...devices.filter((one) => !one.startsWith('wwvxlan')),
    ...[...spaces, ...pins, ...objects, ...connections],
  ];
}

/** The ids that the manager knows, a line each. */
async function connectionsOf(cluster: Cluster): Promise<string> {
  const script = `SPIFFE_ENDPOINT_SOCKET=unix:///run/wanwire/agent/agent.sock timeout 10 "$@" || true`;
  const monitor = [process.execPath, command(), 'monitor', '--json'];
  const said = await cluster.node.exec('sh', '-c', script, 'sh', ...monitor);
  // The first event is the present state, even when there is nothing.
  const [first] = said.split('\n');
  if (first === undefined || first === '') throw new Error('the manager does not answer');
  const { connections = {} } = JSON.parse(first) as { connections?: Record<string, unknown> };
  return Object.keys(connections).join('\n');
}
