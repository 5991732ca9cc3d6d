// SPDX-License-Identifier: Apache-2.0
/** A real API server: objects, refusals in words, what informers and elections make of its faults. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { parseAllDocuments } from 'yaml';
import { definitions } from '../crd/kinds.js';
import { systemClock as clock } from '../chain/clock.js';
import { silentLogger } from '../log/log.js';
import { apiServer, noKube } from '../../test/stage/kube.js';
import { openCluster, type Cluster, type KubeObject } from './cluster.js';
import { informer, type Informer } from './informer.js';
import { elect } from './leader.js';
import {
  configMaps,
  customResourceDefinitions,
  leases,
  networkServices,
  pods,
  sites,
  steeringPolicies,
} from './resources.js';

interface Stored extends KubeObject {
  readonly spec?: Readonly<Partial<Record<'holderIdentity' | 'acquireTime' | 'renewTime', string>>>;
}
interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}
const map = (name: string, data = {}): ConfigMap => ({
  metadata: { name, namespace: 'default' },
  data,
});

/** A logger whose warnings and errors are kept. */
function listening() {
  const lines: string[] = [];
  const log = silentLogger();
  const keep = (_: unknown, text: string) => void lines.push(text);
  Object.assign(log, { warn: keep, error: keep, info: keep });
  return { log, lines };
}

async function until(what: string, fits: () => boolean | Promise<boolean>, ms = 15_000) {
  for (const end = Date.now() + ms; !(await fits());) {
    await sleep(10);
    if (Date.now() > end) throw new Error(`not within ${String(ms)} ms: ${what}`);
  }
}

/** The examples of a page of the docs, of these kinds. */
function examples(page: string): KubeObject[] {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```ya?ml\n([\s\S]*?)^```/gm)]
    .flatMap(([, yaml = '']) => parseAllDocuments(yaml))
    .map((document) => document.toJS() as KubeObject)
    .filter(({ kind = '' }) => ['Site', 'SteeringPolicy', 'NetworkService'].includes(kind));
}

const skip = await noKube();

t.test('a real API server', { skip }, async (t) => {
  const plane = await apiServer(t);
  const log = silentLogger();
  const open = async (t: Test, kubeconfig = plane.kubeconfig): Promise<Cluster> => {
    const cluster = await openCluster({ kubeconfig, clock, log });
    t.teardown(() => cluster[Symbol.dispose]());
    return cluster;
  };
  const admin = await open(t);
  const watch = (t: Test, cluster: Cluster, options = {}): Informer<ConfigMap> => {
    const all = { namespace: 'default', clock, log, firstPauseMs: 50, longestPauseMs: 200 };
    const found = informer<ConfigMap>(cluster, configMaps, { ...all, ...options });
    t.teardown(() => found[Symbol.dispose]());
    return found;
  };

  await t.test('objects and conflicts', async (t) => {
    t.equal(admin.namespace, 'default');
    t.equal(admin.server, plane.url);
    t.equal(await admin.get(configMaps, { name: 'a' }), undefined);
    const made = await admin.create(configMaps, map('a', { x: '1' }));
    await t.rejects(admin.create(configMaps, map('a')), { code: status.ALREADY_EXISTS });
    const next = await admin.replace(configMaps, { ...made, data: { x: '2' } });
    t.equal(next.data['x'], '2');
    await t.rejects(admin.replace(configMaps, { ...made, data: {} }), {
      ...{ name: 'ConflictError', code: status.ABORTED },
      message: /^configmaps default\/a: .*modified/,
    });
    const patched = await admin.patch<ConfigMap>(configMaps, { name: 'a' }, { data: { x: null } });
    t.equal(patched.data, undefined);
    const applied = await admin.apply(configMaps, map('b', { y: '1' }), { fieldManager: 'test' });
    t.equal(applied.data?.['y'], '1');
    t.match(
      (await admin.list(configMaps, { namespace: 'default' })).map((o) => o.kind),
      ['ConfigMap'],
    );
    await admin.remove(configMaps, { name: 'b', uid: 'another' });
    t.ok(await admin.get(configMaps, { name: 'b' }), 'another one of that name is not ours');
    await admin.remove(configMaps, { name: 'b' });
    await admin.remove(configMaps, { name: 'b' });
    await t.rejects(admin.create(configMaps, { metadata: { name: 'Not_valid' } }), {
      code: status.INVALID_ARGUMENT,
      message: /configmaps default: .*metadata\.name/,
    });
    await t.rejects(admin.get(configMaps, { name: 'a' }, AbortSignal.abort()), {
      name: 'AbortError',
    });
  });

  await t.test('kinds that are missing or older, and definitions that are accepted', async (t) => {
    await t.rejects(admin.list(sites), {
      code: status.NOT_FOUND,
      message:
        /knows no sites of wanwire\.io\/v1alpha1: .*kubectl apply -k deploy\/kustomize\/crds/,
    });
    await t.rejects(admin.get(sites, { name: 'a' }), { name: 'MissingKindError' });
    const site = definitions['sites.yaml'];
    if (site === undefined) throw new Error('no definition of Site');
    const text = JSON.stringify(site).replaceAll('v1alpha1', 'v1alpha0');
    const older = JSON.parse(text) as KubeObject;
    await admin.create(customResourceDefinitions, older);
    let found = '';
    const missing = async (): Promise<void> => {
      found = await admin.list(sites).then(String, String);
    };
    for (let tries = 0; tries < 100 && !found.includes('v1alpha0'); tries++) {
      await missing();
      await sleep(50);
    }
    t.match(found, /v1alpha1 \(it has wanwire\.io\/v1alpha0\)/);
    await admin.remove(customResourceDefinitions, older.metadata);
    for (let gone = false; !gone;) {
      await sleep(50);
      gone = (await admin.get(customResourceDefinitions, older.metadata)) === undefined;
    }
    const { log, lines } = listening();
    const careful = await openCluster({ kubeconfig: plane.kubeconfig, clock, log });
    t.teardown(() => careful[Symbol.dispose]());
    const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    const spec = { type: 'object', properties: { links: { type: 'array', items: anything } } };
    const poor = JSON.parse(JSON.stringify(site)) as { spec: { versions: object[] } } & KubeObject;
    const openAPIV3Schema = { type: 'object', properties: { spec } };
    poor.spec.versions = poor.spec.versions.map((one) => ({ ...one, schema: { openAPIV3Schema } }));
    await careful.create(customResourceDefinitions, poor);
    await plane.kubectl(['wait', '--for=condition=Established', 'crd/sites.wanwire.io']);
    const links = [{ name: 'a', device: 'a', trusted: true }];
    const full = { metadata: { name: 'full' }, spec: { links, vxlanPort: 4790 } } as KubeObject;
    for (let there = false; !there;) {
      await sleep(50);
      there = await careful.create(sites, full).then(
        () => true,
        () => false,
      );
    }
    t.match(lines.join(), /Definition is older than this wanwire and drops fields/);
    for (const definition of Object.values(definitions)) {
      await admin.apply(customResourceDefinitions, definition, { fieldManager: 'test' });
    }
    await plane.kubectl([
      ...['wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s'],
    ]);
    const wrong = await plane.kubectl(['get', 'crd', '-o', 'json']);
    t.notMatch(wrong, /NonStructuralSchema|"NamesAccepted",\s+"status": "False"/);
    let count = 0;
    for (const one of [...examples('site-file.md'), ...examples('policy.md')]) {
      // Its position tells apart what the docs call by one name.
      const object = { ...one, metadata: { ...one.metadata, name: `example-${String(count++)}` } };
      const resource =
        one.kind === 'Site'
          ? sites
          : one.kind === 'NetworkService'
            ? networkServices
            : steeringPolicies;
      await t.resolves(admin.create(resource, object), `${one.kind ?? ''} ${one.metadata.name}`);
    }
    t.ok(count > 3, 'there are examples');
    await t.rejects(
      admin.create(sites, { metadata: { name: 'x' }, spec: { links: [{}] } } as KubeObject),
      { code: status.INVALID_ARGUMENT, message: /sites: .*spec\.links\[0\]\.name: Required/ },
    );
    const table = await plane.kubectl(['get', 'site', 'example-0']);
    t.match(table, /NAME +LINKS +ACCEPTED +LINKSUP +AGE\nexample-0 +/);
    t.match(await plane.kubectl(['explain', 'site.spec.links.trusted']), /reads along/);
    t.match(
      await plane.kubectl(['api-resources', '--categories=wanwire']),
      /steeringpolicies +steer /,
    );
  });

  await t.test('rights that are missing are named', async (t) => {
    const cluster = await open(t, await plane.user('system:serviceaccount:nsm-system:wanwire'));
    await t.rejects(cluster.list(pods, { namespace: 'nsm-system' }), {
      code: status.PERMISSION_DENIED,
      message:
        'system:serviceaccount:nsm-system:wanwire may not list pods in namespace nsm-system: grant it by a Role in nsm-system or a ClusterRole with apiGroups: [""], resources: ["pods"], verbs: ["list"]',
    });
    await t.rejects(cluster.patch(sites, { name: 'a' }, {}, { subresource: 'status' }), {
      message:
        /may not patch sites\/status in the whole cluster: .*a ClusterRole with apiGroups: \["wanwire\.io"\], resources: \["sites\/status"\], verbs: \["patch"\]/,
    });
    const { log, lines } = listening();
    const mute = informer(cluster, pods, { clock, log, firstPauseMs: 20, longestPauseMs: 50 });
    t.teardown(() => mute[Symbol.dispose]());
    await until('trouble', () => mute.trouble !== undefined);
    t.match(mute.trouble?.message, /may not list pods in the whole cluster/);
    await sleep(300);
    t.equal(lines.length, 1, 'one line, however often it is tried');
    await plane.kubectl(['create', 'clusterrole', 'late', '--verb=list,watch', '--resource=pods']);
    await plane.kubectl([
      ...['create', 'clusterrolebinding', 'late', '--clusterrole=late'],
      '--serviceaccount=nsm-system:wanwire',
    ]);
    await mute.synced;
    t.ok(mute.isCurrent);
    t.equal(lines.length, 2);
  });

  await t.test('an informer: large lists, changes, watches that end', async (t) => {
    const names = Array.from({ length: 620 }, (_, at) => `many-${String(at)}`);
    const rest = [...names];
    const maker = async (): Promise<void> => {
      for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
        await admin.create(configMaps, map(name));
      }
    };
    // Each has 20 s for its answer: not all at once.
    await Promise.all(Array.from({ length: 20 }, maker));
    const found = watch(t, admin, { watchSeconds: 1 });
    await found.synced;
    t.equal(found.items.filter(({ metadata }) => metadata.name.startsWith('many-')).length, 620);
    const changes: string[] = [];
    found.onChange(({ type, object }) => changes.push(`${type} ${object.metadata.name}`));
    for (const value of ['1', '2', '3']) {
      await admin.apply(configMaps, map('many-0', { value }), { fieldManager: 'test' });
      await sleep(900);
    }
    await admin.remove(configMaps, { name: 'many-1' });
    await admin.create(configMaps, map('new'));
    await until('told', () => changes.length >= 5);
    t.same(changes, [
      ...['modified many-0', 'modified many-0', 'modified many-0', 'deleted many-1', 'added new'],
    ]);
    t.equal(found.get({ name: 'many-0' })?.data?.['value'], '3');
    t.equal(found.get({ name: 'many-1', namespace: 'default' }), undefined);
    t.ok(found.isCurrent);
  });

  await t.test('an API server that is away for a while', async (t) => {
    const { log, lines } = listening();
    const found = watch(t, admin, { log, watchSeconds: 20 });
    await found.synced;
    const changes: string[] = [];
    found.onChange(({ type, object }) => changes.push(`${type} ${object.metadata.name}`));
    const currents: boolean[] = [];
    found.onCurrent((isCurrent) => currents.push(isCurrent));
    await plane.stopApiServer();
    await until('away', () => !found.isCurrent);
    await t.rejects(admin.list(pods), { name: 'UnreachableError', message: /GET .*pods at https/ });
    t.ok(found.get({ name: 'new' }), 'what is known stays');
    await sleep(700);
    await plane.startApiServer();
    await until('back', () => found.isCurrent);
    await admin.remove(configMaps, { name: 'new' });
    await until('told', () => changes.includes('deleted new'));
    t.same(currents, [false, true]);
    t.same(lines, ['not watched: what is known may be old, trying again', 'watched again']);
    t.same(changes, ['deleted new'], 'and nothing is told that did not change');
  });

  await t.test('one leads, another takes over, two never at once', async (t) => {
    const leading = new Set<string>();
    const order: string[] = [];
    let most = 0;
    const take = (identity: string, cluster: Cluster, stop: AbortController) =>
      elect({
        ...{ cluster, lease: 'test', identity, clock, log, signal: stop.signal },
        ...{ durationMs: 6_000, renewBeforeMs: 4_000, retryMs: 150 },
        lead: async (signal) => {
          leading.add(identity);
          order.push(identity);
          most = Math.max(most, leading.size);
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          leading.delete(identity);
        },
      });
    const [a, b] = [new AbortController(), new AbortController()];
    const second = await open(t);
    const ends = [take('a', admin, a)];
    await until('a leads', () => leading.has('a'));
    ends.push(take('b', second, b));
    const held = async (): Promise<number> => {
      const { spec } = (await admin.get<Stored>(leases, { name: 'test' })) ?? {};
      return Date.parse(spec?.renewTime ?? '') - Date.parse(spec?.acquireTime ?? '');
    };
    await until('it is held longer than a lease lasts', async () => (await held()) > 6_000, 20_000);
    t.same(order, ['a'], 'as long as it renews');
    a.abort();
    await ends[0];
    const released = await admin.get<Stored>(leases, { name: 'test' });
    t.not(released?.spec?.holderIdentity, 'a');
    await until('b leads', () => leading.has('b'));
    t.match(await admin.get(leases, { name: 'test' }), {
      spec: { holderIdentity: 'b', leaseTransitions: 1 },
    });
    await plane.stopApiServer();
    await until('b ends by itself', () => leading.size === 0);
    await plane.startApiServer();
    await until('and leads again', () => leading.has('b'));
    const lease = await admin.get<KubeObject>(leases, { name: 'test' });
    const other = { ...lease, spec: { holderIdentity: 'dead', leaseDurationSeconds: 1 } };
    await admin.patch(leases, { name: 'test' }, { spec: other.spec });
    await until('b hears of it', () => leading.size === 0);
    await until('and takes over from who does not renew', () => leading.has('b'));
    b.abort();
    await Promise.all(ends);
    t.equal(most, 1);
  });
});
