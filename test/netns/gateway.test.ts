// SPDX-License-Identifier: Apache-2.0
/** A node that is a gateway: forwarding and NAT by the real nft, packets seen at the far end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { inside, type Inside } from './inside.js';
import type { Sandbox } from './sandbox.js';
import { cable, sandboxes } from './underlay-stage.js';

const clients = ['172.16.0.0/16', 'fd00:16::/64'];
const wish = JSON.stringify({ prefixes: clients, nat: true });
const table = 'wanwire_test_2d_1';

/** Two clients and a server that knows no way back to them. */
async function stage(t: Test) {
  const all = await sandboxes(t, 'node', 'client', 'other', 'server');
  const { node, client, other, server } = all;
  await cable(
    [node, 'nse-1', '172.16.0.1/32'],
    [client, 'nsm-1', '172.16.0.2/32', 'fd00:16::2/128'],
  );
  await cable(
    [node, 'nse-2', '172.16.0.1/32'],
    [other, 'nsm-1', '172.16.0.3/32', 'fd00:16::3/128'],
  );
  await cable(
    [node, 'lan0', '10.60.0.1/24', 'fd00:60::1/64'],
    [server, 'eth0', '10.60.0.9/24', 'fd00:60::9/64'],
  );
  for (const [where, device, own] of [
    [client, 'nse-1', ['172.16.0.2', 'fd00:16::2']],
    [other, 'nse-2', ['172.16.0.3', 'fd00:16::3']],
  ] as const) {
    for (const address of own) await node.ip('route', 'add', address, 'dev', device);
    await where.ip('route', 'add', '172.16.0.1', 'dev', 'nsm-1');
    await where.ip('route', 'add', 'default', 'via', '172.16.0.1', 'dev', 'nsm-1');
    const [shown] = await node.ip('address', 'show', device);
    const linkLocal = shown?.addr_info?.find(({ scope }) => scope === 'link')?.local ?? '';
    await where.ip('route', 'add', 'default', 'via', linkLocal, 'dev', 'nsm-1');
  }
  return { ...all, gateway: await inside(t, node.path, './gateway-inside.ts') };
}

async function ping({ run }: Sandbox, to: string, patienceS = 5): Promise<boolean> {
  const said = await run('ping', '-c', '1', '-W', String(patienceS), to).catch(() => '');
  return /1 received/.test(said);
}

/** Who a ping seems to come from, at its target. */
async function seenFrom(from: Sandbox, at: Sandbox, device: string, to: string): Promise<string> {
  const filter = 'icmp[icmptype] == icmp-echo or (icmp6 and ip6[40] == 128)';
  const args = ['netns', 'exec', at.name, 'tcpdump', '-lnnc1', '-i', device, filter];
  const dump = spawn('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  await once(dump.stderr, 'data');
  const [said] = await Promise.all([text(dump.stdout), ping(from, to)]);
  return /IP6? (\S+) >/.exec(said)?.[1] ?? said;
}

async function setting({ run }: Sandbox, name: string): Promise<string> {
  return (await run('cat', `/proc/sys/${name}`)).trim();
}

async function tables({ run }: Sandbox): Promise<string> {
  return run('nft', 'list', 'tables');
}

/** The kernel gives the table another handle when it is made again. */
async function handle({ run }: Sandbox): Promise<string> {
  return /handle \d+/.exec(await run('nft', '-a', 'list', 'table', 'inet', table))?.[0] ?? '';
}

t.test(
  'clients reach what the node reaches, with its address, and each other with their own',
  async (t) => {
    const { node, client, other, server, gateway } = await stage(t);
    t.notOk(await ping(client, '10.60.0.9', 1), 'before: nothing is forwarded');
    await gateway.call('hold', 'a', wish);
    t.equal(await seenFrom(client, server, 'eth0', '10.60.0.9'), '10.60.0.1');
    t.equal(await seenFrom(client, server, 'eth0', 'fd00:60::9'), 'fd00:60::1');
    t.equal(await seenFrom(client, other, 'nsm-1', '172.16.0.3'), '172.16.0.2');
    t.ok(await ping(client, '10.60.0.9'), 'and the answer finds back');
    t.ok(await ping(client, 'fd00:60::9'));
    t.equal(
      await seenFrom(server, node, 'lan0', '10.60.0.1'),
      '10.60.0.9',
      'others are left alone',
    );
  },
);

t.test('without NAT the node forwards, and no table is made', async (t) => {
  const { node, client, server, gateway } = await stage(t);
  await server.ip('route', 'add', '172.16.0.0/16', 'via', '10.60.0.1');
  await gateway.call('hold', 'a', JSON.stringify({ prefixes: clients }));
  t.equal(await seenFrom(client, server, 'eth0', '10.60.0.9'), '172.16.0.2');
  t.equal(await tables(node), '');
});

t.test(
  'the table lives as long as a wire wishes it, over kill -9, and others’ tables are left alone',
  async (t) => {
    const { node, client, gateway } = await stage(t);
    await node.run('nft', 'add table inet mine; add table ip wanwire_test_2d_1');
    const others = await tables(node);
    await gateway.call('hold', 'a', wish);
    await gateway.call('hold', 'b', wish);
    await gateway.call('release', 'a');
    const before = await handle(node);
    await gateway.end('SIGKILL');
    t.ok(await ping(client, '10.60.0.9'), 'nobody is needed for packets');

    const next = await inside(t, node.path, './gateway-inside.ts');
    await next.call('hold', 'b', wish);
    await next.call('settle');
    t.equal(await handle(node), before, 'found as it should be: not made again');
    await next.call('release', 'b');
    t.equal(await tables(node), others);
    t.notOk(await ping(client, '10.60.0.9', 1));

    await next.call('hold', 'c', wish);
    const last: Inside<unknown> = await inside(t, node.path, './gateway-inside.ts');
    await last.call('settle');
    t.equal(await tables(node), others, 'nobody wishes it after a crash');
  },
);

t.test('a device that learns routes from routers goes on when the node becomes one', async (t) => {
  const { node, gateway } = await stage(t);
  t.equal(await setting(node, 'net/ipv6/conf/lan0/accept_ra'), '1');
  await gateway.call('hold', 'a', wish);
  t.equal(await setting(node, 'net/ipv4/ip_forward'), '1');
  t.equal(await setting(node, 'net/ipv6/conf/all/forwarding'), '1');
  t.equal(await setting(node, 'net/ipv6/conf/lan0/accept_ra'), '2');
});
