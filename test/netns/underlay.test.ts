// SPDX-License-Identifier: Apache-2.0
/** Links as the kernel has them, and told when they change. */
import t, { type Test } from 'tap';
import type { SiteLink } from '../../api/site/types.js';
import type { Link } from '../../forwarder/underlay/link.js';
import type { Inside } from './inside.js';
import type { Sandbox } from './sandbox.js';
import type { LinksNews } from './underlay-inside.js';
import { cable, named, sandboxes, siteLink, underlayIn } from './underlay-stage.js';

interface Stage {
  readonly node: Sandbox;
  readonly far: Sandbox;
  readonly underlay: Inside<LinksNews>;
  readonly links: readonly Link[];
  /** Wait until the link fits. */
  readonly until: (name: string, what: string, fits: (link: Link) => boolean) => Promise<Link>;
}

const fibre = siteLink('fibre', 'wan0');
const lte = siteLink('lte', 'wan1');

/** Two links: one with a gateway, one without. */
async function stage(t: Test, config: readonly SiteLink[] = [fibre, lte]): Promise<Stage> {
  const { node, far } = await sandboxes(t, 'node', 'far');
  await cable([node, 'wan0', '192.0.2.2/24', '2001:db8::2/64'], [far, 'far0', '192.0.2.1/24']);
  await cable([node, 'wan1', '198.51.100.2/24'], [far, 'far1', '198.51.100.1/24']);
  await node.ip('route', 'add', 'default', 'via', '192.0.2.1');
  const underlay = await underlayIn(t, node);
  const links = (await underlay.call('start', config)) as readonly Link[];
  const until: Stage['until'] = async (name, what, fits) => {
    const { links } = await underlay.until(what, (last) => fits(named(last.links, name)));
    return named(links, name);
  };
  return { node, far, underlay, links, until };
}

async function indexOf({ ip }: Sandbox, name: string): Promise<number | undefined> {
  return (await ip('link', 'show', name))[0]?.ifindex;
}

t.test('links as they are: index, addresses, gateways, MTU', async (t) => {
  const slow = { ...lte, mtu: 1400, gateways: ['198.51.100.9'] };
  const { node, links } = await stage(t, [fibre, slow, siteLink('later', 'wan2')]);
  t.match(links, [
    {
      id: 1,
      ifindex: await indexOf(node, 'wan0'),
      up: true,
      addresses: { v4: '192.0.2.2', v6: '2001:db8::2' },
      gateways: { v4: '192.0.2.1' },
      mtu: 1500,
    },
    {
      id: 2,
      up: true,
      addresses: { v4: '198.51.100.2' },
      gateways: { v4: '198.51.100.9' },
      mtu: 1400,
    },
    { id: 3, ifindex: 0, up: false, addresses: {}, gateways: {}, mtu: 0 },
  ]);
});

t.test('a carrier lost and found, by the far end and by hand', async (t) => {
  const { node, far, links, until } = await stage(t);
  const { ifindex, addresses, gateways } = named(links, 'fibre');
  const same = { ifindex, addresses, gateways };
  const acts: readonly [Sandbox, string][] = [
    [far, 'far0'],
    [node, 'wan0'],
  ];
  for (const [where, device] of acts) {
    await where.ip('link', 'set', device, 'down');
    t.match(await until('fibre', 'down', ({ up }) => !up), same, 'it keeps what it said last');
    await where.ip('link', 'set', device, 'up');
    // The kernel took its addresses and routes with it, if it was taken down itself.
    if (where === node) {
      await node.ip('address', 'replace', '2001:db8::2/64', 'dev', 'wan0', 'nodad');
      await node.ip('route', 'replace', 'default', 'via', '192.0.2.1');
    }
    t.match(
      await until('fibre', 'as it was', ({ up, gateways, addresses }) => {
        return up && gateways.v4 !== undefined && addresses.v6 !== undefined;
      }),
      same,
    );
  }
});

t.test('a link that is lost is told as such by its news alone', async (t) => {
  const { far, underlay } = await stage(t);
  const seen = underlay.news.length;
  await far.ip('link', 'set', 'far0', 'down');
  await underlay.until('down', ({ links }) => !named(links, 'fibre').up);
  const [first] = underlay.news.slice(seen);
  t.match(first?.links, [{ up: false }, { up: true }], 'the first that is told is the loss');
});

t.test('a device removed and added back: the same link on another index', async (t) => {
  const { node, far, links, until } = await stage(t);
  const before = named(links, 'lte');
  await node.ip('link', 'delete', 'wan1');
  const { id, addresses, mtu } = before;
  t.match(await until('lte', 'gone', ({ ifindex }) => ifindex === 0), {
    ...{ id, up: false, addresses, mtu },
  });
  await cable([node, 'wan1', '198.51.100.7/24'], [far, 'far1', '198.51.100.1/24']);
  t.match(await until('lte', 'back', ({ up }) => up), {
    id,
    ifindex: await indexOf(node, 'wan1'),
    addresses: { v4: '198.51.100.7' },
  });
  t.not(await indexOf(node, 'wan1'), before.ifindex);
});

t.test('a renamed device is no more the link, one that takes its name is', async (t) => {
  const { node, until } = await stage(t);
  await node.ip('link', 'set', 'wan0', 'name', 'other');
  t.match(await until('fibre', 'gone', ({ ifindex }) => ifindex === 0), { up: false });
  await node.ip('link', 'set', 'wan1', 'name', 'wan0');
  const index = await indexOf(node, 'wan0');
  t.match(await until('fibre', 'there', ({ ifindex, up }) => up && ifindex === index), {
    addresses: { v4: '198.51.100.2' },
  });
  await until('lte', 'gone', ({ ifindex }) => ifindex === 0);
});

t.test('addresses, routes and MTU change under a link that is up', async (t) => {
  const { node, until } = await stage(t);
  await node.ip('address', 'delete', '192.0.2.2/24', 'dev', 'wan0');
  await until('fibre', 'no address', ({ addresses }) => addresses.v4 === undefined);
  await node.ip('address', 'add', '192.0.2.66/24', 'dev', 'wan0');
  await until('fibre', 'address', ({ addresses }) => addresses.v4 === '192.0.2.66');
  await node.ip('route', 'replace', 'default', 'via', '192.0.2.200');
  await until('fibre', 'gateway', ({ gateways }) => gateways.v4 === '192.0.2.200');
  await node.ip('route', 'add', 'default', 'via', '198.51.100.1', 'metric', '10');
  await until('lte', 'gateway', ({ gateways }) => gateways.v4 === '198.51.100.1');
  await node.ip('route', 'delete', 'default', 'via', '192.0.2.200');
  await until('fibre', 'no gateway', ({ gateways }) => gateways.v4 === undefined);
  await node.ip('link', 'set', 'wan0', 'mtu', '1400');
  await until('fibre', 'MTU', ({ mtu }) => mtu === 1400);
});

t.test('an IPv6 address counts once nobody else has it', async (t) => {
  const { node, far, underlay, until } = await stage(t, [lte]);
  await node.ip('address', 'add', 'fd00:1::2/64', 'dev', 'wan1');
  await until('lte', 'address', ({ addresses }) => addresses.v6 === 'fd00:1::2');
  const [shown] = await node.ip('address', 'show', 'wan1');
  const address = shown?.addr_info?.find(({ local }) => local === 'fd00:1::2');
  t.notOk(address?.tentative);

  await node.ip('address', 'delete', 'fd00:1::2/64', 'dev', 'wan1');
  await until('lte', 'no address', ({ addresses }) => addresses.v6 === undefined);
  await far.ip('address', 'add', 'fd00:1::2/64', 'dev', 'far1', 'nodad');
  await node.ip('address', 'add', 'fd00:1::2/64', 'dev', 'wan1');
  await node.ip('address', 'add', 'fd00:2::2/64', 'dev', 'wan1');
  await until('lte', 'the other', ({ addresses }) => addresses.v6 === 'fd00:2::2');
  const told = underlay.news.map(({ links }) => named(links, 'lte').addresses.v6);
  t.equal(told.filter((v6) => v6 === 'fd00:1::2').length, 1, 'the duplicate is never told');
});

t.test("the site's links change: a name keeps its number", async (t) => {
  const { underlay, until } = await stage(t);
  await underlay.call('setLinks', [siteLink('new', 'wan9'), { ...lte, mtu: 1300 }]);
  t.match(await underlay.call('links'), [
    { id: 1, config: { name: 'new' } },
    { id: 2, mtu: 1300 },
  ]);
  await underlay.call('setLinks', []);
  t.same(await underlay.call('links'), []);
  await underlay.call('setLinks', [fibre, lte]);
  await until('lte', 'MTU', ({ mtu }) => mtu === 1500);
  const links = (await underlay.call('links')) as readonly Link[];
  t.match(links, [{ config: { name: 'fibre' }, up: true }, { id: 2 }]);
});

t.test('news that were lost make it look', async (t) => {
  const { node, far, underlay, until } = await stage(t);
  const asleep = underlay.call('sleep', 4_000);
  // More than its socket holds, so that the last of them is lost as well.
  const many = "yes 'link set lo mtu 60000\nlink set lo mtu 65536' | head -n 8000";
  await node.run('sh', '-c', `${many} | ip -batch -`);
  await far.ip('link', 'set', 'far0', 'down');
  await asleep;
  await until('fibre', 'down', ({ up }) => !up);
  const logged = (await underlay.call('logged')) as readonly string[];
  t.ok(logged.some((line) => line.includes('news of links were lost')));
});

t.test('what happens to others is no news', async (t) => {
  const { node, underlay } = await stage(t);
  const before = underlay.news.length;
  await node.ip('link', 'add', 'ww-a', 'type', 'veth', 'peer', 'name', 'ww-b');
  await node.ip('address', 'add', '10.9.0.1/24', 'dev', 'ww-a');
  await node.ip('link', 'set', 'ww-a', 'up');
  await node.ip('link', 'delete', 'ww-a');
  await underlay.call('setLinks', [fibre, lte]);
  t.equal(underlay.news.length, before);
});

t.test('reverse paths: loose on links where strict would count, others left alone', async (t) => {
  const { node, far } = await sandboxes(t, 'node', 'far');
  await node.run(
    'sysctl',
    '-w',
    'net.ipv4.conf.all.rp_filter=1',
    'net.ipv4.conf.default.rp_filter=1',
  );
  await cable([node, 'wan0', '192.0.2.2/24'], [far, 'far0']);
  await cable([node, 'lan0', '10.0.0.1/24'], [far, 'far1']);
  const underlay = await underlayIn(t, node);
  await underlay.call('start', [fibre]);
  const filter = async (device: string) =>
    (await node.run('sysctl', '-n', `net.ipv4.conf.${device}.rp_filter`)).trim();
  t.equal(await filter('wan0'), '2');
  t.equal(await filter('lan0'), '1');
  t.equal(await filter('all'), '1');
  await node.ip('link', 'delete', 'wan0');
  await cable([node, 'wan0', '192.0.2.2/24'], [far, 'far0']);
  await underlay.until('up', ({ links }) => named(links, 'fibre').up);
  t.equal(await filter('wan0'), '2', 'on a device that came back, too');
});
