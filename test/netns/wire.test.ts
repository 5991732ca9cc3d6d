// SPDX-License-Identifier: Apache-2.0
/** One wire, looked at with iproute2. */
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { inodeUrl } from '../../api/fdpass/take-file.js';
import { macsOf } from '../../forwarder/mechanisms/kernel/side.js';
import { Namespaces, openPlace } from '../../forwarder/namespaces/namespaces.js';
import { sandbox, type Sandbox, type Shown } from './sandbox.js';
import { forwarder, wiring, wishFor, type Said, type Wiring } from './wiring.js';

const exec = promisify(execFile);

async function pair(t: Test): Promise<[Sandbox, Sandbox, Wiring]> {
  return Promise.all([sandbox(t), sandbox(t), wiring(t)]);
}

async function link({ ip }: Sandbox, name: string): Promise<Shown> {
  const [shown] = await ip('address', 'show', name);
  if (shown === undefined) throw new Error(`no ${name}`);
  return shown;
}

function addresses(shown: Shown, scope = 'global'): string[] {
  return (shown.addr_info ?? [])
    .filter((address) => address.scope === scope)
    .map(({ local, prefixlen }) => `${local}/${String(prefixlen)}`);
}

async function routes(sandbox: Sandbox, family: '-4' | '-6'): Promise<string[]> {
  const shown = await sandbox.ip(family, 'route', 'show', 'proto', '87');
  return shown.map(({ dst, gateway, dev }) => `${String(dst)} ${gateway ?? '-'} ${String(dev)}`);
}

t.test('a wire: two ends, up, addressed, routed, known to each other', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  const srcRoutes = [{ prefix: '198.51.100.0/24' }, { prefix: '::/0' }];
  await bench.wires.realise(await wishFor(bench, client, endpoint, { mtu: 1450, srcRoutes }));

  const near = await link(client, 'nsm-1');
  const far = await link(endpoint, 'nse-1');
  t.match(near, { mtu: 1450, operstate: 'UP', address: macsOf('wire-1').client });
  t.match(far, { mtu: 1450, operstate: 'UP', address: macsOf('wire-1').endpoint });
  t.match(near, { ifalias: `wanwire:${forwarder}:wire-1` });
  t.match(far, { ifalias: `wanwire:${forwarder}:wire-1` });
  t.same(addresses(near), ['192.0.2.1/32', '2001:db8::1/128']);
  t.same(addresses(far), ['192.0.2.2/32', '2001:db8::2/128']);
  t.equal(addresses(near, 'link').length, 1);
  const tentative = [...(near.addr_info ?? []), ...(far.addr_info ?? [])].filter(
    (a) => a.tentative,
  );
  t.same(tentative, [], 'no address waits for duplicate detection');

  t.same(await routes(client, '-4'), ['192.0.2.2 - nsm-1', '198.51.100.0/24 192.0.2.2 nsm-1']);
  t.same((await routes(client, '-6')).sort(), ['2001:db8::2 - nsm-1', 'default 2001:db8::2 nsm-1']);
  t.same(await routes(endpoint, '-4'), ['192.0.2.1 - nse-1']);
  const permanent = { lladdr: macsOf('wire-1').endpoint, state: ['PERMANENT'], dev: 'nsm-1' };
  const neighbours = await client.ip('neighbour', 'show', 'nud', 'permanent');
  t.match(
    neighbours.sort((a, b) => String(a.dst).localeCompare(String(b.dst))),
    [
      { dst: '192.0.2.2', ...permanent },
      { dst: '2001:db8::2', ...permanent },
    ],
  );
  const range = await client.run('cat', '/proc/sys/net/ipv4/ping_group_range');
  t.equal(range.trim(), '0\t2147483647');
  for (const to of ['192.0.2.2', '2001:db8::2']) {
    t.match(await client.run('ping', '-c', '1', '-W', '2', to), /1 received/);
  }

  await bench.wires.remove('wire-1');
  t.equal((await client.ip('link')).length, 1, 'lo alone');
  t.equal((await endpoint.ip('link')).length, 1, 'lo alone');
  t.equal(bench.wires.size, 0);
});

t.test('a refresh writes nothing', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  const said = { srcRoutes: [{ prefix: '198.51.100.0/24' }, { prefix: '2001:db8:1::/48' }] };
  await bench.wires.realise(await wishFor(bench, client, endpoint, said));
  const before = (await link(client, 'nsm-1')).ifindex;

  const monitor = spawn('ip', ['netns', 'exec', client.name, 'ip', 'monitor', 'all']);
  t.teardown(() => monitor.kill());
  let heard = '';
  monitor.stdout.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  // It hears once it tells of something: a link of the test's own.
  await listening(client, monitor.stdout, () => heard.includes('ww-first'));
  heard = '';
  for (let n = 0; n < 5; n++) {
    await bench.wires.realise(await wishFor(bench, client, endpoint, said));
  }
  await listening(client, monitor.stdout, () => heard.includes('ww-last'), 'ww-last');
  t.same(
    heard.split('\n').filter((line) => line.includes('nsm-1')),
    [],
  );
  t.equal((await link(client, 'nsm-1')).ifindex, before);
});

/** Make links of that name until the monitor has told of one. */
async function listening(
  sandbox: Sandbox,
  output: NodeJS.ReadableStream,
  isHeard: () => boolean,
  name = 'ww-first',
): Promise<void> {
  while (!isHeard()) {
    await sandbox.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'ww-peer');
    const timeout = AbortSignal.timeout(500);
    await once(output, 'data', { signal: timeout }).catch(() => undefined);
    await sandbox.ip('link', 'delete', name);
  }
}

t.test('what was changed by others is repaired, with the same index', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  const said: Said = { srcRoutes: [{ prefix: '198.51.100.0/24' }] };
  const realise = async () => bench.wires.realise(await wishFor(bench, client, endpoint, said));
  await realise();
  const before = await link(client, 'nsm-1');
  const harm: Record<string, string[]> = {
    'taken down': ['link', 'set', 'nsm-1', 'down'],
    'another MTU': ['link', 'set', 'nsm-1', 'mtu', '1400'],
    'another MAC': ['link', 'set', 'nsm-1', 'address', '02:00:00:00:00:77'],
    'an address too many': ['address', 'add', '203.0.113.7/24', 'dev', 'nsm-1'],
    'an address too few': ['address', 'del', '2001:db8::1/128', 'dev', 'nsm-1'],
    'a route too few': ['route', 'del', '198.51.100.0/24', 'dev', 'nsm-1'],
    'neighbours forgotten': ['neighbour', 'flush', 'dev', 'nsm-1', 'nud', 'permanent'],
    'the alias': ['link', 'set', 'nsm-1', 'alias', 'mine'],
  };
  const state = async () => ({
    link: await link(client, 'nsm-1').then(({ mtu, address, ifindex, flags, ifalias, ...all }) => ({
      mtu,
      address,
      ifindex,
      ifalias,
      up: flags.includes('UP'),
      addresses: addresses({ mtu, address, ifindex, flags, ...all }).sort(),
    })),
    routes: [...(await routes(client, '-4')), ...(await routes(client, '-6'))].sort(),
    neighbours: (await client.ip('neighbour', 'show', 'nud', 'permanent')).length,
  });
  const good = await state();
  for (const [what, args] of Object.entries(harm)) {
    await client.ip(...args);
    t.notSame(await state(), good, `${what}: the test does harm`);
    await realise();
    t.same(await state(), good, what);
  }
  t.equal((await link(client, 'nsm-1')).ifindex, before.ifindex);
});

t.test('an interface that vanished is made again', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  const wish = await wishFor(bench, client, endpoint);
  await bench.wires.realise(wish);
  await client.ip('link', 'delete', 'nsm-1');
  await bench.wires.realise(wish);
  t.match(await client.run('ping', '-c', '1', '-W', '2', '192.0.2.2'), /1 received/);
});

t.test("the endpoint moves: the client's end is tied to the new one", async (t) => {
  const [client, endpoint, bench] = await pair(t);
  const other = await sandbox(t);
  await bench.wires.realise(await wishFor(bench, client, endpoint));
  await bench.wires.realise(await wishFor(bench, client, other, { dst: ['192.0.2.9/32'] }));
  t.equal((await endpoint.ip('link')).length, 1, 'nothing is left at the old one');
  t.match(await client.run('ping', '-c', '1', '-W', '2', '192.0.2.9'), /1 received/);
  t.same(bench.wires.idsIn(endpoint.url), []);
  t.same(bench.wires.idsIn(other.url), ['wire-1']);
});

t.test('a taken name is refused and left alone, on either side', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  await client.ip('link', 'add', 'mine', 'type', 'veth', 'peer', 'name', 'mine-2');
  await endpoint.ip('link', 'add', 'mine', 'type', 'veth', 'peer', 'name', 'mine-2');
  const taken = { code: status.ALREADY_EXISTS };
  await t.rejects(bench.wires.realise(await wishFor(bench, client, endpoint, { name: 'mine' })), {
    ...taken,
    message: `client.name: "mine" is taken in ${client.url}: want a name that is free there`,
  });
  await bench.wires.restore('wire-1', undefined);
  const said = { endpointName: 'mine' };
  await t.rejects(bench.wires.realise(await wishFor(bench, client, endpoint, said)), {
    ...taken,
    message: /^endpoint.name: "mine" is taken/,
  });
  await bench.wires.restore('wire-1', undefined);
  t.match(await link(client, 'mine'), { mtu: 1500 });
  t.equal((await client.ip('link')).length, 3, 'lo and mine');
  t.equal((await endpoint.ip('link')).length, 3, 'lo and mine');
  t.equal(bench.wires.size, 0);
});

t.test('a name of another wire of ours is refused with its owner', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  await bench.wires.realise(await wishFor(bench, client, endpoint));
  const other = await wishFor(bench, client, endpoint, { id: 'wire-2', endpointName: 'nse-2' });
  await t.rejects(bench.wires.realise(other), { message: `by "wanwire:${forwarder}:wire-1"` });
  await bench.wires.restore('wire-2', undefined);
  t.ok(await link(client, 'nsm-1'));
});

t.test('a name may be taken again while its last wire is being deleted', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  await bench.wires.realise(await wishFor(bench, client, endpoint));
  const next = await wishFor(bench, client, endpoint, { id: 'wire-2' });
  await Promise.all([bench.wires.remove('wire-1'), bench.wires.realise(next)]);
  t.match(await link(client, 'nsm-1'), { ifalias: `wanwire:${forwarder}:wire-2` });
});

t.test('a set-up that fails half-way is undone', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  // The kernel takes no multicast address for a neighbour's gateway.
  const srcRoutes = [{ prefix: '198.51.100.0/24', nextHop: '224.0.0.1' }];
  const wish = await wishFor(bench, client, endpoint, { srcRoutes });
  await t.rejects(bench.wires.realise(wish), {
    name: 'KernelError',
    message: /^add route 198.51.100.0\/24 via 224.0.0.1: E[A-Z]+/,
  });
  await bench.wires.restore('wire-1', undefined);
  t.equal((await client.ip('link')).length, 1);
  t.equal((await endpoint.ip('link')).length, 1);
});

t.test('a refresh that fails leaves the wire as it was', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  const before = await bench.wires.realise(await wishFor(bench, client, endpoint));
  const { ifindex } = await link(client, 'nsm-1');
  const bad = {
    src: ['192.0.2.77/32'],
    srcRoutes: [{ prefix: '198.51.100.0/24', nextHop: '224.0.0.1' }],
  };
  await t.rejects(bench.wires.realise(await wishFor(bench, client, endpoint, bad)));
  await bench.wires.restore('wire-1', before);
  const shown = await link(client, 'nsm-1');
  t.equal(shown.ifindex, ifindex);
  t.same(addresses(shown).sort(), ['192.0.2.1/32', '2001:db8::1/128']);
});

t.test('a default route of others stays, behind ours, and is back in force after us', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  await client.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0-2');
  await client.ip('link', 'set', 'eth0', 'up');
  await client.ip('link', 'set', 'eth0-2', 'up');
  await client.ip('address', 'add', '203.0.113.2/24', 'dev', 'eth0');
  await client.ip('route', 'add', 'default', 'via', '203.0.113.1');
  const dev = async () => (await client.ip('route', 'get', '8.8.8.8')).map((route) => route.dev);
  const said = { srcRoutes: [{ prefix: '0.0.0.0/0' }] };
  await bench.wires.realise(await wishFor(bench, client, endpoint, said));
  t.same(await dev(), ['nsm-1']);
  t.match(await client.ip('route', 'show', 'dev', 'eth0'), [{ dst: 'default' }, {}]);
  await bench.wires.remove('wire-1');
  t.same(await dev(), ['eth0']);
});

t.test('a namespace in which IPv6 is off gets it on the wire', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  await client.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
  await client.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
  await bench.wires.realise(await wishFor(bench, client, endpoint));
  t.same(addresses(await link(client, 'nsm-1')), ['192.0.2.1/32', '2001:db8::1/128']);
  t.match(await client.run('ping', '-c', '1', '-W', '2', '2001:db8::2'), /1 received/);
});

t.test('both ends in one namespace', async (t) => {
  const [client, , bench] = await pair(t);
  await bench.wires.realise(await wishFor(bench, client, client));
  t.equal((await client.ip('link')).length, 3);
  await bench.wires.remove('wire-1');
  t.equal((await client.ip('link')).length, 1);
});

t.test('the namespace has gone between finding and opening it', async (t) => {
  const [client, endpoint, bench] = await pair(t);
  const wish = await wishFor(bench, client, endpoint);
  await client.remove();
  await t.rejects(bench.wires.realise(wish), {
    code: status.NOT_FOUND,
    message: new RegExp(`^network namespace ${client.url} is gone`),
  });
  await bench.wires.restore('wire-1', undefined);
  t.equal((await endpoint.ip('link')).length, 1);
});

t.test(
  'a namespace that no process is in is found by its descriptor, while a call has it',
  async (t) => {
    const name = `ww-${randomUUID().slice(0, 8)}`;
    await exec('ip', ['netns', 'add', name]);
    t.teardown(() => exec('ip', ['netns', 'del', name]));
    const open = (): number => openSync(`/run/netns/${name}`, 'r');
    const gone = { code: status.NOT_FOUND };
    const namespaces = new Namespaces();
    const fd = open();
    const url = inodeUrl(fd);
    await t.rejects(namespaces.find(url, 'inodeURL'), gone);
    namespaces.lend(fd);
    const place = await namespaces.find(url, 'inodeURL');
    t.equal(namespaces.known(url), place.path);
    (await openPlace(place))[Symbol.dispose]();
    closeSync(fd);
    await t.rejects(openPlace(place), gone);
    t.equal(namespaces.known(url), undefined);
    // With the Close it comes again, as another number.
    const other = openSync('/dev/null', 'r');
    const again = open();
    namespaces.lend(again);
    (await openPlace(place))[Symbol.dispose]();
    for (const one of [other, again]) closeSync(one);
  },
);
