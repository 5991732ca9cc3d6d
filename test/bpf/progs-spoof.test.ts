// SPDX-License-Identifier: Apache-2.0
/** What `wire_rx` takes from the network, and from whom; what `wire_tx` takes from a client: made by hand. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import t, { type Test } from 'tap';
import { downReasons, sessionFlags } from '../../bpf/loader/layout.js';
import { compileTool } from './objects.js';
import { etherTypes, ethernet, ip, mapped, protocols, udp, vxlan } from './packets.js';
import { inner, outer, twoNodes, vni, type TwoNodes } from './two-nodes.js';

/** Sends what it is told, line by line, from one address to another; says so. */
const sender = `
const [, from, to] = process.argv;
const socket = require('dgram').createSocket(from.includes(':') ? 'udp6' : 'udp4');
socket.bind({ address: from, port: 0 }, () => console.log('bound'));
require('readline').createInterface(process.stdin).on('line', (line) =>
  socket.send(Buffer.from(line, 'hex'), 4790, to, () => console.log('sent')));
`;

type Send = (...packets: readonly Buffer[]) => Promise<void>;

/** Hands packets to a program, one a line, each when it has answered for the one before. */
function feeding(child: ChildProcess, lines: Interface): Send {
  return async (...packets) => {
    for (const one of packets) {
      const said = once(lines, 'line');
      child.stdin?.write(`${one.toString('hex')}\n`);
      await said;
    }
  };
}

/** Counters become these: a packet may be on its way when its sender is done. */
async function become<T>(t: Test, get: () => T, want: T, why = 'counted'): Promise<void> {
  for (let tries = 0; tries < 2_000 && !isDeepStrictEqual(get(), want); tries++)
    await setTimeout(10);
  t.same(get(), want, why);
}

const linesOf = ({ stdout }: ChildProcess) => createInterface(stdout ?? process.stdin);

/** Datagrams from an address of the cloud's node to the edge's VXLAN device. */
async function sending(t: Test, { cloud }: TwoNodes, from: string, to: string): Promise<Send> {
  const child = cloud.node.start(t, process.execPath, '-e', sender, from, to);
  const lines = linesOf(child);
  await once(lines, 'line');
  return feeding(child, lines);
}

const tuple = {
  source: inner[4].server,
  destination: inner[4].client,
  protocol: protocols.udp,
  sourcePort: 53,
  destinationPort: 1000,
};
const frame = ip(tuple, udp(53, 1000, Buffer.alloc(20)));
const reversed = {
  ...tuple,
  source: tuple.destination,
  destination: tuple.source,
  sourcePort: 1000,
  destinationPort: 53,
};

for (const family of [4, 6] as const) {
  const [here, there] = outer[family][0];

  t.test(`over IPv${String(family)}: only strands of the wire’s peer are heard`, async (t) => {
    const nodes = await twoNodes(t, family, { quiet: true });
    const { plane } = nodes.edge;
    const [stranger, bits] = family === 4 ? ['192.0.2.66', '24'] : ['fd92::66', '64'];
    await nodes.cloud.node.sh(`ip addr add ${stranger}/${bits} dev wan0 nodad`);

    const own = await sending(t, nodes, there, here);
    const before = plane.wireStats(1).rx_packets;
    await own(vxlan(vni, frame));
    await become(t, () => plane.wireStats(1).rx_packets, before + 1n, 'the peer itself');
    await become(t, () => plane.drops(0), {});
    await own(vxlan(vni + 1, frame));
    await become(t, () => plane.drops(0), { 'no-wire': 1 }, 'a VNI of nobody');

    const other = await sending(t, nodes, stranger, here);
    await other(vxlan(vni, frame), vxlan(vni, frame));
    await become(
      t,
      () => plane.drops(0),
      { 'no-wire': 1, 'not-source': 2 },
      'an address of nobody',
    );

    // Now it is another peer's, which has a wire with another VNI.
    plane.setStrand(9, { local: mapped(here), remote: mapped(stranger), peer: 2 });
    plane.setWire(2, { peer: 2, vni: vni + 1, flags: 1 });
    await other(vxlan(vni, frame));
    await become(
      t,
      () => plane.drops(0),
      { 'no-wire': 2, 'not-source': 2 },
      'the VNI of another peer’s wire',
    );
    await own(vxlan(vni + 1, frame));
    await become(t, () => plane.drops(0), { 'no-wire': 3, 'not-source': 2 });
    // The same VNI from both is two wires.
    plane.setWire(3, { peer: 2, vni, flags: 1 });
    await other(vxlan(vni, frame));
    await become(t, () => plane.wireStats(3).rx_packets, 1n);
    await become(t, () => plane.wireStats(1).rx_packets, before + 1n);
    plane.setWire(3, { peer: 2, vni, flags: 0 });
    await other(vxlan(vni, frame));
    await become(
      t,
      () => plane.drops(0),
      { 'no-wire': 4, 'not-source': 2 },
      'it is being taken down',
    );
  });
}

t.test('an answer that nobody asked for makes no session where this side leads', async (t) => {
  const nodes = await twoNodes(t, 4, { quiet: true });
  const { plane } = nodes.edge;
  const send = await sending(t, nodes, outer[4][0][1], outer[4][0][0]);
  const { rx_packets } = plane.wireStats(1);
  await send(vxlan(vni, frame));
  await become(t, () => plane.wireStats(1).rx_packets, rx_packets + 1n);
  t.equal(plane.session(reversed), undefined);
});

t.test('the side that follows learns from what comes, as far as its rate allows', async (t) => {
  const nodes = await twoNodes(t, 4, { quiet: true });
  const { plane } = nodes.edge;
  plane.setWire(1, { flags: 1, vni, port: 1 });
  const send = await sending(t, nodes, outer[4][0][1], outer[4][0][0]);
  const second = await sending(t, nodes, outer[4][1][1], outer[4][1][0]);
  const strand = () => plane.session(reversed)?.strand;
  const received = () => plane.session(reversed)?.rx_packets;
  await send(vxlan(vni, frame));
  await become(t, received, 1n);
  const learned = { flags: sessionFlags.learned, class_id: 0xffff, rule: 0xffff };
  t.match(plane.known(reversed), { ...learned, strand: 1, tx_packets: 0n, moves: 0 });
  await second(vxlan(vni, frame));
  await become(t, received, 2n);
  t.match(plane.known(reversed), { ...learned, strand: 2, moves: 1 });

  plane.setDown(1, downReasons.operator);
  await send(vxlan(vni, frame));
  await become(t, received, 3n);
  t.equal(strand(), 2, 'not from one that is down');
  plane.setDown(1, 0);
  plane.setSession(reversed, { flags: sessionFlags.pinned });
  await send(vxlan(vni, frame));
  await become(t, received, 4n);
  t.equal(strand(), 2, 'not what is pinned');

  plane.control('insert_rate', 1);
  const sessions = plane.sessions(4).length;
  const { rx_packets } = plane.wireStats(1);
  const flows = Array.from({ length: 20 }, (_, n) => ip(tuple, udp(53, 2000 + n)));
  await send(...flows.map((one) => vxlan(vni, one)));
  await become(t, () => plane.wireStats(1).rx_packets, rx_packets + 20n);
  const made = plane.sessions(4).length - sessions;
  t.ok(made >= 1 && made < 20, String(made));
});

const six = { source: inner[6].server, destination: inner[6].client, protocol: protocols.udp };
const whole = [
  frame,
  ip({ ...tuple, options: Buffer.from('01010100', 'hex') }, udp(53, 1000)),
  ip(six, udp(53, 1000)),
  ip({ ...six, before: [{ type: protocols.destination, rest: Buffer.alloc(7) }] }, udp(53, 1000)),
];

t.test('frames cut off at every length are delivered to nobody', async (t) => {
  const nodes = await twoNodes(t, 4, { quiet: true });
  const { plane } = nodes.edge;
  const send = await sending(t, nodes, outer[4][0][1], outer[4][0][0]);
  const { rx_packets } = plane.wireStats(1);
  // Of a frame without an IP header, the VXLAN device makes an error of its own.
  const cut = whole.flatMap((one) => {
    const first = one.readUInt16BE(12) === etherTypes.ip4 ? 34 : 54;
    return Array.from({ length: one.length - first }, (_, n) => one.subarray(0, first + n));
  });
  await send(...cut.map((one) => vxlan(vni, one)));
  await become(t, () => plane.drops(1), { malformed: cut.length });
  for (const type of [etherTypes.arp, etherTypes.lldp]) {
    await send(vxlan(vni, ethernet(type, Buffer.alloc(46))));
  }
  await become(t, () => plane.drops(1), { malformed: cut.length, 'not-ip': 2 });
  t.match(plane.wireStats(1), { rx_packets });
  await become(t, () => plane.drops(0), {});
});

t.test('frames cut off at every length are sent to nobody', async (t) => {
  const nodes = await twoNodes(t, 4, { quiet: true });
  const { plane, user } = nodes.edge;
  const child = user.start(t, compileTool(t, 'frames'), 'nsm-1');
  const send = feeding(child, linesOf(child));
  const cut = whole.flatMap((one) =>
    Array.from({ length: one.length - 14 }, (_, n) => one.subarray(0, 14 + n)),
  );
  await send(...cut);
  await become(t, () => plane.drops(1), { malformed: cut.length });
  await send(...whole);
  await become(t, () => plane.drops(1), { malformed: cut.length });
  await become(t, () => plane.session(tuple)?.tx_packets, 2n);
});
