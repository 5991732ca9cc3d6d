// SPDX-License-Identifier: Apache-2.0
/** A pod with a wire for each class beside the steered one: who binds a socket to one of them has its link, both ways. */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import t, { type Test } from 'tap';
import { pings } from '../stage/load.js';
import { withoutProbes } from '../stage/probes.js';
import { cloudSite, edgeSite, policy, Sites } from '../stage/sites.js';
import { ef, indexOf, refreshed, server, server6, wiresOf } from '../stage/steered.js';
import { lives, processesOf, until } from '../stage/up.js';

const wishes = [
  'kernel://wan@cloud/nsm-1',
  'kernel://wan-low-latency@cloud/nsm-low',
  'kernel://wan-best-effort@cloud/nsm-bulk',
].join(',');
const interfaces = ['nsm-1', 'nsm-low', 'nsm-bulk'];
/** With the place of their link in {@link devices}. */
const bound = [
  ['nsm-low', 0],
  ['nsm-bulk', 1],
] as const;
const devices = ['wan0', 'wan1'];

const lifetime = { NSM_MAX_TOKEN_LIFETIME: '24s' };
const gauge = createRequire(import.meta.url).resolve('#gauge');

let sites: Sites;
t.before(async () => {
  sites = await Sites.open({
    edge: edgeSite(policy('low-latency', 'best-effort', false)),
    env: lifetime,
  });
  t.teardown(() => sites[Symbol.asyncDispose]());
  // Many a distribution has it so.
  const strict = ['net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.default.rp_filter=1'];
  await sites.pod.exec('sysctl', '-qw', ...strict);
  await startClient();
});

async function startClient(): Promise<void> {
  await sites.client(wishes, 'client', {
    ...lifetime,
    WANWIRE_START_WHEN: 'all',
    // Its own pings are few beside those that are counted here.
    NSM_LIVENESS_CHECK_INTERVAL: '2s',
  });
}

/** Packets that left and came in on each link of the edge while `act` ran, without probes. */
async function passed(act: () => Promise<unknown>) {
  const counters = (device: string) => sites.lab.counters(`edge/${device}`);
  const look = () => withoutProbes(sites.pins('edge'), devices, counters);
  const before = await look();
  await act();
  return (await look()).map(({ sent, received }, at) => ({
    out: sent - (before[at]?.sent ?? 0),
    in: received - (before[at]?.received ?? 0),
  }));
}

/** Hold that `act` used one link and not the other, there and back. */
async function goesBy(t: Test, link: number, what: string, act: () => Promise<unknown>) {
  const all = await passed(act);
  const [own, other] = link === 0 ? all : all.toReversed();
  t.ok((own?.out ?? 0) >= 90 && (own?.in ?? 0) >= 90, `${what}: ${JSON.stringify(all)}`);
  t.ok((other?.out ?? 99) < 50 && (other?.in ?? 99) < 50, `${what}: nothing elsewhere`);
}

/** Send by a socket that is bound to a device of the pod's; resolves when all has arrived. */
async function send(protocol: 'tcp' | 'udp', device: string, to: string): Promise<number> {
  // It looks no longer where a connection ends.
  const [port, windowMs] = ['7010', protocol === 'tcp' ? '20000' : '3000'];
  const place = sites.lab.place('cloud/server');
  const receiver = place.spawn(gauge, ['receive', protocol, 'eth0', port, windowMs], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  receiver.stdout?.on('data', (data: Buffer) => (said += data.toString()));
  const ended = once(receiver, 'exit');
  await until('the receiver', () => said.includes('ready'));
  const rate = String(300 * 500 * 8);
  await sites.pod.exec(gauge, 'send', protocol, device, to, port, '500', rate, '500');
  await ended;
  return (JSON.parse(said.split('\n')[1] ?? '') as { bytes: number }).bytes;
}

async function boundSockets(t: Test): Promise<void> {
  for (const [device, link] of bound) {
    for (const to of [server, server6]) {
      await goesBy(t, link, `${device} to ${to}, marked for the other too`, async () => {
        const count = { count: 100, intervalMs: 2, device };
        t.match(await pings(sites.pod, to, count), { received: 100 });
        t.match(await pings(sites.pod, to, { ...count, tos: ef }), { received: 100 });
      });
    }
  }
}

interface Route {
  readonly dev: string;
  readonly metric?: number;
}

async function ways(to: string): Promise<(readonly [string, number])[]> {
  const family = to.includes(':') ? '-6' : '-4';
  const said = await sites.pod.exec('ip', '-json', family, 'route', 'show', to);
  return (JSON.parse(said) as Route[]).map(({ dev, metric = 0 }) => [dev, metric] as const);
}

t.test('each wire has a metric of its own, the first in the list is preferred', async (t) => {
  t.same(
    await ways('10.60.0.0/24'),
    interfaces.map((name, at) => [name, at]),
  );
  t.same(
    await ways('2001:db8:60::/64'),
    interfaces.map((name, at) => [name, 512 + at]),
  );
  await goesBy(t, 0, 'bound to nothing: as the rules say', () =>
    pings(sites.pod, server, { count: 100, intervalMs: 2, tos: ef }),
  );
  await goesBy(t, 1, 'bound to nothing: as the rules say', () =>
    pings(sites.pod, server6, { count: 100, intervalMs: 2 }),
  );
});

t.test(
  'a bound socket’s packets, and the answers to them, go by the link of its class',
  boundSockets,
);

t.test('the same of TCP and UDP, of both families', async (t) => {
  for (const [device, link] of bound) {
    for (const to of [server, server6]) {
      await goesBy(t, link, `tcp by ${device} to ${to}`, async () => {
        t.ok((await send('tcp', device, to)) > 100_000);
      });
    }
    const all = await passed(async () => {
      t.ok((await send('udp', device, server)) >= 100 * 500);
    });
    const other = all[1 - link];
    t.ok((all[link]?.out ?? 0) >= 100 && (other?.out ?? 99) < 50, `udp: ${JSON.stringify(all)}`);
  }
});

t.test('after the forwarder was killed and restarted, and asked again', async (t) => {
  const edge = sites.world.player('edge');
  const indexes = () => Promise.all(interfaces.map((name) => indexOf(sites.pod, name)));
  const before = { indexes: await indexes(), ways: await ways('10.60.0.0/24') };
  const pid = processesOf(edge)['forwarder'] ?? NaN;
  process.kill(pid, 'SIGKILL');
  await until('the end of the forwarder', () => !lives(pid));
  await boundSockets(t);
  await until('another one', () => (processesOf(edge)['forwarder'] ?? pid) !== pid);
  await refreshed(sites);
  t.same({ indexes: await indexes(), ways: await ways('10.60.0.0/24') }, before);
  await boundSockets(t);
});

t.test(
  'an interface that is deleted: who is bound to it hears of it, nobody else does',
  async (t) => {
    const args = ['udp', 'nsm-low', server, '7011', '500', '800000', '20000'];
    const sender = sites.pod.spawn(gauge, ['send', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    sender.stderr?.on('data', (data: Buffer) => (said += data.toString()));
    const ended = once(sender, 'close');
    const steered = pings(sites.pod, server, { count: 200, tos: ef });
    const device = { count: 1, device: 'nsm-low' };
    t.match(await pings(sites.pod, server, device), { received: 1 });
    await sites.pod.exec('ip', 'link', 'delete', 'nsm-low');
    t.same(await ended, [1, null]);
    t.match(said, /^gauge: send: (No such device|Network is unreachable)/);
    t.same(await steered, { sent: 200, received: 200 }, 'the steered wire stays');
    await until(
      'another interface',
      async () => (await indexOf(sites.pod, 'nsm-low')) !== undefined,
    );
    await until('its wire', async () => (await pings(sites.pod, server, device)).received === 1);
    t.same((await ways('10.60.0.0/24')).sort(), interfaces.map((name, at) => [name, at]).sort());
    await boundSockets(t);
  },
);

t.test('with NAT at the gateway', async (t) => {
  await sites.world.player('client').end('SIGTERM');
  await until('the end of the wires', async () => (await wiresOf(sites, 'cloud')).length === 0);
  await sites.write('cloud', cloudSite(true));
  // Whoever is not translated gets no answer.
  const place = sites.lab.place('cloud/server');
  await place.exec('ip', 'route', 'add', 'blackhole', '172.16.0.0/16');
  await place.exec('ip', '-6', 'route', 'add', 'blackhole', 'fd00:16::/64');
  await until('the new gateway', async () => {
    await startClient();
    const found = await pings(sites.pod, server, { count: 1 });
    if (found.received === 1) return true;
    await sites.world.player('client').end('SIGTERM');
    return false;
  });
  await boundSockets(t);
});
