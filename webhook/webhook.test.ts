// SPDX-License-Identifier: Apache-2.0
/** The webhook as a real API server sees it, with the rights and the configurations of deploy/. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { parseAllDocuments, stringify } from 'yaml';
import { systemClock } from '../api/chain/clock.js';
import { environment as shell, readEnvironment } from '../api/env/read-environment.js';
import { openCluster } from '../api/k8s/cluster.js';
import { silentLogger } from '../api/log/log.js';
import type { ControlPlane } from '../lab/kube/control-plane.js';
import { apiServer, noKube } from '../test/stage/kube.js';
import { command } from '../test/stage/command.js';
import { Follower } from './certificates/follower.js';
import { after } from './certificates/make.js';
import { dataOf } from './certificates/material.js';
import { table } from './config.js';
import { start, type StartOptions, type Webhook } from './main.js';

t.setTimeout(240_000);
const log = silentLogger();
const account = 'system:serviceaccount:nsm-system:wanwire-webhook';
const wires = 'kernel://wan/nsm-1,kernel://wan-bulk/nsm-2?app=sip';

/** Rights, Service and configurations as they are shipped; the Deployment is the test. */
async function deployed(t: Test): Promise<{ plane: ControlPlane; kubeconfig: string }> {
  const plane = await apiServer(t);
  const { kubectl } = plane;
  await kubectl(['create', 'namespace', 'nsm-system']);
  const text = await readFile('deploy/kustomize/base/webhook.yaml', 'utf8');
  const parts = parseAllDocuments(text)
    .map((one) => one.toJS() as { kind: string })
    .filter(({ kind }) => kind !== 'Deployment');
  await kubectl(['apply', '-f', '-'], parts.map((one) => stringify(one)).join('---\n'));
  await kubectl(['apply', '-k', 'deploy/kustomize/crds']);
  const kubeconfig = await plane.user(account, ['system:serviceaccounts', 'system:authenticated']);
  await kubectl([
    ...[`--kubeconfig=${kubeconfig}`, 'config', 'set-context', '--current'],
    '--namespace=nsm-system',
  ]);
  await kubectl(['create', 'serviceaccount', 'default']).catch(() => undefined);
  return { plane, kubeconfig };
}

const environment = (name: string, more = {}) => ({
  ...{ NSM_NAME: name, NSM_NAMESPACE: 'nsm-system', WANWIRE_WEBHOOK_HOSTS: '127.0.0.1' },
  ...{ WANWIRE_WEBHOOK_LISTEN_ON: 'tcp://127.0.0.1:0', NSM_LABELS: 'spiffe.io/spiffe-id:true' },
  ...more,
});

async function webhook(
  t: Test,
  kubeconfig: string,
  name: string,
  more: Record<string, string> = {},
  options: StartOptions = {},
): Promise<Webhook> {
  const cluster = await openCluster({ kubeconfig, clock: systemClock, log });
  const { config } = readEnvironment(table, environment(name, more));
  const started = await start(config, log, { cluster, ...options });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> =>
    (closed ??= started.close().finally(() => {
      cluster[Symbol.dispose]();
    }));
  t.teardown(close);
  return { ...started, close };
}

/** Nobody serves the addresses of Services here: the API server is told the URL. */
async function pointTo({ kubectl }: ControlPlane, url: string): Promise<void> {
  for (const [resource, paths] of [
    ['mutatingwebhookconfiguration', ['mutate']],
    ['validatingwebhookconfiguration', ['validate', 'validate']],
  ] as const) {
    const patch = paths.map((path, at) => ({
      op: 'replace',
      path: `/webhooks/${String(at)}/clientConfig`,
      value: { url: `${url}/${path}` },
    }));
    await kubectl([
      'patch',
      resource,
      'wanwire',
      '--type=json',
      `--patch=${JSON.stringify(patch)}`,
    ]);
  }
}

async function trusted({ kubectl }: ControlPlane): Promise<readonly string[]> {
  const kinds = 'mutatingwebhookconfigurations,validatingwebhookconfigurations';
  const list = JSON.parse(await kubectl(['get', kinds, '-o', 'json'])) as {
    items: { webhooks: { clientConfig: { caBundle?: string } }[] }[];
  };
  return list.items.flatMap(({ webhooks }) =>
    webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? ''),
  );
}

async function until(what: string, is: () => Promise<boolean>, ms = 40_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (await is()) return;
    await sleep(200);
  }
  throw new Error(`waited ${String(ms)} ms for ${what}`);
}

const areAll = async (plane: ControlPlane, test: (bundle: string) => boolean): Promise<boolean> =>
  (await trusted(plane)).every(test);

const pod = (metadata: object, spec: object = {}) => ({
  ...{ apiVersion: 'v1', kind: 'Pod' },
  metadata: { name: 'web', ...metadata },
  spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
});
const annotated = (value = wires) => ({ annotations: { 'networkservicemesh.io': value } });
/** What the standard `restricted` asks of an app. */
const strict = {
  containers: [
    {
      ...{ name: 'app', image: 'app:1' },
      securityContext: {
        ...{ runAsNonRoot: true, runAsUser: 1, allowPrivilegeEscalation: false },
        ...{ capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } },
      },
    },
  ],
};

interface Made {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly template?: Made;
    readonly initContainers?: readonly { readonly name: string; readonly env: readonly object[] }[];
    readonly volumes?: readonly object[];
  };
}

async function dryRun({ kubectl }: ControlPlane, object: object, ...args: readonly string[]) {
  const line = ['create', '--dry-run=server', '-o', 'json', '-f', '-', ...args];
  return JSON.parse(await kubectl(line, JSON.stringify(object))) as Made;
}

const clients = ({ spec }: Made) => spec.initContainers?.map(({ name }) => name) ?? [];

async function namespace({ kubectl }: ControlPlane, name: string, metadata: object): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...metadata } };
  await kubectl(['create', '-f', '-'], JSON.stringify(object));
  // Controllers make it elsewhere.
  await kubectl(['create', 'serviceaccount', 'default', '-n', name]);
}

/** Asked past the API server. */
async function post(url: string, ca: string, object: object): Promise<unknown> {
  const uid = 'direct';
  const review = {
    ...{ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' },
    request: {
      ...{ uid, kind: { group: '', kind: 'Pod' }, operation: 'CREATE', namespace: 'default' },
      object,
    },
  };
  return await new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const call = request(
      `${url}/mutate`,
      { ca, method: 'POST', headers, agent: false },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('end', () => resolve(JSON.parse(text)));
      },
    );
    call.on('error', reject).end(JSON.stringify(review));
  });
}

t.test('a webhook', { skip: await noKube() }, async (t) => {
  const { plane, kubeconfig } = await deployed(t);
  const { kubectl } = plane;
  const first = await webhook(t, kubeconfig, 'first', {}, { settleMs: 200 });
  const url = first.urls[0] ?? '';
  await pointTo(plane, url);
  await until('the API server to be told', () => areAll(plane, (bundle) => bundle !== ''));

  await t.test('what is annotated gets its client', async (t) => {
    const one = await dryRun(plane, pod(annotated()));
    t.strictSame(clients(one), ['nsc-init', 'nsc']);
    t.match(one, {
      metadata: { labels: { 'spiffe.io/spiffe-id': 'true' } },
      spec: { initContainers: [{ env: [{}, {}, {}, {}, { value: wires }] }] },
    });
    t.strictSame(clients(await dryRun(plane, { ...one, status: undefined })), ['nsc-init', 'nsc']);
    t.strictSame(clients(await dryRun(plane, pod({}))), [], 'and nothing else does');
    const generated = await dryRun(
      plane,
      pod({ name: undefined, generateName: 'a-', ...annotated() }),
    );
    t.match(generated.spec.initContainers?.[0]?.env.at(-2), { value: '$(POD_NAME)' });
    t.match(one.spec.initContainers?.[0]?.env.at(-2), { value: '$(POD_NAME)-$(POD_UID)' });

    for (const kind of ['Deployment', 'DaemonSet', 'StatefulSet']) {
      const labels = { app: 'web' };
      const workload = {
        ...{ apiVersion: 'apps/v1', kind, metadata: { name: 'web', ...annotated() } },
        spec: {
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: pod({}).spec },
        },
      };
      await kubectl(['apply', '-f', '-'], JSON.stringify(workload));
      const get = async () => JSON.parse(await kubectl(['get', kind, 'web', '-o', 'json'])) as Made;
      const made = await get();
      t.strictSame(clients(made.spec.template ?? made), ['nsc-init', 'nsc'], kind);
      await kubectl(['annotate', kind, 'web', 'other=1']);
      await kubectl(['apply', '-f', '-'], JSON.stringify(workload));
      t.strictSame((await get()).spec.template, made.spec.template, 'an UPDATE changes nothing');
      await kubectl(['annotate', '--overwrite', kind, 'web', 'networkservicemesh.io=kernel://b']);
      const env = (await get()).spec.template?.spec.initContainers?.map((one) => one.env.at(-1));
      t.match(env, [{ value: 'kernel://b' }, { value: 'kernel://b' }], 'but its annotation');
    }

    await namespace(plane, 'all', annotated());
    t.strictSame(clients(await dryRun(plane, pod({}), '-n', 'all')), ['nsc-init', 'nsc']);
    t.strictSame(clients(await dryRun(plane, pod(annotated('')), '-n', 'all')), []);
  });

  await t.test('what is wrong is refused, with its place', async (t) => {
    const wrong = 'kernel://wan/nsm-1,kernel://b/a/b';
    const message =
      /denied the request: networkservicemesh.io: character 31, entry 2: interface name "a\/b" contains "\/"/;
    await t.rejects(dryRun(plane, pod(annotated(wrong))), { message });
    await t.rejects(namespace(plane, 'wrong', annotated(wrong)), { message });
    await t.rejects(
      kubectl(['annotate', 'deployment', 'web', '--overwrite', `networkservicemesh.io=${wrong}`]),
      { message },
    );
    const template = { metadata: { labels: { a: 'b' }, ...annotated(wrong) }, spec: pod({}).spec };
    const spec = { selector: { matchLabels: { a: 'b' } }, template };
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'b' }, spec };
    await t.rejects(dryRun(plane, deployment), {
      message: /template: networkservicemesh.io: character 31/,
    });
    await t.rejects(dryRun(plane, pod(annotated(), { hostNetwork: true })), /hostNetwork: true/);

    const site = (spec: object) => ({
      ...{ apiVersion: 'wanwire.io/v1alpha1', kind: 'Site', metadata: { name: 'edge' }, spec },
    });
    const link = { name: 'fibre', device: 'wan0', trusted: true };
    await t.rejects(dryRun(plane, site({ links: [link, { ...link, device: 'wan1' }] })), {
      message:
        /spec\.links\[1\]\.name: "fibre" is not valid: want one that links\[0\] does not have/,
    });
    await kubectl(['create', '-f', '-'], JSON.stringify(site({ links: [link] })));
    await kubectl(['label', 'site', 'edge', 'a=b']);
    const policy = {
      ...{ apiVersion: 'wanwire.io/v1alpha1', kind: 'SteeringPolicy', metadata: { name: 'p' } },
      spec: {
        ...{ services: ['wan'], default: 'a', classes: { a: {} } },
        rules: [{ name: 'x', match: {}, class: 'a' }],
      },
    };
    await t.rejects(
      dryRun(plane, policy),
      /spec\.rules\[0\]\.match: \{\} is not valid: want at least one criterion/,
    );
    const service = {
      ...{ apiVersion: 'networkservicemesh.io/v1', kind: 'NetworkService' },
      metadata: { name: 'wan' },
      spec: { payload: 'IP', matches: [{ source_selector: {}, routes: [] }], path_ids: ['a'] },
    };
    await dryRun(plane, service);
    await t.rejects(
      dryRun(plane, { ...service, spec: { name: 'other' } }),
      /spec\.name: "other" is not valid/,
    );
  });

  await t.test('Pod Security', async (t) => {
    for (const level of ['baseline', 'restricted']) {
      const labels = { 'pod-security.kubernetes.io/enforce': level };
      await namespace(plane, level, { labels });
      const made = await dryRun(plane, pod(annotated(), strict), '-n', level);
      t.match(
        made.spec.volumes?.filter((volume) => 'csi' in volume),
        [{ csi: { driver: 'csi.spiffe.io' } }, { csi: { driver: 'csi.networkservicemesh.io' } }],
      );
      t.strictSame(clients(made), ['nsc-init', 'nsc'], `${level} takes it`);
    }
    const hostPath = { volumes: [{ name: 'nsm-socket', hostPath: { path: '/var' } }] };
    await t.rejects(
      dryRun(plane, pod(annotated(), { ...strict, ...hostPath }), '-n', 'restricted'),
      /violates PodSecurity "restricted:latest": restricted volume types/,
      'and it does look',
    );
  });

  await t.test('the API server is away', async (t) => {
    const cluster = await openCluster({ kubeconfig, clock: systemClock, log });
    using follower = new Follower({
      ...{ cluster, namespace: 'nsm-system', secret: 'wanwire-webhook', clock: systemClock, log },
    });
    await follower.first();
    const [bundle = ''] = await trusted(plane);
    const ca = Buffer.from(bundle, 'base64').toString();
    await plane.stopApiServer();
    const answer = { response: { uid: 'direct', allowed: true, patchType: 'JSONPatch' } };
    t.match(await post(url, ca, pod(annotated())), answer);
    await plane.startApiServer();
    t.strictSame(clients(await dryRun(plane, pod(annotated()))), ['nsc-init', 'nsc']);
    cluster[Symbol.dispose]();
  });

  await t.test('a certificate is renewed under load, by whoever leads', async (t) => {
    await first.close();
    const before = await trusted(plane);
    // One that another process, which is killed, has led with.
    const env = { ...shell(), ...environment('killed'), KUBECONFIG: kubeconfig };
    const killed = spawn(process.execPath, [command(), 'webhook'], {
      ...{ env, stdio: ['ignore', 'pipe', 'ignore'] },
    });
    const [line] = (await once(killed.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    t.match(line.toString(), /wanwire webhook|webhook .* is ready/);
    await until('it to lead', async () => {
      const lease = ['get', 'lease', 'wanwire-webhook', '-n', 'nsm-system', '-o', 'json'];
      return /"holderIdentity": "killed"/.test(await kubectl(lease));
    });
    t.strictSame(await trusted(plane), before, 'what is good is not made again');
    const second = await webhook(
      t,
      kubeconfig,
      'second',
      // Renewed after 16 s: a busy API server has 2 s to hear of the new root, and all have 6 to change.
      { WANWIRE_CERTIFICATE_LIFETIME: '24s' },
      { settleMs: 2_000 },
    );
    await pointTo(plane, second.urls[0] ?? '');
    await until('the process that leads to tell whom to trust', () =>
      areAll(plane, (bundle) => bundle === before[0]),
    );
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    // The lease of the killed one lasts 15 s; what it had lasts longer than the second one's would.
    const secret = ['secret', 'wanwire-webhook', '-n', 'nsm-system'];
    await kubectl(['delete', ...secret]);
    const isRenewed = (bundle: string) => bundle !== '' && !bundle.includes(before[0] ?? '');
    await until('another to lead', () => areAll(plane, isRenewed));
    const [own = ''] = await trusted(plane);
    const served = ['get', ...secret, '-o', 'jsonpath={.data.tls\\.crt}'];
    const shown = await kubectl(served);
    // What was deleted is gone at once; a renewal is to be noticed by nobody.
    let [asked, over] = [0, false];
    const failures: string[] = [];
    const load = (async (): Promise<void> => {
      while (!over) {
        asked++;
        await dryRun(plane, pod(annotated())).then(
          (made) => clients(made).length !== 2 && failures.push(clients(made).join()),
          (reason: unknown) => failures.push(String(reason)),
        );
      }
    })();
    const more = async (): Promise<void> => {
      const enough = asked + 11;
      await until('ten more pods', () => Promise.resolve(asked >= enough));
    };
    await more();
    await until('a renewal', () => areAll(plane, (bundle) => bundle !== own));
    await until('another certificate', async () => (await kubectl(served)) !== shown);
    await more();
    over = true;
    await load;
    t.strictSame(failures, [], `none of ${String(asked)} failed during the renewal`);
    await second.close();

    const nowMs = Date.now() - 3_600_000;
    const ended = await after('replace', {
      ...{ material: undefined, nowMs, lifetimeMs: 1_800_000, hosts: ['127.0.0.1'] },
      ...{ trustedSinceMs: undefined, settleMs: 0 },
    });
    const patch = `--patch=${JSON.stringify({ data: dataOf(ended) })}`;
    await kubectl(['patch', ...secret, '--type=merge', patch]);
    const third = await webhook(t, kubeconfig, 'third');
    await pointTo(plane, third.urls[0] ?? '');
    await until(
      'one that has ended to be replaced at once',
      async () => {
        const made = await dryRun(plane, pod(annotated())).catch(() => undefined);
        return made !== undefined && clients(made).length === 2;
      },
      // One that was not replaced but prepared would be told for 30 s.
      20_000,
    );
  });
});
