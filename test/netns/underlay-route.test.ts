// SPDX-License-Identifier: Apache-2.0
/** Each pair of outer addresses leaves by its link or not at all. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Inside } from './inside.js';
import type { Sandbox } from './sandbox.js';
import type { LinksNews } from './underlay-inside.js';
import { cable, named, sandboxes, siteLink, underlayIn, wayOf } from './underlay-stage.js';

interface Stage {
  readonly node: Sandbox;
  readonly far: Sandbox;
  readonly underlay: Inside<LinksNews>;
}

const fibre = siteLink('fibre', 'wan0', { gateways: ['192.0.2.1', '2001:db8::1'] });
const lte = siteLink('lte', 'wan1', { gateways: ['198.51.100.1', '2001:db8:1::1'] });
const local = { fibre: ['192.0.2.2', '2001:db8::2'], lte: ['198.51.100.2', '2001:db8:1::2'] };
const remotes = ['203.0.113.1', '203.0.113.2', '2001:db8:f::1', '2001:db8:f::2'];

function way(link: 'fibre' | 'lte', to: string) {
  const from = local[link][to.includes(':') ? 1 : 0] ?? '';
  return { link: { id: link === 'fibre' ? 1 : 2 }, local: from, remote: to };
}

/** Every link to an address of its own. */
const apart = [
  way('fibre', '203.0.113.1'),
  way('lte', '203.0.113.2'),
  way('fibre', '2001:db8:f::1'),
  way('lte', '2001:db8:f::2'),
];
/** Both links to one address. */
const shared = ['203.0.113.1', '2001:db8:f::1'].flatMap((to) => [way('fibre', to), way('lte', to)]);

/** Two links; everything but their own networks goes by the first where nobody says otherwise. */
async function stage(t: Test): Promise<Stage> {
  const { node, far } = await sandboxes(t, 'node', 'far');
  await lay(node, far, 0);
  await lay(node, far, 1);
  for (const remote of remotes) await far.ip('address', 'add', remote, 'dev', 'lo');
  await far.ip('link', 'set', 'lo', 'up');
  await node.ip('route', 'add', 'default', 'via', '192.0.2.1');
  await node.ip('-6', 'route', 'add', 'default', 'via', '2001:db8::1');
  const underlay = await underlayIn(t, node);
  await underlay.call('start', [fibre, lte]);
  return { node, far, underlay };
}

async function lay(node: Sandbox, far: Sandbox, link: 0 | 1): Promise<void> {
  const [v4, v6] = [
    ['192.0.2', '2001:db8:'],
    ['198.51.100', '2001:db8:1:'],
  ][link] as [string, string];
  await cable(
    [node, `wan${String(link)}`, `${v4}.2/24`, `${v6}:2/64`],
    [far, `far${String(link)}`, `${v4}.1/24`, `${v6}:1/64`],
  );
}

/** Link-local routes come by themselves, when nobody else has been found to have the address. */
const isLate = /\b(fe80|ff00):/;

/** All other routes and all rules, those of ours or those of others. */
async function table({ run }: Sandbox, whose: 'ours' | 'others'): Promise<string[]> {
  const all = await Promise.all(
    ['-4', '-6'].flatMap((family) => [
      run('ip', family, 'route', 'show', 'table', 'all'),
      run('ip', family, 'rule', 'show'),
    ]),
  );
  const lines = all.flatMap((one) => one.split('\n')).map((line) => line.trim());
  return lines
    .filter(
      (line) =>
        line !== '' && !isLate.test(line) && / proto 88\b/.test(line) === (whose === 'ours'),
    )
    .sort();
}

/** The device by which each way leaves. */
async function devices(node: Sandbox, ways: readonly ReturnType<typeof way>[]): Promise<string[]> {
  const all = await Promise.all(ways.map((one) => wayOf(one.local, one.remote, node)));
  return all.map((one) => one.replace(/ via .*/, ''));
}

async function up({ underlay }: Stage, name: string, isUp = true): Promise<void> {
  await underlay.until(name, ({ links }) => named(links, name).up === isUp);
}

for (const [routing, ways] of [
  ['host-routes', apart],
  ['source-rules', shared],
] as const) {
  t.test(
    `${routing}: each pair by its link, nobody else's routes touched, nothing left`,
    async (t) => {
      const { node, underlay } = await stage(t);
      const before = await table(node, 'others');
      await underlay.call('route', ways);
      t.equal(await underlay.call('routing'), routing);
      const wanted = ways.map(({ link }) => (link.id === 1 ? 'wan0' : 'wan1'));
      t.same(await devices(node, ways), wanted);
      t.match(await wayOf('198.51.100.2', ways[1]?.remote ?? '', node), 'wan1 via 198.51.100.1');
      t.equal(await wayOf('198.51.100.2', '10.9.9.9', node), 'wan0 via 192.0.2.1', 'only strands');
      t.same(await table(node, 'others'), before);
      const hasRules = (await table(node, 'ours')).some((line) => line.includes('lookup'));
      t.equal(hasRules, routing === 'source-rules');

      const ours = await table(node, 'ours');
      await underlay.end();
      t.same(await table(node, 'ours'), ours, 'packets need nobody');
      const next = await underlayIn(t, node);
      await next.call('start', [fibre, lte]);
      await next.call('route', ways);
      t.same(await table(node, 'ours'), ours);
      const logged = (await next.call('logged')) as readonly string[];
      t.notOk(
        logged.some((line) => line.includes('ways of links')),
        'nothing was written',
      );
      await next.call('route', []);
      t.same(await table(node, 'ours'), []);
      t.same(await table(node, 'others'), before);
      t.equal(await next.call('routing'), 'none');
    },
  );

  t.test(`${routing}: packets of a lost link stay, and it comes back by itself`, async (t) => {
    const all = await stage(t);
    const { node, far, underlay } = all;
    await underlay.call('route', ways);
    const wanted = ways.map(({ link }) => (link.id === 1 ? 'wan0' : 'wan1'));
    const stay = (device: string) => wanted.map((one) => (one === 'wan1' ? device : one));

    await far.ip('link', 'set', 'far1', 'down');
    await up(all, 'lte', false);
    for (const one of (await devices(node, ways)).filter((_, at) => wanted[at] === 'wan1')) {
      t.ok(['wan1', 'unreachable'].includes(one), `without a carrier: ${one}`);
    }
    await far.ip('link', 'set', 'far1', 'up');
    await up(all, 'lte');
    t.same(await devices(node, ways), wanted);

    await node.ip('link', 'set', 'wan1', 'down');
    await up(all, 'lte', false);
    t.same(await devices(node, ways), stay('unreachable'), 'taken down');
    await node.ip('link', 'set', 'wan1', 'up');
    await up(all, 'lte');
    t.same(await devices(node, ways), wanted, 'a link is told up when its ways are there');

    await node.ip('link', 'delete', 'wan1');
    await up(all, 'lte', false);
    t.same(await devices(node, ways), stay('unreachable'), 'the device is gone');
    await lay(node, far, 1);
    await up(all, 'lte');
    t.same(await devices(node, ways), wanted);
  });

  t.test(`${routing}: what others take away is made again`, async (t) => {
    const { node, underlay } = await stage(t);
    await underlay.call('route', ways);
    const ours = await table(node, 'ours');
    await node.run('ip', 'route', 'flush', 'table', 'all', 'proto', '88');
    await node.run('ip', '-6', 'route', 'flush', 'table', 'all', 'proto', '88');
    await node.run('ip', 'rule', 'flush', 'protocol', '88');
    await node.run('ip', '-6', 'rule', 'flush', 'protocol', '88');
    const deadline = Date.now() + 20_000;
    while ((await table(node, 'ours')).length < ours.length && Date.now() < deadline)
      await sleep(50);
    t.same(await table(node, 'ours'), ours);
  });
}

t.test('from one kind to the other and back', async (t) => {
  const { node, underlay } = await stage(t);
  for (const ways of [apart, shared, apart]) {
    await underlay.call('route', ways);
    t.same(
      await devices(node, ways),
      ways.map(({ link }) => (link.id === 1 ? 'wan0' : 'wan1')),
    );
  }
  t.notOk((await table(node, 'ours')).some((line) => line.includes('lookup')));
});

/** What of the tunnels' packets comes in there while `act` runs, by their senders. */
async function captured(
  devices: readonly (readonly [Sandbox, string])[],
  act: () => Promise<void>,
): Promise<string[][]> {
  const dumps = await Promise.all(
    devices.map(async ([{ name }, device]) => {
      const tcpdump = ['tcpdump', '--immediate-mode', '-lnnQin', '-i', device, 'udp port 4790'];
      const args = ['netns', 'exec', name, ...tcpdump];
      const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
      const said = text(child.stdout);
      await once(child.stderr, 'data');
      return { child, said };
    }),
  );
  await act();
  await sleep(500);
  return Promise.all(
    dumps.map(async ({ child, said }) => {
      child.kill('SIGINT');
      const lines = (await said).split('\n');
      return lines.flatMap((line) => / IP6? (\S+)\.\d+ > /.exec(line)?.[1] ?? []);
    }),
  );
}

t.test('frames in the tunnel device leave by the link of their outer addresses', async (t) => {
  const { node, far, underlay } = await stage(t);
  await underlay.call('tunnelDevice', 4790);
  for (const [at, { local: src, remote: dst }] of shared.entries()) {
    const to = `10.99.0.${String(at + 1)}`;
    const family = dst.includes(':') ? 'ip6' : 'ip';
    const encap = ['encap', family, 'id', '7', 'src', src, 'dst', dst];
    await node.ip('route', 'add', to, ...encap, 'dev', 'wwvxlan4790');
    await node.ip('neighbour', 'add', to, 'lladdr', '02:00:00:00:00:01', 'dev', 'wwvxlan4790');
  }
  const send = async () => {
    for (const at of shared.keys()) {
      const to = `10.99.0.${String(at + 1)}`;
      await node.run('ping', '-c', '3', '-i', '0.1', '-W', '1', to).catch(() => undefined);
    }
  };
  const links = [
    [far, 'far0'],
    [far, 'far1'],
  ] as const;
  const three = (from: readonly string[]) => from.flatMap((one) => [one, one, one]);
  await underlay.call('route', shared);
  t.same(await captured(links, send), [three(local.fibre), three(local.lte)]);

  await node.ip('link', 'set', 'wan1', 'down');
  await underlay.until('down', ({ links }) => !named(links, 'lte').up);
  t.same(await captured([[far, 'far0']], send), [three(local.fibre)], 'and by no other');
});

t.test('an answer by the other link is heard, with strict reverse paths elsewhere', async (t) => {
  const { node, far } = await sandboxes(t, 'node', 'far');
  const strict = ['net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.default.rp_filter=1'];
  await node.run('sysctl', '-w', ...strict);
  await lay(node, far, 0);
  await lay(node, far, 1);
  await far.ip('link', 'set', 'lo', 'up');
  await far.ip('address', 'add', '203.0.113.1', 'dev', 'lo');
  await far.ip('route', 'add', '192.0.2.2', 'via', '198.51.100.2', 'dev', 'far1');
  // On a busy machine the first one may wait too long for its neighbour.
  const often = ['-c', '3', '-i', '0.3', '-W', '1'];
  const ping = () =>
    node.run('ping', ...often, '-I', '192.0.2.2', '203.0.113.1').catch(() => 'none');
  await node.ip('route', 'add', '203.0.113.1', 'via', '192.0.2.1');
  t.equal(await ping(), 'none', 'the test is one');
  await node.ip('route', 'delete', '203.0.113.1');
  // It has asked for its neighbour in vain, for that is checked as well: now it asks anew at once.
  await far.ip('neighbour', 'flush', 'dev', 'far1');

  const underlay = await underlayIn(t, node);
  await underlay.call('start', [fibre, lte]);
  await underlay.call('route', shared);
  t.match(await ping(), /[1-3] received/);
});

t.test('two links in one network: each answers for itself', async (t) => {
  const { node, far } = await sandboxes(t, 'node', 'far');
  await far.ip('link', 'add', 'br0', 'type', 'bridge');
  await far.ip('address', 'add', '192.0.2.1/24', 'dev', 'br0');
  await far.ip('link', 'set', 'br0', 'up');
  for (const [device, port, address] of [
    ['wan0', 'far0', '192.0.2.2/24'],
    ['wan1', 'far1', '192.0.2.3/24'],
  ] as const) {
    await cable([node, device, address], [far, port]);
    await far.ip('link', 'set', port, 'master', 'br0');
  }
  const underlay = await underlayIn(t, node);
  await underlay.call('start', [siteLink('fibre', 'wan0'), siteLink('lte', 'wan1')]);
  const ways = ['192.0.2.2', '192.0.2.3'].map((from, at) => {
    return { link: { id: at + 1 }, local: from, remote: '192.0.2.1' };
  });
  await underlay.call('route', ways);
  t.same(await devices(node, ways), ['wan0', 'wan1']);
  for (const [at, { local: to }] of ways.entries()) {
    const [device] = await node.ip('link', 'show', `wan${String(at)}`);
    for (let n = 0; n < 5; n++) {
      await far.ip('neighbour', 'flush', 'dev', 'br0');
      await far.run('ping', '-c', '1', '-W', '5', to);
      const [neighbour] = await far.ip('neighbour', 'show', to);
      t.equal(neighbour?.lladdr, device?.address);
    }
  }
});

t.test(
  'a gateway that was silent: its packets stay, and it is used again when it speaks',
  async (t) => {
    const { node, far, underlay } = await stage(t);
    await underlay.call('route', apart);
    const ways = apart.filter(({ link }) => link.id === 2);
    const ping = (from: string, to: string) =>
      node.run('ping', '-c', '1', '-W', '1', '-I', from, to).catch(() => 'none');
    const until = async (what: string, is: () => Promise<boolean>): Promise<void> => {
      const deadline = Date.now() + 20_000;
      let isSo = false;
      while (!isSo && Date.now() < deadline) {
        for (const one of ways) await ping(one.local, one.remote);
        isSo = await is();
      }
      t.ok(isSo, what);
    };
    const answers = async () => {
      const all = await Promise.all(ways.map((one) => ping(one.local, one.remote)));
      return all.every((said) => said.includes('1 received'));
    };
    await until('both answer', answers);
    await far.ip('address', 'flush', 'dev', 'far1', 'scope', 'global');
    await node.ip('neighbour', 'flush', 'dev', 'wan1');
    // A ping to a neighbour that was given up asks for it again: it is watched without one.
    const failed = async () => {
      const states = () => node.ip('neighbour', 'show', 'dev', 'wan1', 'nud', 'failed');
      const deadline = Date.now() + 5_000;
      while ((await states()).length < 2 && Date.now() < deadline) await sleep(50);
      return (await states()).length >= 2;
    };
    await until('the kernel gives both up', failed);
    for (const one of await devices(node, ways)) t.ok(['wan1', 'unreachable'].includes(one), one);
    await far.ip('address', 'add', '198.51.100.1/24', 'dev', 'far1');
    await far.ip('address', 'add', '2001:db8:1::1/64', 'dev', 'far1', 'nodad');
    await until('both answer again', answers);
  },
);
