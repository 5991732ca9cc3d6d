// SPDX-License-Identifier: Apache-2.0
/** A client that is a router: whoever is behind it hears of a strand that is too small. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { compileTool } from './objects.js';
import { inner, Place, twoNodes } from './two-nodes.js';

const exec = promisify(execFile);
const pod = { 4: '172.17.0.2', 6: 'fd17::2' } as const;

t.test('the answer’s checksum is right, whatever the packet’s was', async (t) => {
  const { edge } = await twoNodes(t, 4);
  const behind = new Place(`${edge.user.name}-pod`);
  await exec('ip', ['netns', 'add', behind.name]);
  t.teardown(() => exec('ip', ['netns', 'del', behind.name]));
  await edge.user.sh(`
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip link add pod type veth peer name out netns ${behind.name}
    ip link set pod up
    ip addr add 172.17.0.1/24 dev pod
    ip addr add fd17::1/64 dev pod nodad
    ${compileTool(t, 'offload')} pod`);
  await behind.sh(`
    ip link set out up
    ip addr add ${pod[4]}/24 dev out
    ip addr add ${pod[6]}/64 dev out nodad
    ip route add default via 172.17.0.1
    ip -6 route add default via fd17::1`);
  edge.plane.setMtu(1, 1300);
  for (const family of [4, 6] as const) {
    // UDP leaves its checksum to the device: it is unfinished when it comes to us.
    const to = inner[family].server;
    const send = `require('dgram').createSocket('udp${String(family)}')
      .send(Buffer.alloc(1360), 9, '${to}', () => process.exit())`;
    let route = '';
    for (let tries = 0; tries < 50 && !route.includes('mtu'); tries++) {
      await behind.sh(`${process.execPath} -e "${send}"`);
      route = await behind.sh(`ip route get ${to}`);
    }
    t.match(route, /mtu 1300/);
  }
  t.ok((edge.plane.drops()['too-big'] ?? 0) >= 2);
});
