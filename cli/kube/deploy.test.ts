// SPDX-License-Identifier: Apache-2.0
/** What is deployed: Helm and kustomize have the same objects, a real API server takes them, and `status --kube` tells of them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseAllDocuments, stringify } from 'yaml';
import { kubePrograms } from '../../lab/kube/programs.js';
import { apiServer, noKube } from '../../test/stage/kube.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const deploy = `${root}deploy`;

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function run(program: string, args: readonly string[]): Promise<Said> {
  const child = spawn(program, args, { env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent' } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (err += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

const wanwire = (...args: string[]): Promise<Said> =>
  run(process.execPath, [`${root}dist/bin/wanwire.js`, 'status', '--kube', ...args]);

/** By kind and name; lists of named things in order of their names. */
function objectsOf(text: string): Record<string, unknown> {
  const objects = parseAllDocuments(text)
    .map((document) => (document as { toJS(): unknown }).toJS() as Named | null)
    .filter((one) => one !== null);
  return Object.fromEntries(
    objects.map((one) => [`${String(one.kind)} ${String(one.metadata?.name)}`, ordered(one)]),
  );
}

interface Named {
  readonly kind?: string;
  readonly name?: string;
  readonly metadata?: { readonly name?: string };
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) {
    const name = (one: unknown): string => (one as Named | null)?.name ?? '';
    return value.map(ordered).sort((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, ordered(of)]));
}

t.test('what is deployed', { skip: await noKube(), timeout: 120_000 }, async (t) => {
  const programs = await kubePrograms();
  const chart = async (...values: string[]): Promise<string> => {
    const args = ['template', 'wanwire', `${deploy}/helm`, '--include-crds'];
    const { code, out, err } = await run(programs('helm'), [
      ...[...args, '--kube-version', '1.36.3'],
      ...values.flatMap((value) => ['--set', value]),
    ]);
    if (code !== 0) throw new Error(err);
    return out;
  };

  for (const mode of ['standalone', 'nsm']) {
    await t.test(`helm and kustomize have the same: ${mode}`, async (t) => {
      const { out } = await run(programs('kubectl'), ['kustomize', `${deploy}/kustomize/${mode}`]);
      const ours = objectsOf(await chart(`mode=${mode}`, 'webhook.replicas=1'));
      const theirs = objectsOf(out);
      // NSM's: Helm neither changes nor deletes definitions that are there, kustomize would.
      const helmOnly = Object.keys(ours).filter((one) => /\.networkservicemesh\.io$/.test(one));
      if (mode === 'nsm') for (const one of helmOnly) Reflect.deleteProperty(ours, one);
      t.strictSame(Object.keys(ours).sort(), Object.keys(theirs).sort());
      for (const [name, object] of Object.entries(theirs)) t.strictSame(ours[name], object, name);
      t.equal('Namespace nsm-system' in theirs, mode === 'standalone', 'NSM keeps its namespace');
    });
  }

  await t.test('values', async (t) => {
    await t.rejects(chart('mode=alone'), /mode: "alone" is not valid: want standalone or nsm/);
    const text = await chart('image.repository=mirror.example/wanwire', 'clusterName=edge-1');
    t.match(text, /name: NSM_CONTAINER_IMAGES\s+value: mirror\.example\/wanwire:0\.1\.0/);
    t.match(text, /name: CLUSTER_NAME\s+value: edge-1/);
    t.notMatch(text, /image: wanwire:/);
  });

  const plane = await apiServer(t);
  const { kubectl } = plane;
  const config = ['--kubeconfig', plane.kubeconfig];

  await t.test(
    'status --kube of a cluster without wanwire, without rights, and of none',
    async (t) => {
      t.match(await wanwire(...config), {
        out: '',
        // All kinds are asked for at once: of which it hears first is chance.
        err: /knows no (sites|steeringpolicies|wires) .*CustomResourceDefinition/s,
      });
      const none = await wanwire('--kubeconfig', '/nonexistent/config');
      t.match(none, { out: '', err: /kubeconfig \/nonexistent\/config/ });
      t.not(none.code, 0);
      t.match(await wanwire(...config, '--context', 'other'), { err: /context "other"/ });
      const nobody = await plane.user('nobody', ['strangers']);
      t.match(await wanwire('--kubeconfig', nobody), {
        code: 1,
        err: /nobody may not list \w+ in the whole cluster/,
      });
    },
  );

  await t.test('an API server takes it all', async (t) => {
    await kubectl(['create', 'namespace', 'nsm-system']);
    for (const mode of ['nsm', 'standalone']) {
      const args = ['apply', '--server-side', '--dry-run=server', '-k'];
      await kubectl([...args, `${deploy}/kustomize/${mode}`]);
    }
    const objects = await chart('createNamespace=false');
    await kubectl(['apply', '--server-side', '--dry-run=server', '-f', '-'], objects);
    const said = await kubectl(['apply', '--server-side', '-k', `${deploy}/kustomize/standalone`]);
    t.match(said, /daemonset\.apps\/wanwire serverside-applied/);
    await kubectl(['delete', 'validatingwebhookconfiguration', 'wanwire']);
    await kubectl(['delete', 'mutatingwebhookconfiguration', 'wanwire']);
  });

  await t.test('status --kube', async (t) => {
    t.match((await wanwire(...config)).out, /wanwire runs on no node/);
    const spec = { links: [{ name: 'fibre', device: 'wan0', trusted: true }] };
    const site = { apiVersion: 'wanwire.io/v1alpha1', kind: 'Site', metadata: { name: 'edge' } };
    await kubectl(['apply', '-f', '-'], stringify({ ...site, spec }));
    const status = {
      conditions: [
        condition('Accepted', 'True', 'in force'),
        condition('LinksUp', 'False', 'down: fibre on worker-1'),
      ],
      nodes: [{ node: 'worker-1', accepted: true, links: '0/1', forwarder: 'Running' }],
      links: [{ node: 'worker-1', name: 'fibre', state: 'down', lossPercent: 100 }],
    };
    const patch = ['patch', 'site', 'edge', '--subresource=status', '--type=merge', '-p'];
    await kubectl([...patch, JSON.stringify({ status })]);
    const wire = {
      ...{ apiVersion: 'wanwire.io/v1alpha1', kind: 'Wire' },
      metadata: { name: 'web-0', namespace: 'default' },
      spec: {
        pod: 'web',
        node: 'worker-1',
        networkService: 'wan',
        endpoint: 'edge-wan',
        interface: 'nsm-1',
        addresses: ['172.16.0.1/32'],
      },
      status: { state: 'up', link: 'lte' },
    };
    await kubectl(['apply', '-f', '-'], stringify(wire));
    const { code, out } = await wanwire(...config);
    t.equal(code, 0);
    t.match(
      out,
      /^SITE +ACCEPTED +LINKS UP +NODES +WHY\nedge +True +False +worker-1 +down: fibre on worker-1$/m,
    );
    t.match(out, /^fibre +edge +worker-1 +down +- +- +100 %$/m);
    t.match(out, /^default +web +wan +nsm-1 +edge-wan +lte +up +worker-1 +172\.16\.0\.1\/32$/m);
    const { wires } = JSON.parse((await wanwire(...config, '--json')).out) as { wires: unknown };
    t.match(wires, [{ namespace: 'default', pod: 'web', state: 'up' }]);
    t.match(
      await kubectl(['get', 'wires']),
      /POD +SERVICE +ENDPOINT +INTERFACE +LINK +STATE +AGE\n.*web +wan +edge-wan +nsm-1 +lte +up/,
    );
  });
});

function condition(type: string, status: string, message: string): object {
  return { type, status, message, reason: 'Told', lastTransitionTime: '2026-11-21T10:00:00Z' };
}
