// SPDX-License-Identifier: Apache-2.0
/**
 * wanwire on a whole node of Kubernetes, beside a site: what a user is promised of pods with an annotation,
 * and what happens to the wires of a node when its programs, its API server or its power are gone.
 */
import t from 'tap';
import { Cluster, image } from '../../cli/demo/kube/cluster.js';
import { farEnd, joinSites } from '../../cli/demo/kube/join.js';
import { endpointObject, podObject, system } from '../../cli/demo/kube/objects.js';
import { leavings } from '../../cli/demo/kube/play.js';
import { server } from '../../cli/demo/sites.js';
import { command } from '../stage/command.js';
import { noKube } from '../stage/kube.js';

const wan = 'kernel://wan@cloud/nsm-1';
const awayMs = 30_000;
const nothing = (): Promise<void> => Promise.resolve();

t.test('a node of Kubernetes with wires', { skip: await noKube() }, async (t) => {
  const stop = new AbortController();
  const cluster = await Cluster.open(command(), stop.signal);
  let open = true;
  const close = async (): Promise<void> => {
    if (open) await cluster[Symbol.asyncDispose]();
    open = false;
  };
  t.teardown(close);
  const bare = await devicesOf(cluster);
  await cluster.deploy();
  await joinSites(cluster);

  await t.test('a pod that is not annotated has no wire', async (t) => {
    await cluster.apply(podObject('plain'));
    await cluster.ready('plain');
    t.notMatch(await cluster.inPod('plain', 'ip', '-brief', 'link'), /nsm/);
    await cluster.kubectl('delete', 'pod', 'plain', '--wait=true');
  });

  await t.test(
    'an annotated pod starts with its interface, and deleting it leaves nothing',
    async (t) => {
      await cluster.apply(podObject('brief', wan));
      await cluster.ready('brief');
      t.match(
        await cluster.inPod('brief', 'ip', '-brief', 'addr', 'show', 'nsm-1'),
        /172\.16\.\d+\.\d+/,
      );
      t.match(await cluster.pingWhile('brief', server, nothing), { lost: 0 });
      await told(cluster, 1);
      await cluster.kubectl('delete', 'pod', 'brief', '--wait=true');
      await gone(cluster, 'brief');
      // One of the forwarder's stays, for all wires to come.
      const rest = (await devicesOf(cluster)).filter((name) => !name.startsWith('wwvxlan'));
      t.strictSame(rest, bare, 'no device is left');
    },
  );

  await t.test('a mistake is refused with its place', async (t) => {
    await t.rejects(
      cluster.apply(podObject('wrong', `${wan},kernel://wan/a-name-that-is-too-long`)),
      {
        message: /entry 2: interface name "a-name-that-is-too-long"/,
      },
    );
  });

  await t.test('a pod that is deleted before it has its wire', async (t) => {
    await cluster.apply(podObject('early', 'kernel://nobody/nsm-1'));
    await cluster.eventually('its client', () =>
      cluster.kubectl('logs', 'early', '-c', 'nsc-init'),
    );
    const began = performance.now();
    await cluster.kubectl('delete', 'pod', 'early', '--wait=true');
    t.ok(performance.now() - began < 60_000, 'nothing holds it up');
    await gone(cluster, 'early');
  });

  await cluster.apply(endpointObject('greeter', image));
  await cluster.ready('greeter');
  await cluster.apply(podObject('phone', wan), podObject('guest', 'kernel://hello/nsm-2'));
  await Promise.all([cluster.ready('phone'), cluster.ready('guest')]);
  const near = await farEnd(cluster);

  await t.test('the forwarder is upgraded to another image under load', async (t) => {
    let done = false;
    const change = async (): Promise<void> => {
      await cluster.upgrade('next').finally(() => (done = true));
    };
    const local = async () => {
      const total = { sent: 0, lost: 0 };
      while (!done) {
        const { sent, lost } = await cluster.pingWhile('guest', near, nothing);
        total.sent += sent;
        total.lost += lost;
      }
      return total;
    };
    const [far, close] = await Promise.all([cluster.pingWhile('phone', server, change), local()]);
    t.ok(far.sent >= 100 && close.sent >= 100);
    t.equal(far.lost, 0, `of ${String(far.sent)} to the other site`);
    t.equal(close.lost, 0, `of ${String(close.sent)} to the other pod`);
    const path =
      'jsonpath={.items[*].spec.initContainers[*].image} {.items[*].spec.containers[*].image}';
    const said = await cluster.kubectl(
      '-n',
      system,
      'get',
      'pods',
      '-l',
      'app=wanwire',
      '-o',
      path,
    );
    t.strictSame([...new Set(said.split(' '))], ['wanwire:next']);
    await told(cluster, 2);
  });

  await t.test('the API server is away', async (t) => {
    const before = await restarts(cluster);
    const pinged = await cluster.pingWhile('phone', server, async () => {
      await cluster.node.plane.stopApiServer();
      await new Promise((resolve) => setTimeout(resolve, awayMs));
      await cluster.node.plane.startApiServer();
    });
    t.equal(pinged.lost, 0, `of ${String(pinged.sent)}`);
    await cluster.eventually('a pod with a wire', () => cluster.apply(podObject('later', wan)));
    await cluster.ready('later');
    t.match(await cluster.pingWhile('later', server, nothing), { lost: 0 });
    await cluster.kubectl('delete', 'pod', 'later', '--wait=true');
    await gone(cluster, 'later');
    t.strictSame(await restarts(cluster), before, 'nothing of wanwire was started anew');
  });

  await t.test('the node loses its power', async (t) => {
    await cluster.node.powerOff();
    await cluster.node.powerOn();
    await cluster.eventually('pings to the other site', () =>
      cluster.inPod('phone', 'ping', '-c1', '-W1', server),
    );
    await cluster.eventually('pings to the other pod', async () =>
      cluster.inPod('guest', 'ping', '-c1', '-W1', await farEnd(cluster)),
    );
    t.match(await cluster.pingWhile('phone', server, nothing), { lost: 0 });
  });

  await t.test('everything is deleted', async (t) => {
    await cluster.kubectl('delete', 'pod', 'phone', 'guest', 'greeter', '--wait=true');
    await gone(cluster, '');
    await cluster.undeploy();
    t.strictSame(await leavings(cluster), []);
    t.strictSame(await devicesOf(cluster), bare);
    await close();
    cluster.mustBeGone();
  });
});

/** Of the node, but those of CNI. */
async function devicesOf(cluster: Cluster): Promise<readonly string[]> {
  const said = await cluster.node.exec('ip', '-brief', 'link');
  const names = said.split('\n').map((line) => line.split(/[ @]/)[0] ?? '');
  return names.filter((name) => name !== '' && !/^(veth|kubebr)/.test(name)).toSorted();
}

async function wires(cluster: Cluster): Promise<readonly string[]> {
  const said = await cluster.kubectl('get', 'wires', '-o', 'jsonpath={.items[*].metadata.name}');
  return said.split(' ').filter((name) => name !== '');
}

/** Wait until there are so many of them. */
async function told(cluster: Cluster, count: number): Promise<void> {
  await cluster.eventually(`${String(count)} wires`, async () => {
    const found = await wires(cluster);
    if (found.length !== count) throw new Error(found.join());
  });
}

/** Wait until a pod has no wire any more. */
async function gone(cluster: Cluster, pod: string): Promise<void> {
  await cluster.eventually(`the end of the wires of ${pod}`, async () => {
    const found = (await wires(cluster)).filter((name) => name.startsWith(pod));
    if (found.length > 0) throw new Error(found.join());
  });
}

/** How often each container of wanwire was started again. */
function restarts(cluster: Cluster): Promise<string> {
  const path =
    '{range .items[*]}{.metadata.name} {.status.containerStatuses[*].restartCount}{"\\n"}{end}';
  return cluster.kubectl('-n', system, 'get', 'pods', '-o', `jsonpath=${path}`);
}
