// SPDX-License-Identifier: Apache-2.0
/**
 * deploy/kustomize/nsm on a node with NSM's own manager and registry-k8s and with SPIRE: an annotated pod and
 * NSM's own client have wires to NSM's own endpoint and to ours. Needs `WANWIRE_PEERS`; docs/interop.md.
 */
// Alone: a whole node of Kubernetes, and what happens while pings run.
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Cluster } from '../../cli/demo/kube/cluster.js';
import { podObject } from '../../cli/demo/kube/objects.js';
import { command } from '../stage/command.js';
import { noKube } from '../stage/kube.js';
import {
  agents,
  domain,
  nsmObjects,
  ourEndpoint,
  peerObject,
  serverSocket,
  serviceObject,
  spireObjects,
  system,
} from './kube-nsm-objects.js';
import { missing, spire } from './programs.js';

t.setTimeout(600_000);

const overlay = fileURLToPath(new URL('../../deploy/kustomize/nsm', import.meta.url));
const wanted = 'kernel://icmp-responder/nsm-1,kernel://hello/nsm-2';
const clients = ['phone', 'nsc'] as const;
const nothing = (): Promise<void> => Promise.resolve();
const skip =
  missing(['nsmgr', 'registry-k8s', 'nsc', 'icmp-responder', ...spire]) || (await noKube());

t.test('wanwire beside NSM and SPIRE on a node of Kubernetes', { skip }, async (t) => {
  const cluster = await Cluster.open(command(), new AbortController().signal, {
    podCgroups: true,
  });
  t.teardown(() => cluster[Symbol.asyncDispose]());
  const bare = await devicesOf(cluster);
  await cluster.apply(spireObjects());
  await cluster.apply(nsmObjects());
  await identities(cluster);
  const theirs = await whatIsTheirs(cluster);

  await t.test('the overlay joins what is there, and changes nothing of it', async (t) => {
    await cluster.kubectl('apply', '-k', overlay);
    await cluster.settled();
    t.strictSame(await whatIsTheirs(cluster), theirs);
    t.strictSame(await endpoints(cluster), ['forwarder-edge']);
  });

  await t.test('an annotated pod and NSM’s client have wires to both endpoints', async (t) => {
    await cluster.apply(
      serviceObject('hello'),
      ourEndpoint('greeter', 'hello', '172.30.0.0/24'),
      peerObject('icmp', 'icmp-responder', {
        NSM_CIDR_PREFIX: '172.31.0.0/24',
        NSM_PAYLOAD: 'IP',
        NSM_UNREGISTER_ITSELF: 'true',
      }),
      podObject('phone', wanted),
      peerObject('nsc', 'nsc', {
        NSM_NETWORK_SERVICES: wanted,
        NSM_LOCAL_DNS_SERVER_ENABLED: 'false',
      }),
    );
    await Promise.all(['greeter', 'icmp', ...clients].map((pod) => cluster.ready(pod)));
    for (const { pod, address } of await wiresOf(cluster)) {
      t.match(await cluster.pingWhile(pod, address, nothing), { lost: 0 }, `${pod} to ${address}`);
    }
    await told(cluster, 4);
    t.strictSame(await endpoints(cluster), ['forwarder-edge', 'greeter', 'icmp']);
    const owner = ['-n', system, 'get', 'nse', 'greeter', '-o', 'jsonpath={.spec.path_ids[0]}'];
    t.equal(await cluster.kubectl(...owner), `spiffe://${domain}/ns/default/greeter`);
  });

  await t.test('the forwarder’s pod is deleted while pings run', async (t) => {
    let done = false;
    const change = async (): Promise<void> => {
      await cluster.kubectl('-n', system, 'delete', 'pod', '-l', 'app=wanwire', '--wait=true');
      await cluster.settled();
    };
    const changed = change().finally(() => (done = true));
    const pings = (await wiresOf(cluster)).map(async ({ pod, address }) => {
      const total = { sent: 0, lost: 0 };
      do {
        const { sent, lost } = await cluster.pingWhile(pod, address, nothing);
        total.sent += sent;
        total.lost += lost;
      } while (!done);
      t.equal(total.lost, 0, `${pod} to ${address}: none of ${String(total.sent)} is lost`);
    });
    await Promise.all([changed, ...pings]);
    await told(cluster, 4);
  });

  await t.test('deleted, it leaves nothing, and NSM as it was', async (t) => {
    await cluster.kubectl('delete', 'pod', ...clients, '--wait=true');
    await told(cluster, 0);
    await cluster.kubectl('delete', 'pod', 'greeter', 'icmp', '--wait=true');
    await cluster.eventually('the end of the endpoints', async () => {
      const left = await endpoints(cluster);
      if (left.join() !== 'forwarder-edge') throw new Error(left.join());
    });
    await cluster.kubectl('delete', '-k', overlay, '--wait=true', '--timeout=60s');
    await cluster.eventually('the end of wanwire’s pods', async () => {
      const path = 'jsonpath={.items[*].metadata.name}';
      const left = await cluster.kubectl('get', 'pods', '-n', system, '-o', path);
      if (left.includes('wanwire')) throw new Error(left);
    });
    // The webhook made these itself: docs/kubernetes.md says so.
    await cluster.kubectl('-n', system, 'delete', 'secret,lease', 'wanwire-webhook');
    t.strictSame(await whatIsTheirs(cluster), theirs);
    const named = ['get', 'all,serviceaccounts,configmaps,secrets,leases', '-n', system, '-o=name'];
    t.notMatch(await cluster.kubectl(...named), /wanwire/);
    // One of the forwarder's stays, for all wires to come.
    const rest = (await devicesOf(cluster)).filter((name) => !name.startsWith('wwvxlan'));
    t.strictSame(rest, bare, 'no device is left');
  });
});

/** What SPIRE's controller does for NSM: pods with the label of NSM get an ID each. */
async function identities(cluster: Cluster): Promise<void> {
  const within = ['-n', 'spire', 'exec', 'spire-server-0', '--', '/peers/spire-server'];
  const entry = (id: string, ...more: readonly string[]): Promise<string> =>
    cluster.kubectl(
      ...[...within, 'entry', 'create', '-socketPath', serverSocket],
      ...['-spiffeID', id, ...more],
    );
  await cluster.eventually('SPIRE’s server', () =>
    entry(agents, '-node', '-selector', 'k8s_psat:cluster:lab'),
  );
  const pods = {
    [system]: ['nsmgr', 'registry-k8s', 'wanwire'].map((one) => [one, `pod-label:app:${one}`]),
    default: ['greeter', 'icmp', ...clients].map((one) => [one, `pod-name:${one}`]),
  };
  for (const [namespace, of] of Object.entries(pods))
    for (const [name, selector] of of) {
      const selectors = [`ns:${namespace}`, 'pod-label:spiffe.io/spiffe-id:true', selector];
      await entry(
        `spiffe://${domain}/ns/${namespace}/${name ?? ''}`,
        ...['-parentID', agents],
        ...selectors.flatMap((one) => ['-selector', `k8s:${one ?? ''}`]),
      );
    }
}

/** NSM's and SPIRE's pods, and what NSM has in the cluster, each as the API server knows it. */
async function whatIsTheirs(cluster: Cluster): Promise<readonly string[]> {
  const path = 'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid}{"\\n"}{end}';
  const version =
    'jsonpath={range .items[*]}{.metadata.name} {.metadata.generation} {.metadata.labels}{"\\n"}{end}';
  const definitions = ['networkservices', 'networkserviceendpoints'];
  const said = await Promise.all([
    cluster.kubectl('get', 'pods', '-n', 'spire', '-o', path),
    cluster.kubectl('get', 'pods', '-n', system, '-l', 'app in (nsmgr, registry-k8s)', '-o', path),
    cluster.kubectl(
      'get',
      'namespace',
      system,
      '-o',
      'jsonpath={.metadata.uid} {.metadata.labels}',
    ),
    cluster.kubectl(
      ...['get', 'crd', '-o', version],
      ...definitions.map((one) => `${one}.networkservicemesh.io`),
    ),
  ]);
  return said.flatMap((one) => one.trim().split('\n'));
}

/** The names of NSM's registry, sorted. */
async function endpoints(cluster: Cluster): Promise<readonly string[]> {
  const path = 'jsonpath={.items[*].metadata.name}';
  const said = await cluster.kubectl('get', 'nses', '-n', system, '-o', path);
  return said.split(' ').toSorted();
}

/** Both wires of both clients: what is at the other end. */
async function wiresOf(cluster: Cluster) {
  const devices = clients.flatMap((pod) => ['nsm-1', 'nsm-2'].map((device) => ({ pod, device })));
  return Promise.all(
    devices.map(({ pod, device }) =>
      cluster.eventually(`${device} of ${pod}`, async () => {
        const routes = await cluster.inPod(pod, 'ip', '-4', 'route', 'show', 'dev', device);
        const address = /^(172\.3[01]\.\d+\.\d+) /m.exec(routes)?.[1];
        if (address === undefined) throw new Error(`no address behind it: ${routes}`);
        return { pod, address };
      }),
    ),
  );
}

/** Wait until there are so many of them that are up. */
async function told(cluster: Cluster, count: number): Promise<void> {
  await cluster.eventually(`${String(count)} wires`, async () => {
    const said = await cluster.kubectl('get', 'wires', '-o', 'jsonpath={.items[*].status.state}');
    const states = said.split(' ').filter((state) => state !== '');
    if (states.length !== count || states.some((state) => state !== 'up')) throw new Error(said);
  });
}

/** Of the node, but those of CNI. */
async function devicesOf(cluster: Cluster): Promise<readonly string[]> {
  const said = await cluster.node.exec('ip', '-brief', 'link');
  const names = said.split('\n').map((line) => line.split(/[ @]/)[0] ?? '');
  return names.filter((name) => name !== '' && !/^(veth|kubebr)/.test(name)).toSorted();
}
