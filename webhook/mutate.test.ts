// SPDX-License-Identifier: Apache-2.0
/** What is injected into what, and what is left as it is. */
import t from 'tap';
import { readEnvironment } from '../api/env/read-environment.js';
import { silentLogger } from '../api/log/log.js';
import { table } from './config.js';
import { mutate } from './mutate.js';
import type { NamespaceFacts } from './namespaces.js';
import { requestIn, type Operation, type Verdict } from './review.js';
import { settingsOf } from './settings.js';

const wires = 'kernel://wan/nsm-1';
const annotations = { 'networkservicemesh.io': wires };
const plain = { containers: [{ name: 'app', image: 'app:1' }] };
const free: NamespaceFacts = { labels: {}, annotations: {} };

interface Asked {
  readonly kind?: string;
  readonly operation?: string;
  readonly namespace?: NamespaceFacts | Error | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

async function judge(object: object, asked: Asked = {}): Promise<Verdict> {
  const { kind = 'Pod', operation = 'CREATE', env = {} } = asked;
  const namespace = 'namespace' in asked ? asked.namespace : free;
  const group = kind === 'Pod' ? '' : 'apps';
  const request = requestIn({
    ...{ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' },
    request: { uid: '1', kind: { group, kind }, operation, namespace: 'default', object },
  });
  const settings = settingsOf(readEnvironment(table, env).config);
  const get = (): Promise<NamespaceFacts | undefined> =>
    namespace instanceof Error ? Promise.reject(namespace) : Promise.resolve(namespace);
  return await mutate(request, { settings, namespaces: { get }, log: silentLogger() });
}

/** An object after its patch. */
function patched<T extends object>(object: T, patch: readonly Operation[] = []): T {
  const whole = structuredClone(object);
  for (const { op, path, value } of patch) {
    const keys = path.split('/').slice(1);
    const last = (keys.pop() ?? '').replaceAll('~1', '/').replaceAll('~0', '~');
    let at = whole as Record<string, unknown>;
    for (const key of keys) at = at[key] as Record<string, unknown>;
    if (op === 'remove') throw new Error('nothing is ever removed');
    if (last === '-') (at as unknown as unknown[]).push(value);
    else at[last] = value;
  }
  return whole;
}

interface Filled {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}
const text = ({ env }: Filled, name: string) => env.find((one) => one.name === name)?.value;

t.test('a pod', async (t) => {
  const pod = {
    metadata: { generateName: 'web-7d9-', labels: { app: 'web' }, annotations },
    spec: { ...plain, initContainers: [{ name: 'first', image: 'x' }] },
  };
  const env = { NSM_LABELS: 'spiffe.io/spiffe-id:true', NSM_ENVS: 'NSM_LOG_LEVEL=DEBUG,A=$(B)' };
  const verdict = await judge(pod, { env });
  const after = patched(pod, verdict.patch);
  const [first, init, sidecar] = after.spec.initContainers as unknown as readonly Filled[];
  t.equal(first?.name, 'first', 'what the pod has is not moved');
  t.match(init, { name: 'nsc-init', args: ['nsc-init'], restartPolicy: undefined });
  t.match(sidecar, { name: 'nsc', args: ['nsc'], restartPolicy: 'Always' });
  for (const one of [init, sidecar]) {
    if (one === undefined) throw new Error('is missing');
    t.match(one, {
      image: /^wanwire:/,
      resources: { limits: { memory: '200Mi' }, requests: { cpu: '5m' } },
      volumeMounts: [
        { mountPath: '/run/spire/sockets', readOnly: true },
        { mountPath: '/var/lib/networkservicemesh', readOnly: true },
      ],
    });
    t.equal(text(one, 'NSM_NAME'), '$(POD_NAME)');
    t.equal(text(one, 'NSM_NETWORK_SERVICES'), wires);
    t.equal(text(one, 'SPIFFE_ENDPOINT_SOCKET'), 'unix:///run/spire/sockets/agent.sock');
    t.equal(text(one, 'A'), '$$(B)', 'nothing is expanded');
    const names = one.env.map(({ name }) => name);
    t.ok(names.indexOf('POD_NAME') < names.indexOf('NSM_NAME'));
  }
  t.strictSame(after.metadata.labels, { app: 'web', 'spiffe.io/spiffe-id': 'true' });
  t.match((after.spec as { volumes?: unknown }).volumes, [
    { hostPath: { path: '/run/spire/sockets' } },
    { hostPath: { path: '/var/lib/networkservicemesh' } },
  ]);
  t.strictSame((await judge(after, { env })).patch, [], 'a second call finds nothing to do');

  const bare = { metadata: { name: 'bare', annotations }, spec: plain };
  const named = patched(bare, (await judge(bare)).patch) as never as {
    spec: { initContainers: readonly Filled[] };
  };
  t.equal(
    text(named.spec.initContainers[0] ?? { name: '', env: [] }, 'NSM_NAME'),
    '$(POD_NAME)-$(POD_UID)',
    'a name that may come again',
  );
});

t.test('ordinary containers, and those of NSM', async (t) => {
  const pod = { metadata: { annotations }, spec: plain };
  const env = {
    WANWIRE_SIDECAR: 'ordinary',
    NSM_INIT_CONTAINER_IMAGES: 'host:5000/nsm/cmd-nsc-init:v1',
    NSM_CONTAINER_IMAGES: 'cmd-nsc@sha256:00',
  };
  const after = patched(pod, (await judge(pod, { env })).patch) as never as {
    spec: Record<string, readonly Filled[]>;
  };
  t.match(after.spec['containers'], [{ name: 'app' }, { name: 'cmd-nsc', args: undefined }]);
  t.match(after.spec['initContainers'], [{ name: 'cmd-nsc-init' }]);
  t.strictSame(await judge(after), {}, 'a client of somebody else is enough');
});

t.test('a workload', async (t) => {
  for (const kind of ['Deployment', 'DaemonSet', 'StatefulSet', 'ReplicaSet']) {
    const workload = {
      metadata: { name: 'web', annotations },
      spec: { template: { spec: plain } },
    };
    const first = await judge(workload, { kind });
    const after = patched(workload, first.patch) as never as {
      metadata: object;
      spec: { template: { spec: { initContainers: readonly Filled[] } } };
    };
    const [init] = after.spec.template.spec.initContainers;
    const name = kind === 'StatefulSet' ? '$(POD_NAME)-$(POD_UID)' : '$(POD_NAME)';
    t.equal(init && text(init, 'NSM_NAME'), name, kind);
    t.strictSame((await judge(after, { kind, operation: 'UPDATE' })).patch, [], 'not twice');
    t.strictSame(
      (await judge(patched({ spec: {} }, []), { kind })).patch,
      undefined,
      'and nothing where there is no template',
    );
    const { template } = after.spec;
    t.notOk((await judge(template)).patch, 'its pods have it already');

    const other = {
      ...after,
      metadata: { annotations: { 'networkservicemesh.io': 'kernel://b' } },
    };
    const update = await judge(other, { kind, operation: 'UPDATE' });
    t.strictSame(
      update.patch?.map(({ op, value }) => [op, value]),
      [
        ['replace', 'kernel://b'],
        ['replace', 'kernel://b'],
      ],
      'another annotation is followed, and nothing else',
    );
  }
  const template = { metadata: { annotations }, spec: plain };
  t.strictSame(
    await judge({ spec: { template } }, { kind: 'Deployment' }),
    {},
    'each pod by itself',
  );
  const both = { metadata: { annotations }, spec: { template } };
  t.strictSame(await judge(both, { kind: 'Deployment' }), {});
  const ownerReferences = [{ kind: 'Deployment', name: 'web' }];
  const owned = { metadata: { annotations, ownerReferences }, spec: { template: { spec: plain } } };
  t.strictSame(await judge(owned, { kind: 'ReplicaSet' }), {}, 'its Deployment has it');
});

t.test('a namespace', async (t) => {
  const namespace = { labels: {}, annotations };
  const pod = { metadata: { name: 'a' }, spec: plain };
  t.ok((await judge(pod, { namespace })).patch?.length);
  const none = { metadata: { annotations: { 'networkservicemesh.io': '' } }, spec: plain };
  t.notOk((await judge(none, { namespace })).patch, 'an empty annotation: no wires');
  const host = { metadata: { name: 'a' }, spec: { ...plain, hostNetwork: true } };
  t.strictSame(await judge(host, { namespace }), {}, 'a pod of the node is none of it');
  const wrong = { labels: {}, annotations: { 'networkservicemesh.io': 'kernel://a/b/c' } };
  t.match((await judge(pod, { namespace: wrong })).refusal, /character 12.*namespace default/);

  for (const [level, volume] of [
    ['privileged', 'hostPath'],
    ['baseline', 'csi'],
    ['restricted', 'csi'],
  ] as const) {
    const labels = { 'pod-security.kubernetes.io/enforce': level };
    const { patch } = await judge(pod, { namespace: { labels, annotations } });
    const volumes = patch?.find(({ path }) => path === '/spec/volumes')?.value;
    t.match(volumes, [{ [volume]: {} }, { [volume]: {} }], level);
  }
});

t.test('what is not touched, and what is refused', async (t) => {
  const pod = { metadata: { name: 'a' }, spec: plain };
  t.strictSame(await judge(pod), { warnings: [] }, 'without the annotation');
  const annotated = { metadata: { annotations }, spec: plain };
  t.strictSame(await judge(annotated, { operation: 'UPDATE' }), {}, 'a pod stays as it is');
  t.strictSame(await judge({ metadata: { annotations } }), {}, 'no pod at all');
  t.strictSame(await judge(annotated, { kind: 'Job' }), {});
  const away = await judge(pod, { namespace: new Error('away') });
  t.match(away, { patch: undefined, warnings: [/namespace default cannot be looked up/] });
  t.ok((await judge(annotated, { namespace: new Error('away') })).patch?.length);
  t.match(
    (await judge({ metadata: { annotations }, spec: { ...plain, hostNetwork: true } })).refusal,
    /hostNetwork: true.*want a network namespace of its own/,
  );
  const long = { 'networkservicemesh.io': `${wires},kernel://a/x23456789012345678` };
  t.equal(
    (await judge({ metadata: { annotations: long }, spec: plain })).refusal,
    'networkservicemesh.io: character 31, entry 2: interface name "x23456789012345678" has 18 characters, more than Linux\' 15: want 1 to 15 letters, digits, "-", "_" or "."',
  );
});
