// SPDX-License-Identifier: Apache-2.0
/**
 * The demo of Kubernetes, act by act: a real cluster, wanwire deployed to it, pods with wires by an
 * annotation, a policy by kubectl, a forwarder's pod deleted. Each act rejects when what it shows is not so.
 */
import { gauge } from '../gauge.js';
import type { Screen } from '../screen.js';
import { links, server } from '../sites.js';
import { rate } from '../words.js';
import { farEnd, joinSites } from './join.js';
import { image, type Cluster, type Pinged } from './cluster.js';
import { endpointObject, hello, podObject, policyObject, system } from './objects.js';

/** What the acts work with. */
export interface KubeStage {
  readonly cluster: Cluster;
  readonly screen: Screen;
}

/** Tell the whole story; rejects at the first thing that is not as it should be. */
export async function kubeStory(stage: KubeStage): Promise<void> {
  await deploy(stage);
  await site(stage);
  await annotated(stage);
  await twoPods(stage);
  await policy(stage);
  await restart(stage);
  await look(stage);
  await remove(stage);
}

async function deploy({ cluster, screen }: KubeStage): Promise<void> {
  screen.title('1  kubectl apply -k deploy/kustomize/standalone');
  const began = performance.now();
  await cluster.deploy();
  screen.row('ready', seconds(performance.now() - began));
  screen.row('pods', ...lines(await cluster.kubectl('-n', system, 'get', 'pods')));
}

async function site({ cluster, screen }: KubeStage): Promise<void> {
  screen.title('2  A Site and a policy, by kubectl; the cloud’s trust bundle in a ConfigMap');
  await joinSites(cluster);
  screen.row('sites', ...lines(await cluster.kubectl('get', 'sites')));
  screen.row('policies', ...lines(await cluster.kubectl('get', 'steeringpolicies')));
}

async function annotated({ cluster, screen }: KubeStage): Promise<void> {
  const wires = 'kernel://wan@cloud/nsm-1';
  screen.title(`3  A pod with one annotation: ${wires}`);
  const wrong = await cluster
    .apply(podObject('wrong', 'kernel://wan@cloud/an-interface-of-any-name'))
    .then(
      () => undefined,
      (reason: unknown) => String(reason),
    );
  if (wrong === undefined) throw new Error('a wrong annotation was accepted');
  screen.row('refused', ...lines(wrong.replace(/^.*denied the request: /s, '')));
  await cluster.apply(podObject('phone', wires));
  screen.row('ready', seconds(await cluster.ready('phone')));
  screen.row(
    'interface',
    ...lines(await cluster.inPod('phone', 'ip', '-brief', 'addr', 'show', 'nsm-1')),
  );
  const pinged = await cluster.pingWhile('phone', server, () => Promise.resolve());
  told(screen, 'ping', server, pinged);
}

async function twoPods({ cluster, screen }: KubeStage): Promise<void> {
  screen.title(`4  Two pods joined by a wire: one serves ${hello.service}, the other asks for it`);
  await cluster.apply(endpointObject('greeter', image));
  await cluster.ready('greeter');
  await cluster.apply(podObject('guest', `kernel://${hello.service}/nsm-2`));
  screen.row('ready', seconds(await cluster.ready('guest')));
  screen.row('endpoints', ...lines(await cluster.kubectl('get', 'nses', '-A')));
  const address = await farEnd(cluster);
  told(screen, 'ping', address, await cluster.pingWhile('guest', address, () => Promise.resolve()));
}

async function policy({ cluster, screen }: KubeStage): Promise<void> {
  screen.title('5  Another policy, by kubectl apply, under pings');
  const rows: string[][] = [];
  const seen = async (text: string, wanted: string): Promise<void> => {
    for (const one of await carrying(cluster, wanted)) {
      rows.push([text, one.name, rate(one.bitsPerSecond)]);
    }
  };
  const pinged = await cluster.pingWhile('phone', server, async () => {
    await seen('low-latency', links[0].name);
    await cluster.apply(policyObject('best-effort'));
    await seen('best-effort', links[1].name);
  });
  screen.table(['default', 'link', 'rate'], rows);
  told(screen, 'ping', server, pinged);
  await cluster.eventually('an Event of the session that moved', async () => {
    const { items } = await cluster.get<{ items: readonly EventObject[] }>('events');
    const found = items.find(({ reason }) => reason === 'SessionsMoved');
    if (found === undefined) throw new Error('there is none');
    screen.row('Event', `${found.reason}: ${found.message}`);
  });
}

interface EventObject {
  readonly reason: string;
  readonly message: string;
}

async function restart({ cluster, screen }: KubeStage): Promise<void> {
  screen.title('6  The forwarder’s pod deleted under pings');
  const began = performance.now();
  let tookMs = 0;
  const change = async (): Promise<void> => {
    await cluster.kubectl('-n', system, 'delete', 'pod', '-l', 'app=wanwire', '--wait=true');
    await cluster.settled();
    tookMs = performance.now() - began;
  };
  const address = await farEnd(cluster);
  const [far, near] = await Promise.all([
    cluster.pingWhile('phone', server, change),
    cluster.pingWhile('guest', address, () => Promise.resolve(), 400),
  ]);
  screen.row('again', `ready ${seconds(tookMs)} after`);
  told(screen, 'ping', server, far);
  told(screen, '', address, near);
}

async function look({ cluster, screen }: KubeStage): Promise<void> {
  screen.title('7  kubectl get wires,sites; wanwire status --kube');
  await cluster.eventually('two wires that are up', async () => {
    const { items } = await cluster.get<{ items: readonly unknown[] }>('wires');
    if (items.length !== 2) throw new Error(`${String(items.length)} wires, not 2`);
  });
  screen.row('kubectl', ...lines(await cluster.kubectl('get', 'wires,sites')), '');
  screen.row('wanwire', ...lines(await cluster.status()));
}

async function remove({ cluster, screen }: KubeStage): Promise<void> {
  screen.title('8  kubectl delete');
  await cluster.kubectl('delete', 'pod', 'phone', 'guest', '--wait=true');
  await cluster.eventually('the end of the wires', async () => {
    const { items } = await cluster.get<{ items: readonly unknown[] }>('wires', '-A');
    if (items.length > 0) throw new Error(`${String(items.length)} wires are left`);
  });
  await cluster.kubectl('delete', 'pod', 'greeter', '--wait=true');
  screen.row('pods', 'deleted, and their wires with them');
  await cluster.undeploy();
  const left = await leavings(cluster);
  if (left.length > 0) throw new Error(`these are left on the node: ${left.join(', ')}`);
  screen.row('wanwire', 'deleted; nothing of it is left on the node or in the cluster');
}

/** Wires of pods, and what stands in the API once the definitions are gone. */
export async function leavings(cluster: Cluster): Promise<readonly string[]> {
  const devices = await cluster.node.exec('ip', '-brief', 'link');
  const names = devices.split('\n').map((line) => line.split(/[ @]/)[0] ?? '');
  const ours = names.filter((name) => /^(ww|nsm|vxlan)/.test(name));
  const resources = await cluster.kubectl('api-resources', '-o', 'name');
  const kinds = resources.split('\n').filter((name) => /wanwire|networkservice/.test(name));
  return [...ours, ...kinds];
}

/** What the links carry, once it is the wanted one that does; rejects when that does not come. */
async function carrying(cluster: Cluster, wanted: string) {
  return cluster.eventually(`the pings on ${wanted}`, async () => {
    const seen = await gauge(cluster.sites.lab, 500);
    const [most, next] = seen.toSorted((a, b) => b.bitsPerSecond - a.bitsPerSecond);
    // The rest is what the links are measured with.
    const clear = (most?.bitsPerSecond ?? 0) > 2 * (next?.bitsPerSecond ?? 0);
    if (most?.name !== wanted || !clear) throw new Error(`they are on ${String(most?.name)}`);
    return seen;
  });
}

function told(screen: Screen, label: string, address: string, { sent, lost }: Pinged): void {
  screen.row(label, `${address}  ${String(sent)} sent, ${String(lost)} lost`);
  if (lost > 0) throw new Error(`${String(lost)} of ${String(sent)} pings to ${address} were lost`);
}

function lines(text: string): string[] {
  return text.trimEnd().split('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
