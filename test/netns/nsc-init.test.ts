// SPDX-License-Identifier: Apache-2.0
/**
 * What a pod of Kubernetes does: an init container asks for the wires and ends, a sidecar takes them over. Both
 * without root and without a capability, as the pod security standard `restricted` has it.
 */
import { chmod } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { endpoint } from '../../lab/roles.js';
import { command } from '../stage/command.js';
import { Stage } from '../stage/stage.js';
import { until } from '../stage/up.js';

t.setTimeout(170_000);

/** Longer than from the first Request to the sidecar's first refresh, and shorter than the test. */
const lifetime = { NSM_MAX_TOKEN_LIFETIME: '40s', WANWIRE_INSECURE: 'true' };
const interfaces = ['nsm-1', 'nsm-2'];

interface Link {
  readonly ifname: string;
  readonly ifindex: number;
}

t.test('nsc-init hands its wires over to nsc', async (t) => {
  await using stage = await Stage.open({
    all: lifetime,
    manager: { WANWIRE_SOCKET_MODE: '0777' },
  });
  const { world, pod } = stage;
  await chmod(world.directory, 0o755);
  const unprivileged = [
    ...['setpriv', '--reuid=65532', '--regid=65532', '--clear-groups', '--no-new-privs'],
    ...['--bounding-set=-all', '--', process.execPath, command()],
  ];
  const role = (name: 'nsc-init' | 'nsc') => ({
    ...{ name, namespace: pod, command: [...unprivileged, name] },
    env: {
      ...lifetime,
      NSM_NAME: 'web-1',
      NSM_CONNECT_TO: `unix://${world.path('manager.sock')}`,
      NSM_NETWORK_SERVICES: 'kernel://hello/nsm-1,kernel://late/nsm-2',
      NSM_REQUEST_TIMEOUT: '4s',
      ...(name === 'nsc' && { WANWIRE_START_WHEN: 'all' }),
    },
  });
  const links = async (): Promise<readonly number[]> => {
    const all = JSON.parse(await pod.run('ip', '-json', 'link')) as readonly Link[];
    return interfaces.flatMap((name) => all.find(({ ifname }) => ifname === name)?.ifindex ?? []);
  };
  const address = async (name: string): Promise<string> => {
    const text = await pod.run('ip', '-json', 'route', 'show', 'dev', name);
    return (JSON.parse(text) as readonly { dst: string }[])[0]?.dst ?? '';
  };

  let done = false;
  const first = world.start(role('nsc-init')).then((player) => {
    done = true;
    return player;
  });
  const asking = world.player('nsc-init');
  await until('a wire', async () => (await links()).length > 0);
  // It has given up asking once, and asks again.
  await until('a failure', () => /"service":"late".*no wire yet/.test(asking.log()));
  t.equal((await links()).length, 1, 'one that is missing does not keep the other waiting');
  t.notOk(done, 'but the pod');
  await world.start(
    endpoint(world, 'late-1', {
      ...{ NSM_SERVICE_NAMES: 'late', NSM_CIDR_PREFIX: '172.17.0.0/16' },
      ...lifetime,
    }),
  );
  const init = await first;
  t.equal(await init.ended, 0);
  const madeMs = Date.now();
  const before = await links();
  t.equal(before.length, 2, 'its wires stay');
  await pod.run('ping', '-c1', '-W2', await address('nsm-2'));

  await sleep(2_000);
  const pings = pod.run('ping', '-c40', '-i0.05', '-W1', await address('nsm-1'));
  const sidecar = await world.start(role('nsc'));
  t.match(await pings, /40 received/, 'nothing is lost');
  t.strictSame(await links(), before, 'the same interfaces');
  t.notMatch(sidecar.log(), /no wire yet|cannot be pinged/);
  // Longer than the tokens of the init container live.
  await sleep(Math.max(madeMs + 42_000 - Date.now(), 0));
  t.strictSame(await links(), before, 'and they are kept');
  await pod.run('ping', '-c1', '-W2', await address('nsm-1'));
  t.equal(await sidecar.end('SIGTERM'), 0);
  t.strictSame(await links(), [], 'until the sidecar ends');
});
