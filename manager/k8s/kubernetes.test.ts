// SPDX-License-Identifier: Apache-2.0
/** Managers that share their registry by a real API server, and pods that get identities. */
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { systemClock as clock } from '../../api/chain/clock.js';
import { definitions } from '../../api/crd/kinds.js';
import { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { developmentTokens } from '../../api/identity/development-tokens.js';
import { openCluster } from '../../api/k8s/cluster.js';
import {
  customResourceDefinitions,
  networkServiceEndpoints as nses,
  networkServices,
  pods,
} from '../../api/k8s/resources.js';
import { silentLogger } from '../../api/log/log.js';
import { findAll } from '../../api/registry/look-up.js';
import { apiServer, noKube } from '../../test/stage/kube.js';
import { registryCall } from '../../test/doubles/registries.js';
import { nodePods } from '../agent/pods.js';
import { registries } from '../registry/chain.js';
import { declaredServices } from './declared.js';
import type { Stored } from './entries.js';
import { kubeStores } from './stores.js';

const log = silentLogger();
const endpointOf = NetworkServiceEndpoint.fromPartial.bind(NetworkServiceEndpoint);
const by = (name: string) =>
  registryCall(clock, {
    token: developmentTokens(name, 600_000, clock).issue(),
    arrivedOn: 'unix:///nsm.sock',
  });

async function until(what: string, fits: () => boolean | Promise<boolean>, ms = 20_000) {
  for (const end = Date.now() + ms; !(await fits());) {
    await sleep(20);
    if (Date.now() > end) throw new Error(`not within ${String(ms)} ms: ${what}`);
  }
}

t.test('with a real API server', { skip: await noKube() }, async (t) => {
  const plane = await apiServer(t);
  const open = async (t: Test, kubeconfig = plane.kubeconfig) => {
    const cluster = await openCluster({ kubeconfig, clock, log });
    t.teardown(() => {
      cluster[Symbol.dispose]();
    });
    return cluster;
  };
  const admin = await open(t);
  for (const definition of Object.values(definitions)) {
    await admin.apply(customResourceDefinitions, definition, { fieldManager: 'test' });
  }
  await plane.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s']);
  await plane.kubectl(['create', 'namespace', 'nsm-system']);

  /** The registries of the manager of a node. */
  const manager = async (t: Test, node: string, { expireMs = 60_000, kubeconfig = '' } = {}) => {
    const cluster = await open(t, kubeconfig === '' ? undefined : kubeconfig);
    const publicUrl = () => `tcp://10.0.0.${node.slice(1)}:5001`;
    const stores = await kubeStores(
      {
        ...{ cluster, publicUrl, manager: `nsmgr-${node}`, namespace: 'nsm-system' },
        ...{ forwarderService: 'forwarder', graceMs: Math.min(expireMs, 1_000), clock, log },
      },
      kubeconfig === '' ? 20_000 : 500,
    );
    const both = registries({
      ...{ expireMs, info: { nodeName: node }, publicUrl, clock, log },
      stores: {
        ...{ services: stores.services, endpoints: stores.endpoints },
        isOurs: (name) => stores.endpoints.isOurs(name),
        declared: declaredServices(stores.services),
      },
    });
    const close = () => {
      both[Symbol.dispose]();
      stores[Symbol.dispose]();
    };
    t.teardown(close);
    const urls = async (arrivedOn = 'unix:///nsm.sock') => {
      const call = registryCall(clock, { arrivedOn });
      const found = await findAll(call, both.endpoints, endpointOf({}));
      return Object.fromEntries(found.map(({ name, url }) => [name, url]));
    };
    return { ...both, stores, urls, close };
  };
  const endpoint = (name: string, change = {}) =>
    endpointOf({
      ...{ name, url: `unix:///run/${name}`, networkServiceNames: ['wan'] },
      networkServiceLabels: { wan: { labels: { app: 'sip' } } },
      ...change,
    });
  const object = (name: string) => admin.get<Stored>(nses, { name, namespace: 'nsm-system' });

  await t.test('shared by the managers of all nodes, as registry-k8s writes it', async (t) => {
    const [a, b] = [await manager(t, 'n1'), await manager(t, 'n2')];
    await a.services.register(by('gw'), NetworkService.fromPartial({ name: 'wan' }));
    await a.endpoints.register(by('gw'), endpoint('gw-1'));
    // An API server that has only just been told of a kind may ask to come again (429).
    const shown = async () => await plane.kubectl(['get', 'netsvcs', '-n', 'nsm-system']);
    await until('written', async () => /^wan +IP /m.test(await shown()));
    await until('written', async () => (await object('gw-1')) !== undefined);
    t.match(await object('gw-1'), {
      spec: {
        ...{ name: 'gw-1', url: 'tcp://10.0.0.1:5001', network_service_names: ['wan'] },
        network_service_labels: { wan: { labels: { app: 'sip', nodeName: 'n1' } } },
        ...{ expiration_time: { seconds: Number }, path_ids: ['gw'] },
      },
    });
    t.match(await plane.kubectl(['get', 'nses', '-n', 'nsm-system']), /gw-1 +\["wan"\] +tcp:/);
    await until('b knows', async () => 'gw-1' in (await b.urls()));
    t.same(await b.urls(), { 'gw-1': 'tcp://10.0.0.1:5001' });
    t.same(await b.urls('tcp://x'), { 'gw-1': 'tcp://10.0.0.1:5001' }, 'not by way of b');
    t.same(await a.urls(), { 'gw-1': 'unix:///run/gw-1' });
    t.same(await a.urls('tcp://x'), { 'gw-1': 'tcp://10.0.0.1:5001' });
    const change = { networkServiceNames: ['forwarder'], networkServiceLabels: {} };
    await a.endpoints.register(by('fwd'), endpoint('Forwarder_1', change));
    await b.endpoints.register(by('gw2'), endpoint('gw-2'));
    await until('a knows', async () => 'gw-2' in (await a.urls()));
    t.same(Object.keys(await b.urls()), ['gw-1', 'gw-2'], 'no forwarder of another node');
    t.match(await plane.kubectl(['get', 'nses', '-n', 'nsm-system']), /forwarder-1-[0-9a-f]{10} /);
    await t.rejects(b.endpoints.register(by('thief'), endpoint('gw-1')), {
      code: status.PERMISSION_DENIED,
    });

    a.close();
    const again = await manager(t, 'n1');
    t.same(await again.urls(), {
      ...{ 'gw-1': 'unix:///run/gw-1', 'gw-2': 'tcp://10.0.0.2:5001' },
      Forwarder_1: 'unix:///run/Forwarder_1',
    });
    const gone: string[] = [];
    const stop = new AbortController();
    const watch = async () => {
      const call = registryCall(clock, { signal: stop.signal });
      for await (const found of again.endpoints.find(call, endpointOf({ name: 'gw-1' }), true)) {
        if (found.deleted) gone.push(found.entry.name);
      }
    };
    watch().catch(() => undefined);
    t.teardown(() => {
      stop.abort();
    });
    await sleep(50);
    await plane.kubectl(['delete', 'nse', 'gw-1', '-n', 'nsm-system']);
    await until('felt', () => gone.length > 0);
    await b.endpoints.unregister(by('gw2'), endpoint('gw-2'));
    t.equal(await object('gw-2'), undefined);
    await until('felt', async () => !('gw-2' in (await again.urls())));
  });

  await t.test('what is applied has the last word', async (t) => {
    const a = await manager(t, 'n1');
    const matches = [
      { source_selector: { app: 'sip' }, routes: [{ destination_selector: { x: 'y' } }] },
    ];
    await admin.create(networkServices, {
      ...{ metadata: { name: 'applied', namespace: 'default' }, spec: { matches } },
    });
    await until('known', () => a.stores.services.get('applied') !== undefined);
    const ask = (change: object) =>
      a.services.register(by('gw'), NetworkService.fromPartial({ name: 'applied', ...change }));
    t.match(await ask({}), {
      ...{ payload: 'IP', pathIds: ['gw'] },
      matches: [{ sourceSelector: { app: 'sip' }, routes: [{ destinationSelector: { x: 'y' } }] }],
    });
    await t.rejects(ask({ payload: 'ETHERNET' }), {
      message: /applied to Kubernetes, and has payload IP, not ETHERNET/,
    });
    await t.rejects(
      a.services.unregister(by('gw'), NetworkService.fromPartial({ name: 'applied' })),
    );
    await plane.kubectl(['delete', 'netsvc', 'applied']);
    await until('gone', () => a.stores.services.get('applied') === undefined);
  });

  await t.test('conflicts, ends, and what a node that is gone has left', async (t) => {
    const a = await manager(t, 'n1', { expireMs: 1_500 });
    await a.endpoints.register(by('gw'), endpoint('busy'));
    const annotate = async () => {
      for (let count = 0; count < 20; count++) {
        const annotations = { count: String(count) };
        await admin.patch(
          nses,
          { name: 'busy', namespace: 'nsm-system' },
          { metadata: { annotations } },
        );
      }
    };
    const others = annotate();
    for (let count = 0; count < 10; count++) await a.endpoints.register(by('gw'), endpoint('busy'));
    await others;
    t.equal((await object('busy'))?.metadata.annotations?.['count'], '19', 'theirs stays');
    const left = (name: string, ms: number) => ({
      metadata: { name, namespace: 'nsm-system', annotations: { 'wanwire.io/manager': 'dead' } },
      spec: { name, url: 'unix:///x', expiration_time: { seconds: Math.floor(ms / 1_000) } },
    });
    await admin.create(nses, left('left', clock.now() - 10_000));
    await admin.create(nses, left('fresh', clock.now() + 60_000));
    await until('expired', async () => (await object('busy')) === undefined);
    await until('swept', async () => (await object('left')) === undefined);
    t.ok(await object('fresh'));
    t.notOk('fresh' in (await a.urls()), 'and cannot be reached from here');
  });

  await t.test('without the API server, and without a right', async (t) => {
    const a = await manager(t, 'n1');
    await a.endpoints.register(by('gw'), endpoint('before'));
    await plane.stopApiServer();
    await a.endpoints.register(by('gw'), endpoint('before'));
    await a.endpoints.register(by('gw'), endpoint('during'));
    t.ok('during' in (await a.urls()) && 'before' in (await a.urls()), 'known at once');
    await plane.startApiServer();
    await until('written', async () => (await object('during')) !== undefined);
    await a.endpoints.unregister(by('gw'), endpoint('during'));
    await until('deleted', async () => (await object('during')) === undefined);
    await plane.kubectl([
      ...['create', 'clusterrole', 'reads', '--verb=get,list,watch'],
      '--resource=networkserviceendpoints,networkservices',
    ]);
    await plane.kubectl([
      'create',
      'clusterrolebinding',
      'reads',
      '--clusterrole=reads',
      '--user=reader',
    ]);
    const b = await manager(t, 'n2', { kubeconfig: await plane.user('reader') });
    await until('its rights are known', () => b.stores.endpoints.get('before') !== undefined);
    await t.rejects(b.endpoints.register(by('gw'), endpoint('mine')), {
      code: status.PERMISSION_DENIED,
      message:
        /^reader may not create networkserviceendpoints in namespace nsm-system: .*verbs: \["create"\]$/,
    });
    t.same(b.stores.endpoints.get('mine'), undefined);
  });

  await t.test('pods of a node', async (t) => {
    await plane.kubectl(['create', 'serviceaccount', 'default']);
    const pod = (name: string, nodeName: string) =>
      admin.create(pods, {
        metadata: { name, namespace: 'default' },
        spec: { nodeName, containers: [{ name: 'a', image: 'a' }] },
      });
    const [one, two] = [await pod('one', 'n1'), await pod('two', 'n2')];
    const own = { namespace: 'nsm-system', name: 'wanwire-x' };
    const known = nodePods({ ...{ cluster: admin, node: 'n1', own, clock, log }, waitMs: 2_000 });
    t.teardown(() => {
      known[Symbol.dispose]();
    });
    const { signal } = new AbortController();
    const uid = (of: Stored, id?: string) => ({ podUid: of.metadata.uid, id });
    t.equal(known.ownPath, '/ns/nsm-system/pod/wanwire-x');
    t.equal(await known.pathOf(uid(one), signal), '/ns/default/pod/one');
    await t.rejects(known.pathOf(uid(two, 'f'.repeat(64)), signal), {
      code: status.PERMISSION_DENIED,
      message:
        /^no identity issued: pod uid [-0-9a-f]{36}, container f{64} is of no pod of node n1$/,
    });
    const id = 'ab'.repeat(32);
    const late = known.pathOf({ podUid: undefined, id }, signal);
    await sleep(300);
    const containerStatuses = [
      {
        name: 'a',
        image: 'a',
        imageID: '',
        ready: true,
        restartCount: 0,
        containerID: `containerd://${id}`,
      },
    ];
    const change = { status: { phase: 'Running', containerStatuses } };
    const place = { name: 'one', namespace: 'default' };
    await admin.patch(pods, place, change, { subresource: 'status' });
    t.notOk(known.isGone('spiffe://x/ns/default/pod/one'));
    t.notOk(known.isGone('spiffe://x/wanwire'));
    t.ok(known.isGone('spiffe://x/ns/default/pod/two'), 'as far as this node is concerned');
    t.equal(await late, '/ns/default/pod/one', 'the kubelet says it late');
    let gone = 0;
    known.onGone(() => gone++);
    await plane.kubectl(['delete', 'pod', 'one', '--force', '--grace-period=0']);
    await until('told', () => gone === 1);
    await t.rejects(known.pathOf(uid(one), signal), { code: status.PERMISSION_DENIED });
  });
});
