// SPDX-License-Identifier: Apache-2.0
/** A lab is made, entered, looked at and taken away. */
import t from 'tap';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { defaultLab } from '../../lab/default.js';
import { Lab } from '../../lab/lab.js';
import { labOf, newName, pings, tracesOf } from './labs.js';

t.test('the default lab, from nothing to nothing', async (t) => {
  const lab = await labOf(t);
  for (const to of ['203.0.113.10', '198.51.100.10', '2001:db8:a::10', '2001:db8:b::10']) {
    t.equal((await pings(lab, 'edge', to, { count: 3 })).received, 3, `edge reaches ${to}`);
  }
  for (const to of ['10.60.0.1', '2001:db8:60::1']) {
    t.equal((await pings(lab, 'cloud/server', to, { count: 1 })).received, 1);
  }
  const routes = [
    await lab.place('cloud/server').exec('ip', 'route', 'show', 'default'),
    await lab.place('cloud/server').exec('ip', '-6', 'route', 'show', 'default'),
  ];
  t.match(routes, [/via 10.60.0.1 dev eth0/, /via 2001:db8:60::1 dev eth0/]);
  const client = await lab.place('edge/client').exec('ip', '-br', 'link');
  t.match(client, /^lo +UNKNOWN [^\n]*LOWER_UP[^\n]*\n$/, 'a client has loopback, up, and no more');
  t.match(await lab.node('edge').exec('ip', '-br', 'link'), /^lo [^]*wan0@[^]*wan1@/);

  await lab.down();
  t.same(await tracesOf(lab.name), []);
  await lab.down();
});

t.test('its places are entered without leaving the file systems', async (t) => {
  const lab = await labOf(t);
  const cloud = lab.node('cloud');
  t.equal(cloud.path, `/run/netns/ww-${lab.name}-cloud`);
  const ours = readlinkSync('/proc/self/ns/mnt');
  t.equal((await cloud.exec('readlink', '/proc/self/ns/mnt')).trim(), ours);
  await t.rejects(cloud.exec('sh', '-c', 'echo because >&2; exit 3'), /because/);
  const child = cloud.spawn('sh', ['-c', 'exit 5']);
  t.same(await once(child, 'exit'), [5, null]);
  t.throws(() => lab.place('edge/nobody'), /there are edge, edge\/client, cloud, cloud\/server/);
});

t.test('another process opens it, and cannot make it again', async (t) => {
  const lab = await labOf(t);
  const other = await Lab.open(lab.name);
  t.equal(other.node('edge').netns, lab.node('edge').netns);
  const status = await other.status();
  t.same(
    status.links.map(({ link, to, up, carrier, mtu }) => ({ link, to, up, carrier, mtu })),
    ['cloud/wan0', 'cloud/wan1', 'edge/wan0', 'edge/wan1'].map((link) => {
      const to = link.replace(/^\w+/, (site) => (site === 'edge' ? 'cloud' : 'edge'));
      return { link, to, up: true, carrier: true, mtu: 1500 };
    }),
  );
  await t.rejects(Lab.up(defaultLab(lab.name)), /is up already.*lab down --name/);
  t.equal((await pings(lab, 'edge', '203.0.113.10', { count: 1 })).received, 1, 'it is unharmed');
  await other[Symbol.asyncDispose]();
  t.not((await tracesOf(lab.name)).length, 0, 'who only opened it does not take it down');
});

t.test('who made it takes it down by disposing of it', async (t) => {
  const name = newName();
  {
    await using lab = await Lab.up(defaultLab(name));
    t.equal(lab.name, name);
  }
  t.same(await tracesOf(name), []);
});

t.test('a lab that is not there', async (t) => {
  await t.rejects(Lab.open('none-of-that'), /lab none-of-that is not up/);
  t.equal(await Lab.down('none-of-that'), false);
});

t.test('stopped while it is made, it leaves nothing', async (t) => {
  const name = newName();
  const { signal } = new AbortController();
  let asked = 0;
  // After some of its steps.
  signal.throwIfAborted = () => {
    asked += 1;
    if (asked === 4) throw new Error('enough');
  };
  await t.rejects(Lab.up(defaultLab(name), { signal }), /enough/);
  t.same(await tracesOf(name), []);
});

t.test('a namespace of others with a name that it needs is left alone', async (t) => {
  const others = await labOf(t);
  const name = `${others.name}-edge`;
  const file = { ...defaultLab(name), spec: { sites: [{ name: 'client', links: [] }] } };
  await t.rejects(Lab.up(file), new RegExp(`there already: ww-${name}-client`));
  t.match(await others.place('edge/client').exec('ip', 'link'), 'lo:');
  await t.rejects(Lab.open(name), /is not up/);
});

t.test('several servers share their LAN', async (t) => {
  const servers = ['a', 'b'].map((name, at) => ({
    name,
    addresses: [`10.60.0.${String(at + 2)}/24`],
  }));
  const lab = await labOf(t, {
    ...defaultLab(),
    spec: { sites: [{ name: 'x', links: [], lan: { addresses: ['10.60.0.1/24'] }, servers }] },
  });
  t.equal((await pings(lab, 'x/a', '10.60.0.3', { count: 2 })).received, 2);
  t.equal((await pings(lab, 'x/b', '10.60.0.1', { count: 2 })).received, 2);
});
