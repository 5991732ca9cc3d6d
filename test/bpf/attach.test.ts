// SPDX-License-Identifier: Apache-2.0
/**
 * Programs at interfaces, by tcx and by clsact: others before and after ours,
 * swapped under traffic, devices that go.
 */
import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { BpfMap } from '../../bpf/loader/map.js';
import type { AttachKind } from '../../bpf/loader/attach.js';
import { sandbox, type Sandbox } from '../netns/sandbox.js';
import { Inside } from './inside.js';
import { bpffs, compile } from './objects.js';
import { u32 } from './number.js';

/** A node with a loader in it, and a host that pings it over the wire `ww-n`. */
interface Stage {
  readonly node: Sandbox;
  readonly loader: Inside;
  readonly ifindex: number;
  readonly object: string;
  readonly pins: string;
  /** Where attachments are pinned. */
  readonly links: string;
  /** Ping the node; how many did not arrive, of which so many are expected. */
  readonly lost: (count: number, wanted?: number) => Promise<number>;
  readonly load: (as: string, rodata: Readonly<Record<string, number>>) => Promise<void>;
  /** How many echo requests were counted in a slot. */
  readonly seen: (slot: number) => number;
}

async function stage(t: Test): Promise<Stage> {
  const object = compile('count');
  const pins = bpffs(t);
  const links = join(pins, 'links');
  mkdirSync(links);
  const maps = join(pins, 'maps');
  mkdirSync(maps);
  const [node, host] = await Promise.all([sandbox(t), sandbox(t)]);
  await node.ip('link', 'add', 'ww-n', 'type', 'veth', 'peer', 'name', 'ww-h', 'netns', host.name);
  await node.ip('address', 'add', '192.0.2.1/24', 'dev', 'ww-n');
  await host.ip('address', 'add', '192.0.2.2/24', 'dev', 'ww-h');
  await node.ip('link', 'set', 'ww-n', 'up');
  await host.ip('link', 'set', 'ww-h', 'up');
  const ifindex = await indexOf(node, 'ww-n');
  const loader = await Inside.start(t, node.path);
  return {
    node,
    loader,
    ifindex,
    object,
    pins,
    links,
    async lost(count, wanted = 0) {
      const arrived = await echoes(node);
      // What comes back late does not count here: that is another question.
      const ping = `timeout 60 ping -q -f -c ${String(count)} 192.0.2.1`;
      const out = await host.run('sh', '-c', `${ping} || true`);
      const [, sent] = /(\d+) packets transmitted/.exec(out) ?? [];
      t.equal(Number(sent), count);
      const missing = async (): Promise<number> => count - ((await echoes(node)) - arrived);
      // The last ones may be on their way.
      for (let tries = 0; tries < 100; tries++) if ((await missing()) === wanted) break;
      return missing();
    },
    async load(as, rodata) {
      await loader.do({ do: 'load', as, object, pins: maps, rodata });
    },
    seen(slot) {
      using map = BpfMap.open(join(maps, 'counters'));
      return Number(map.lookup(u32(slot))?.readBigUInt64LE());
    },
  };
}

/** How many echo requests the namespace's own stack has got. */
async function echoes(node: Sandbox): Promise<number> {
  const [names = '', values = ''] = (await node.run('cat', '/proc/net/snmp'))
    .split('\n')
    .filter((line) => line.startsWith('Icmp:'));
  return Number(values.split(' ')[names.split(' ').indexOf('InEchos')]);
}

async function indexOf(node: Sandbox, name: string): Promise<number> {
  const [link] = await node.ip('link', 'show', name);
  return link?.ifindex ?? 0;
}

/** Slots of the programs before ours, ours and after it. */
const before = 0;
const ours = 1;
const after = 2;

for (const how of ['tcx', 'clsact'] as const satisfies readonly AttachKind[]) {
  t.test(`${how}: attached, told, again, and taken away`, async (t) => {
    const { loader, ifindex, links, load, lost, seen } = await stage(t);
    await load('a', { slot: ours });
    const pin = join(links, 'a');
    const order = { do: 'attach', as: 'a', ifindex, hook: 'ingress', pin, how } as const;
    t.equal(await loader.do(order), how);
    t.equal(await lost(10), 0);
    t.equal(seen(ours), 10);
    const [told, ...none] = await loader.attachments(links);
    t.same(none, []);
    t.match(told, { kind: how, pin, ifindex, hook: 'ingress', alive: true });
    t.match(told?.program, { name: 'count' });
    t.equal(lstatSync(pin).isSymbolicLink(), how === 'clsact');

    await loader.do(order);
    t.same(await loader.attachments(links), [told], 'the same again is the same');
    await load('b', { slot: after });
    await loader.do({ ...order, as: 'b' });
    t.equal(await lost(10), 0);
    t.same([seen(ours), seen(after)], [10, 10], 'another program took its place');

    await loader.do({ do: 'detach', links });
    t.same(await loader.attachments(links), []);
    t.equal(await lost(10), 0);
    t.same([seen(ours), seen(after)], [10, 10]);
    t.notOk(existsSync(pin));
  });

  t.test(`${how}: egress`, async (t) => {
    const { node, loader, ifindex, links, load, seen } = await stage(t);
    await load('a', { slot: ours });
    await loader.do({ do: 'attach', as: 'a', ifindex, hook: 'egress', pin: join(links, 'a'), how });
    await node.run('ping', '-q', '-c', '3', '-i', '0.01', '192.0.2.2');
    t.equal(seen(ours), 3);
    t.match(await loader.attachments(links), [{ hook: 'egress', alive: true }]);
  });

  t.test(`${how}: swapped under traffic, no packet meets none`, async (t) => {
    const { loader, ifindex, links, load, lost, seen } = await stage(t);
    await load('a', { slot: 1 });
    await load('b', { slot: 2 });
    const place = { do: 'attach', ifindex, hook: 'ingress', pin: join(links, 'x'), how } as const;
    const orders = [
      { ...place, as: 'a' },
      { ...place, as: 'b' },
    ];
    await loader.do({ ...place, as: 'a' });
    await loader.do({ do: 'swap', orders });
    const missing = await lost(4_000);
    t.ok(Number(await loader.do({ do: 'rest' })) > 10);
    t.equal(missing, 0, 'all arrived');
    t.equal(seen(1) + seen(2), 4_000, 'each by one of the two');
    t.ok(seen(1) > 0 && seen(2) > 0, 'and not all by the same');
  });

  t.test(
    `${how}: the process is killed, the program goes on, the next process adopts it`,
    async (t) => {
      const { node, loader, ifindex, links, load, lost, seen, object, pins } = await stage(t);
      await load('a', { slot: ours });
      const pin = join(links, 'a');
      const order = { do: 'attach', as: 'a', ifindex, hook: 'ingress', pin, how } as const;
      await loader.do(order);
      const [told] = await loader.attachments(links);
      await loader.kill();
      t.equal(await lost(20), 0);
      t.equal(seen(ours), 20);
      const next = await Inside.start(t, node.path);
      t.same(await next.attachments(links), [told]);
      await next.do({
        do: 'load',
        as: 'a',
        object,
        pins: join(pins, 'maps'),
        rodata: { slot: after },
      });
      await next.do(order);
      t.equal(await lost(20), 0);
      t.same([seen(ours), seen(after)], [20, 20]);
    },
  );

  t.test(`${how}: a device that goes`, async (t) => {
    const { node, loader, ifindex, links, load } = await stage(t);
    await load('a', { slot: ours });
    const pin = join(links, 'a');
    const order = { do: 'attach', as: 'a', ifindex, hook: 'ingress', pin, how } as const;
    await loader.do(order);
    await node.ip('link', 'del', 'ww-n');
    t.match(await loader.attachments(links), [{ pin, alive: false }], 'the pin tells');
    await t.rejects(loader.do(order), new RegExp(`interface ${String(ifindex)}: ENODEV`));
    await loader.do({ do: 'detach', links });
    await loader.do({ do: 'detach', links });
    t.notOk(existsSync(pin));

    await node.ip('link', 'add', 'ww-n', 'type', 'veth', 'peer', 'name', 'ww-m');
    const anew = { ...order, ifindex: await indexOf(node, 'ww-n') };
    await loader.do(anew);
    await node.ip('link', 'del', 'ww-n');
    await node.ip('link', 'add', 'ww-n', 'type', 'veth', 'peer', 'name', 'ww-m');
    const third = { ...order, ifindex: await indexOf(node, 'ww-n') };
    t.not(third.ifindex, anew.ifindex);
    await loader.do(third);
    t.match(await loader.attachments(links), [{ ifindex: third.ifindex, alive: true }]);
  });
}

t.test('tcx: others before and after ours', async (t) => {
  const { loader, ifindex, links, load, lost, seen, pins } = await stage(t);
  const foreign = join(pins, 'foreign');
  mkdirSync(foreign);
  const place = { do: 'attach', ifindex, hook: 'ingress', how: 'tcx' } as const;
  await load('before', { slot: before });
  await load('ours', { slot: ours, shoot: 4 });
  await load('after', { slot: after });
  await loader.do({ ...place, as: 'before', pin: join(foreign, 'before') });
  await loader.do({ ...place, as: 'ours', pin: join(links, 'ours') });
  await loader.do({ ...place, as: 'after', pin: join(foreign, 'after') });
  t.equal(await lost(100, 25), 25);
  t.same([seen(before), seen(ours), seen(after)], [100, 100, 75]);

  await load('ours', { slot: 3 });
  await loader.do({ ...place, as: 'ours', pin: join(links, 'ours') });
  t.equal(await lost(100), 0);
  t.same([seen(before), seen(3), seen(after)], [200, 100, 175], 'ours changed in its place');

  await loader.do({ do: 'detach', links });
  t.equal(await lost(10), 0);
  t.same([seen(before), seen(3), seen(after)], [210, 100, 185], 'theirs are there still');
});

t.test('clsact: others before and after ours; their qdisc and filters stay', async (t) => {
  const { node, loader, ifindex, links, load, lost, seen, pins } = await stage(t);
  await load('ours', { slot: ours, shoot: 4 });
  // Theirs are loaded and attached by other hands.
  const tc = (...args: string[]): Promise<string> => node.run('tc', ...args);
  const filter = async (name: string, slot: number, priority: number): Promise<void> => {
    const progs = join(pins, name);
    const counters = ['map', 'name', 'counters', 'pinned', join(pins, 'maps', 'counters')];
    const object = compile('count', `-DSLOT=${String(slot)}`);
    await node.run('bpftool', 'prog', 'loadall', object, progs, ...counters);
    const how = ['prio', String(priority), 'bpf', 'da', 'pinned', join(progs, 'count')];
    await tc('filter', 'add', 'dev', 'ww-n', 'ingress', ...how);
  };
  await tc('qdisc', 'add', 'dev', 'ww-n', 'clsact');
  await filter('before', before, 1);
  await filter('after', after, 50_000);
  const order = { do: 'attach', ifindex, hook: 'ingress', how: 'clsact' } as const;
  await loader.do({ ...order, as: 'ours', pin: join(links, 'ours') });
  t.equal(await lost(100, 25), 25);
  t.same([seen(before), seen(ours), seen(after)], [100, 100, 75]);

  await load('ours', { slot: 3 });
  await loader.do({ ...order, as: 'ours', pin: join(links, 'ours') });
  t.equal(await lost(100), 0);
  t.same([seen(before), seen(3), seen(after)], [200, 100, 175], 'ours changed in its place');
  await loader.do({ do: 'detach', links });
  t.equal(await lost(10), 0);
  t.same([seen(before), seen(3), seen(after)], [210, 100, 185], 'theirs are there still');
  t.match(await tc('qdisc', 'show', 'dev', 'ww-n'), /clsact/);
});

t.test('from one way to the other, at the same pin', async (t) => {
  const { loader, ifindex, links, load, lost, seen } = await stage(t);
  await load('a', { slot: ours });
  const pin = join(links, 'a');
  const order = { do: 'attach', as: 'a', ifindex, hook: 'ingress', pin } as const;
  for (const how of ['clsact', 'tcx', 'clsact'] as const) {
    t.equal(await loader.do({ ...order, how }), how);
    t.match(await loader.attachments(links), [{ kind: how, alive: true }]);
  }
  t.equal(await lost(5), 0);
  t.equal(seen(ours), 5, 'once each');
});

t.test('a pin that is in use elsewhere stays there', async (t) => {
  const { node, loader, ifindex, links, load } = await stage(t);
  await node.ip('link', 'add', 'ww-x', 'type', 'veth', 'peer', 'name', 'ww-y');
  const other = await indexOf(node, 'ww-x');
  await load('a', { slot: ours });
  const pin = join(links, 'a');
  const order = { do: 'attach', as: 'a', ifindex, hook: 'ingress', pin, how: 'tcx' } as const;
  await loader.do(order);
  await t.rejects(
    loader.do({ ...order, ifindex: other }),
    new RegExp(`is the ingress of interface ${String(ifindex)}: detach that first`),
  );
  await t.rejects(loader.do({ ...order, hook: 'egress' }), /detach that first/);
  t.match(await loader.attachments(links), [{ ifindex, hook: 'ingress', alive: true }]);
});
