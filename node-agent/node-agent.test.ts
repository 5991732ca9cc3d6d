// SPDX-License-Identifier: Apache-2.0
/** The node-agent with a real API server, as the account that it is deployed with, and an operator's socket. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { silentLogger } from '../api/log/log.js';
import { readSiteFiles } from '../api/site/read.js';
import { policyDigest } from '../api/site/policy-digest.js';
import { serveOperator } from '../forwarder/operator/server.js';
import type { MovesAnswer } from '../forwarder/operator/moves-answer.js';
import type { WireInfo, WiresAnswer } from '../forwarder/operator/wire-answer.js';
import type { QualityNews } from '../forwarder/operator/quality-answer.js';
import type { ControlPlane } from '../lab/kube/control-plane.js';
import { RecordingOperator } from '../test/doubles/operator.js';
import { apiServer, noKube } from '../test/stage/kube.js';
import type { Config } from './config.js';
import { start } from './main.js';

const log = silentLogger();
const deploy = fileURLToPath(new URL('../deploy/kustomize', import.meta.url));
const awake = setInterval(() => undefined, 1_000);
t.teardown(() => clearInterval(awake));

/** An operator whose links, wires and policies are what the test says. */
class Stand extends RecordingOperator {
  #links: Record<string, 'up' | 'degraded' | 'down'> = { fibre: 'up', lte: 'up' };
  #all: readonly WireInfo[] = [];
  #digests: Record<string, string> = {};
  #moves: MovesAnswer['moves'] = [];

  set links(links: Record<string, 'up' | 'degraded' | 'down'>) {
    this.#links = links;
    this.changes.count('links');
  }

  set all(wires: readonly WireInfo[]) {
    this.#all = wires;
    this.changes.count('wires');
  }

  set digests(digests: Record<string, string>) {
    this.#digests = digests;
    this.changes.count('policies');
  }

  set moved(moves: MovesAnswer['moves']) {
    this.#moves = moves;
    this.changes.count('moves');
  }

  override moves(): MovesAnswer {
    return { epoch: 'e1', lost: 0, moves: this.#moves };
  }

  override followLinks(told: (news: QualityNews) => void): Disposable {
    const figures = { rttMs: 20.04, jitterMs: 1, lossPercent: 0 };
    const links = Object.entries(this.#links).map(([name, state]) => ({ name, state, ...figures }));
    told({ at: Date.now(), links });
    return { [Symbol.dispose]: () => undefined };
  }

  override policies() {
    return Object.entries(this.#digests).map(([name, digest]) => ({
      ...{ name, digest, services: ['wan'], from: 'site' as const, rules: 0, classes: [] },
    }));
  }

  override wires(): WiresAnswer {
    return { version: this.changes.version('wires'), wires: this.#all };
  }
}

const site = (name: string, spec: object = {}): object => ({
  apiVersion: 'wanwire.io/v1alpha1',
  kind: 'Site',
  metadata: { name },
  spec: {
    links: [
      { name: 'fibre', device: 'wan0', class: 'low-latency', trusted: true },
      { name: 'lte', device: 'wan1', trusted: true },
    ],
    ...spec,
  },
});
const policy = (name: string, spec: object): object => ({
  apiVersion: 'wanwire.io/v1alpha1',
  kind: 'SteeringPolicy',
  metadata: { name },
  spec: { services: [name], default: 'best-effort', ...spec },
});

/** A cluster with the project's objects and one node; `as` is the account's kubeconfig. */
async function cluster(t: Test): Promise<{ plane: ControlPlane; as: string }> {
  const plane = await apiServer(t);
  await plane.kubectl(['apply', '--server-side', '-k', `${deploy}/standalone`]);
  // Nobody answers there: this is about the node-agent.
  await plane.kubectl([
    'delete',
    'validatingwebhookconfiguration,mutatingwebhookconfiguration',
    'wanwire',
  ]);
  await plane.kubectl(['create', '-f', '-'], node('worker-1', { site: 'edge' }));
  await plane.kubectl(['create', '-f', '-'], node('worker-2', { site: 'cloud' }));
  const as = await plane.user('system:serviceaccount:nsm-system:wanwire', [
    'system:serviceaccounts',
    'system:authenticated',
  ]);
  return { plane, as };
}

function node(name: string, labels: object): string {
  return stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
}

const config = (as: string, folder: string, node: string): Config =>
  ({
    NSM_NAME: 'node-agent',
    NODE_NAME: node,
    WANWIRE_SITE_FOLDER: join(folder, 'etc'),
    WANWIRE_FORWARDER_SOCKET: join(folder, 'operator.sock'),
    NSM_NAMESPACE: 'nsm-system',
    WANWIRE_TRUST_BUNDLES: 'wanwire-trust-bundles',
    WANWIRE_STATUS_PERIOD: 1_000,
    WANWIRE_KUBECONFIG: as,
  }) as Config;

/** Until it is true, which it has to be within 20 s. */
async function soon(t: Test, what: string, is: () => Promise<boolean> | boolean): Promise<void> {
  const late = Date.now() + 20_000;
  while (Date.now() < late) {
    if (await Promise.resolve(is()).catch(() => false)) return void t.pass(what);
    await sleep(100);
  }
  t.fail(what);
}

t.test('a node', { skip: await noKube(), timeout: 180_000 }, async (t) => {
  const { plane, as } = await cluster(t);
  const { kubectl } = plane;
  const apply = (...objects: object[]): Promise<string> =>
    kubectl(['apply', '-f', '-'], objects.map((one) => stringify(one)).join('---\n'));
  const read = async (what: string, ...path: string[]): Promise<string> =>
    await kubectl(['get', ...what.split(' '), '-o', `jsonpath=${path.join('')}`]);
  const condition = (what: string, type: string): Promise<string> =>
    read(what, `{.status.conditions[?(@.type=="${type}")].status}`);
  const message = (what: string, type: string): Promise<string> =>
    read(what, `{.status.conditions[?(@.type=="${type}")].message}`);

  const folder = t.testdir();
  const file = join(folder, 'etc/site.yaml');
  const operator = new Stand();
  const socket = await serveOperator({ operator, path: join(folder, 'operator.sock'), log });
  t.teardown(() => socket.close());
  const stop = new AbortController();
  const agent = await start(config(as, folder, 'worker-1'), log, stop.signal);
  t.teardown(() => agent.close());

  await t.test('no Site yet: a file without a document', async (t) => {
    t.match(await readFile(file, 'utf8'), /^# .*no Site selects this node/);
  });

  await t.test('a Site, a policy and one with a mistake', async (t) => {
    await apply(
      site('edge', { nodeSelector: { site: 'edge' } }),
      policy('wan', {}),
      policy('slow', { default: 'low-latncy' }),
    );
    await soon(t, 'the file is there', async () => {
      const { policies } = await readSiteFiles([file]);
      return policies.length === 1;
    });
    const files = await readSiteFiles([file]);
    t.equal(files.site.name, 'edge');
    t.match(files.policies, [{ name: 'wan' }]);
    operator.digests = { wan: policyDigest(files.policies[0] as never) };
    await soon(
      t,
      'Site Accepted',
      async () => (await condition('site edge', 'Accepted')) === 'True',
    );
    await soon(t, 'LinksUp', async () => (await condition('site edge', 'LinksUp')) === 'True');
    await soon(
      t,
      'Programmed',
      async () => (await condition('steeringpolicy wan', 'Programmed')) === 'True',
    );
    await soon(
      t,
      'the wrong one',
      async () => (await condition('steeringpolicy slow', 'Accepted')) === 'False',
    );
    t.equal(
      await message('steeringpolicy slow', 'Accepted'),
      'spec.default: "low-latncy" is not valid: want a class: low-latency, best-effort (did you mean low-latency?)',
    );
    t.equal(await read('site edge', '{.status.links[0].rttMs}'), '20');
  });

  await t.test('a younger Site for the same node, and one for another', async (t) => {
    await sleep(1_100);
    await apply(site('again'), site('cloud', { nodeSelector: { site: 'cloud' } }));
    await soon(t, 'NodeTaken', async () => (await condition('site again', 'Accepted')) === 'False');
    t.match(await message('site again', 'Accepted'), /^node worker-1 has an older Site, edge/);
    t.equal(await read('site cloud', '{.status}'), '', 'not of this node');
    await kubectl(['delete', 'site', 'again', 'cloud']);
  });

  await t.test('a trust bundle: missing, there, changed', async (t) => {
    const peers = [{ site: 'cloud', control: ['203.0.113.10:5001'], trustBundle: 'cloud.pem' }];
    const before = await readFile(file, 'utf8');
    await apply(site('edge', { nodeSelector: { site: 'edge' }, peers }));
    await soon(t, 'refused', async () => (await condition('site edge', 'Accepted')) === 'False');
    t.match(
      await message('site edge', 'Accepted'),
      /spec\.peers\[0\]\.trustBundle: "cloud\.pem" is not valid: want a key of ConfigMap wanwire-trust-bundles, which is not there/,
    );
    t.equal(await readFile(file, 'utf8'), before, 'the node keeps what it had');
    const map = (text: string): object => ({
      ...{ apiVersion: 'v1', kind: 'ConfigMap', data: { 'cloud.pem': text } },
      metadata: { name: 'wanwire-trust-bundles', namespace: 'nsm-system' },
    });
    await apply(map('one'));
    await soon(t, 'accepted', async () => (await condition('site edge', 'Accepted')) === 'True');
    t.equal(
      (await readSiteFiles([file])).site.peers[0]?.trustBundle,
      join(folder, 'etc/cloud.pem'),
    );
    await apply(map('two'));
    const bundle = join(folder, 'etc/cloud.pem');
    await soon(t, 'changed', async () => (await readFile(bundle, 'utf8')) === 'two');
    t.strictSame(await readdir(join(folder, 'etc')), ['cloud.pem', 'site.yaml']);
  });

  await t.test('a link goes down and comes back', async (t) => {
    operator.links = { fibre: 'down', lte: 'up' };
    await soon(
      t,
      'LinksUp is False',
      async () => (await condition('site edge', 'LinksUp')) === 'False',
    );
    t.equal(await message('site edge', 'LinksUp'), 'down: fibre on worker-1');
    await soon(t, 'an Event', async () =>
      /LinkDown.*fibre.*left: lte/s.test(await kubectl(['events'])),
    );
    const [from, to] = ['fibre', 'lte'].map((link) => ({ strand: `${link}-cloud/wan0`, link }));
    if (from === undefined || to === undefined) throw new TypeError('two');
    operator.moved = [{ from, to, sessions: 12 }];
    operator.links = { fibre: 'up', lte: 'up' };
    await soon(
      t,
      'LinksUp is True',
      async () => (await condition('site edge', 'LinksUp')) === 'True',
    );
    operator.links = { fibre: 'down', lte: 'up' };
    await soon(
      t,
      'counted',
      async () => (await read('events', '{.items[?(@.reason=="LinkDown")].count}')) === '2',
    );
    await soon(t, 'sessions moved', async () =>
      /SessionsMoved.*12 sessions went from link fibre to link lte on node worker-1/.test(
        await kubectl(['events']),
      ),
    );
  });

  await t.test('wires', async (t) => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web-1', namespace: 'shop' } };
    await kubectl(['create', 'namespace', 'shop']);
    await kubectl(['create', 'serviceaccount', 'default', '-n', 'shop']).catch(() => undefined);
    await apply({
      ...pod,
      spec: { nodeName: 'worker-1', containers: [{ name: 'a', image: 'a' }] },
    });
    operator.all = [
      wire('Web-1_0', 'spiffe://edge.example/ns/shop/pod/web-1'),
      wire('other', 'spiffe://edge.example/ns/shop/pod/web-2'),
    ];
    const wires = async (): Promise<string> =>
      await kubectl(['get', 'wires', '-n', 'shop', '-o', 'name']);
    await soon(t, 'one Wire', async () =>
      /^wire\.wanwire\.io\/web-1-0-[0-9a-f]{8}\n$/.test(await wires()),
    );
    const name = (await wires()).trim();
    t.equal(
      await kubectl([
        'get',
        name,
        '-n',
        'shop',
        '-o',
        'jsonpath={.spec.pod} {.spec.interface} {.spec.addresses[0]} {.status.state}',
      ]),
      'web-1 nsm-1 172.16.0.1/32 up',
    );
    await kubectl(['delete', name, '-n', 'shop']);
    await soon(t, 'made again', async () => (await wires()).trim() === name);
    await kubectl([
      'patch',
      name,
      '-n',
      'shop',
      '--type=merge',
      '-p',
      '{"status":{"state":"down"}}',
    ]);
    await soon(
      t,
      'said again',
      async () =>
        (await kubectl(['get', name, '-n', 'shop', '-o', 'jsonpath={.status.state}'])) === 'up',
    );
    operator.all = [];
    await soon(t, 'gone', async () => (await wires()) === '');
  });

  await t.test('another node speaks too, and is gone', async (t) => {
    await apply(site('edge'), policy('wan', {}));
    const other = await start(config(as, t.testdir(), 'worker-2'), log, stop.signal);
    t.teardown(() => other.close());
    const speakers = (what: string) => read(what, '{.status.nodes[*].node}');
    for (const what of ['site edge', 'steeringpolicy wan']) {
      const both = async () => (await speakers(what)) === 'worker-1 worker-2';
      await soon(t, `both of ${what}`, both);
    }
    await kubectl(['delete', 'node', 'worker-2']);
    for (const what of ['site edge', 'steeringpolicy wan']) {
      await soon(t, `one of ${what}`, async () => (await speakers(what)) === 'worker-1');
    }
    // Its agent goes on until its pod is taken away.
    operator.links = { fibre: 'down', lte: 'up' };
    await soon(t, 'told later', async () => (await condition('site edge', 'LinksUp')) === 'False');
    t.equal(await speakers('site edge'), 'worker-1', 'and it stays so');
    t.equal(await message('site edge', 'Accepted'), 'in force on 1 node');
    operator.links = { fibre: 'up', lte: 'up' };
    await apply(site('edge', { nodeSelector: { site: 'edge' } }));
    await soon(t, 'taken', async () => {
      const of = '{.metadata.generation} {.status.nodes[0].observedGeneration}';
      const [generation, observed] = (await read('site edge', of)).split(' ');
      return generation === observed;
    });
  });

  await t.test('the API server is away', async (t) => {
    const before = await readFile(file, 'utf8');
    await plane.stopApiServer();
    operator.links = { fibre: 'up', lte: 'down' };
    await sleep(3_000);
    t.equal(await readFile(file, 'utf8'), before);
    await plane.startApiServer();
    await soon(
      t,
      'caught up',
      async () => (await message('site edge', 'LinksUp')) === 'down: lte on worker-1',
    );
  });

  await t.test('deleted while in use', async (t) => {
    await kubectl(['delete', 'steeringpolicy', 'wan']);
    await soon(t, 'no policy', async () => (await readSiteFiles([file])).policies.length === 0);
    await kubectl(['delete', 'site', 'edge']);
    await soon(t, 'no Site', async () => /^# .*no Site/.test(await readFile(file, 'utf8')));
    const left = async () => (await readdir(join(folder, 'etc'))).join();
    await soon(t, 'and no bundle', async () => (await left()) === 'site.yaml');
  });
});

function wire(connection: string, identity: string): WireInfo {
  return {
    ...{ id: `own-${connection}`, connection, client: 'web', identity, labels: {} },
    ...{ service: 'wan', endpoint: 'edge-wan', interface: 'nsm-1', state: 'up', peer: null },
    ...{ clientAddresses: ['172.16.0.1/32'], endpointAddresses: ['172.16.0.0/32'] },
  };
}
