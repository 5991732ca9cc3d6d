// SPDX-License-Identifier: Apache-2.0
/** The tunnel device: what it is like, who may have its port, and who is left alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { Sandbox } from './sandbox.js';
import { cable, sandboxes, underlayIn } from './underlay-stage.js';

async function started(t: Test, node: Sandbox, forwarder = 'test') {
  const underlay = await underlayIn(t, node);
  await underlay.call('start', [], forwarder);
  return underlay;
}

async function shown({ ip }: Sandbox, name: string): Promise<object> {
  const [link] = await ip('link', 'show', name);
  return link ?? {};
}

async function names({ ip }: Sandbox): Promise<string[]> {
  return (await ip('link')).map(({ ifname }) => ifname).sort();
}

t.test('as it is to be, and kept by the next life', async (t) => {
  const { node } = await sandboxes(t, 'node');
  const first = await started(t, node);
  const made = (await first.call('tunnelDevice', 4790)) as { ifindex: number };
  const wanted = {
    ifindex: made.ifindex,
    ifname: 'wwvxlan4790',
    ifalias: 'wanwire:test:tunnel',
    mtu: 65485,
    inet6_addr_gen_mode: 'none',
    linkinfo: {
      info_kind: 'vxlan',
      info_data: { external: true, port: 4790, learning: false, udp_zero_csum6_rx: true },
    },
  };
  t.match(made, { name: 'wwvxlan4790' });
  t.match(await shown(node, 'wwvxlan4790'), { ...wanted, flags: ['BROADCAST', 'MULTICAST', 'UP'] });
  const [{ addr_info: addresses } = {}] = await node.ip('address', 'show', 'wwvxlan4790');
  t.same(addresses, []);
  t.same(await first.call('tunnelDevice', 4790), made, 'once more changes nothing');
  await first.end();

  const next = await started(t, node);
  t.same(await next.call('tunnelDevice', 4790), made);
  await node.ip('link', 'set', 'wwvxlan4790', 'down');
  await node.ip('link', 'set', 'wwvxlan4790', 'mtu', '1500');
  t.same(await next.call('tunnelDevice', 4790), made);
  t.match(await shown(node, 'wwvxlan4790'), {
    mtu: 65485,
    flags: ['BROADCAST', 'MULTICAST', 'UP'],
  });
});

t.test('one that we were killed over is finished', async (t) => {
  const { node } = await sandboxes(t, 'node');
  const external = ['type', 'vxlan', 'external', 'dstport', '4790'];
  await node.ip('link', 'add', 'wwvxlan4790', ...external);
  const underlay = await started(t, node);
  await underlay.call('tunnelDevice', 4790);
  t.match(await shown(node, 'wwvxlan4790'), { ifalias: 'wanwire:test:tunnel', mtu: 65485 });
});

t.test('a port that is taken is refused with who has it, and nothing is left', async (t) => {
  const { node, far } = await sandboxes(t, 'node', 'far');
  await cable([node, 'wan0', '192.0.2.2/24'], [far, 'far0', '192.0.2.1/24']);
  const vxlan = ['type', 'vxlan', 'id', '7', 'remote', '192.0.2.1', 'dstport', '4790'];
  await node.ip('link', 'add', 'theirs', ...vxlan);
  await node.ip('link', 'set', 'theirs', 'up');
  const external = ['type', 'vxlan', 'external', 'dstport'];
  await node.ip('link', 'add', 'every', ...external, '4791');
  await node.ip('link', 'set', 'every', 'up');
  await node.ip('link', 'add', 'twin', ...external, '4794', 'nolearning', 'udp6zerocsumrx');
  await node.ip('link', 'add', 'wwvxlan4792', 'type', 'veth', 'peer', 'name', 'end');
  const before = await names(node);
  const script = "require('dgram').createSocket('udp4').bind(4793, () => console.log('bound'))";
  const holder = spawn('ip', ['netns', 'exec', node.name, 'node', '-e', script]);
  t.teardown(() => holder.kill());
  await once(holder.stdout, 'data');

  const underlay = await started(t, node);
  const table: readonly [number, string][] = [
    [4790, 'the VXLAN device theirs listens on it'],
    [4791, 'the VXLAN device every listens on it'],
    [4794, 'the VXLAN device twin listens on it'],
    [4792, "its device's name wwvxlan4792 is another's"],
    [4793, `process node (pid ${String(holder.pid)}) listens on it`],
  ];
  for (const [port, why] of table) {
    await t.rejects(underlay.call('tunnelDevice', port), {
      message: `vxlanPort: ${String(port)} is taken: ${why}: want a UDP port that is free on this node`,
    });
  }
  t.same(await names(node), before);

  const other = await started(t, node, 'another');
  await other.call('tunnelDevice', 4795);
  await t.rejects(underlay.call('tunnelDevice', 4795), {
    message: /wwvxlan4795 is another's \(wanwire:another:tunnel\)/,
  });
});

t.test('an ordinary VXLAN device beside it, before and after', async (t) => {
  const { node, far } = await sandboxes(t, 'node', 'far');
  await cable([node, 'wan0', '192.0.2.2/24'], [far, 'far0', '192.0.2.1/24']);
  const ordinary = async ({ ip }: Sandbox, remote: string, own: string) => {
    const vxlan = ['type', 'vxlan', 'id', '42', 'remote', remote, 'dstport', '4789'];
    await ip('link', 'add', 'vx42', ...vxlan);
    await ip('address', 'add', own, 'dev', 'vx42');
    await ip('link', 'set', 'vx42', 'up');
  };
  await ordinary(node, '192.0.2.1', '10.42.0.2/24');
  await ordinary(far, '192.0.2.2', '10.42.0.1/24');
  const ping = () => node.run('ping', '-c', '1', '-W', '5', '10.42.0.1');
  t.match(await ping(), /1 received/);
  const before = await shown(node, 'vx42');

  const underlay = await started(t, node);
  await underlay.call('tunnelDevice', 4790);
  await underlay.call('tunnelDevice', 4796);
  t.match(await ping(), /1 received/);
  await underlay.call('keepTunnels', [4796]);
  t.same(await names(node), ['lo', 'vx42', 'wan0', 'wwvxlan4796'], 'only ours of other ports go');
  t.same(await shown(node, 'vx42'), before);
  t.match(await ping(), /1 received/);
});
