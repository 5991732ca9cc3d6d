// SPDX-License-Identifier: Apache-2.0
/**
 * STAMP over real devices: with Ethernet and without, packet in and packet out;
 * and a stock sender, a mere socket, which believes right checksums only.
 */
import { execFile, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { stampPort } from '../../bpf/loader/layout.js';
import { compileTool } from './objects.js';
import type { TestPlane } from './plane.js';
import {
  answerOf,
  datagram,
  payloadOf,
  probeOf,
  probePort,
  sentAs,
  setSent,
  stampPlane,
  strandEnds,
} from './stamp.js';
import { Place } from './two-nodes.js';

const exec = promisify(execFile);
const stamp = 0xea00_0000_1234_5678n;
const families = [4, 6] as const;

async function place(t: Test): Promise<Place> {
  const name = `ww-${randomUUID().slice(0, 6)}`;
  await exec('ip', ['netns', 'add', name]);
  t.teardown(() => exec('ip', ['netns', 'del', name]));
  const made = new Place(name);
  await made.sh(`
    sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
    sysctl -qw net.ipv6.conf.default.router_solicitations=0
    ip link set lo up`);
  return made;
}

async function attach(at: Place, plane: TestPlane, device: string, kind: '' | '_l3') {
  await at.sh(`tc qdisc add dev ${device} clsact`);
  for (const [name, hook] of [
    ['stamp_rx', 'ingress'],
    ['stamp_tx', 'egress'],
  ] as const) {
    const pin = join(plane.pins, `${name}${kind}-${device}`);
    plane.object.program(`${name}${kind}`).pin(pin);
    await at.sh(`tc filter add dev ${device} ${hook} bpf da object-pinned ${pin}`);
  }
}

/** Lines that a child prints; `next` waits for one that is wanted, for 30 s. */
function linesOf(child: ChildProcess) {
  const lines: string[] = [];
  createInterface(child.stdout ?? process.stdin).on('line', (line) => lines.push(line));
  return {
    lines,
    next: async (wanted: (line: string) => boolean): Promise<string> => {
      for (let tries = 0; tries < 3_000; tries++) {
        const at = lines.findIndex(wanted);
        if (at >= 0) return lines.splice(0, at + 1).at(-1) ?? '';
        await sleep(10);
      }
      throw new Error(`not among ${String(lines.length)} lines: ${lines.join('\n')}`);
    },
  };
}

/** Prints what comes back for a packet that it sends from an address, each line of standard input one. */
const sender = `
const [, from, port, to, at] = process.argv;
const socket = require('dgram').createSocket(from.includes(':') ? 'udp6' : 'udp4');
socket.on('message', (data, { address, port }) => console.log(data.toString('hex'), address, port));
socket.bind({ address: from, port: Number(port) }, () => console.log('bound'));
require('readline').createInterface(process.stdin).on('line', (line) =>
  socket.send(Buffer.from(line, 'hex'), Number(at), to));
`;

async function senderAt(t: Test, at: Place, ends: readonly [string, string], port: number) {
  const [from, to] = ends;
  const args = ['-e', sender, from, String(port), to, String(stampPort)];
  const child = at.start(t, process.execPath, ...args);
  const heard = linesOf(child);
  await heard.next((line) => line === 'bound');
  return { ...heard, send: (data: Buffer) => child.stdin?.write(`${data.toString('hex')}\n`) };
}

/** Ethernet's header where there is none. */
const without = {
  4: Buffer.from('0000000000000000000000000800', 'hex'),
  6: Buffer.from('00000000000000000000000086dd', 'hex'),
} as const;
/** Ports of an answer to port 5000. */
const backwards = '035e1388';

/** What a device without Ethernet has of a frame. */
const bare = (frame: Buffer): Buffer => frame.subarray(14);

for (const [kind, program, head] of [
  ['tap', '', (frame: Buffer) => frame],
  ['tun', '_l3', bare],
] as const) {
  t.test(`${kind}: packets in, packets out`, async (t) => {
    const node = await place(t);
    const plane = stampPlane(t);
    const child = node.start(t, compileTool(t, 'device'), 'wan0', kind);
    const { next, lines } = linesOf(child);
    await next((line) => line === 'ready');
    await node.sh(`
      ip addr add ${strandEnds[4].local}/32 dev wan0
      ip addr add ${strandEnds[6].local}/128 dev wan0 nodad
      ip link set wan0 up
      for to in ${strandEnds[4].remote} ${strandEnds[6].remote}; do
        ip route add $to dev wan0
        ${kind === 'tap' ? 'ip neigh add $to lladdr 02:00:00:00:00:0a dev wan0' : ''}
      done`);
    await attach(node, plane, 'wan0', program);
    const { mac } = kind === 'tap' ? await node.device('wan0') : { mac: Buffer.alloc(6) };
    const come = (frame: Buffer) => child.stdin?.write(`${head(frame).toString('hex')}\n`);
    const withMacs = (frame: Buffer, to: Buffer, from: Buffer): Buffer => {
      to.copy(frame, 0);
      from.copy(frame, 6);
      return frame;
    };
    const peer = Buffer.from('02000000000a', 'hex');
    for (const family of families) {
      const { strand, local, remote } = strandEnds[family];
      const probe = { seq: 77, stamp, ssid: 9 };
      const ports = [5000, stampPort] as const;
      const usual = { source: remote, destination: local, ttl: 63 };
      come(withMacs(datagram(usual, ports, probeOf(probe)), mac, peer));
      const told = await next((line) => line.includes(backwards));
      const got = Buffer.from(told, 'hex');
      const payload = payloadOf(kind === 'tap' ? got : Buffer.concat([without[family], got]));
      const answer = answerOf({
        seq: 0,
        stamp: payload.readBigUInt64BE(4),
        received: payload.readBigUInt64BE(16),
        error: 0x2601,
        ttl: 63,
        probe,
      });
      const back = { source: local, destination: remote, ttl: 255 };
      const expected = withMacs(datagram(back, [stampPort, 5000], answer), peer, mac);
      t.equal(
        got.toString('hex'),
        head(expected).toString('hex'),
        `IPv${String(family)}: reflected`,
      );

      // Ours: a socket sends, the answer is taken before any socket sees it.
      const { send, lines: heard } = await senderAt(t, node, [local, remote], probePort);
      setSent(plane, strand, { seq: 5, stamp });
      const before = process.hrtime.bigint();
      send(probeOf({ seq: 5, stamp }));
      await next((line) => line.includes('ea00000012345678'));
      const { sent_ns: sentNs } = sentAs(plane, strand, 5);
      t.ok(sentNs >= before && sentNs <= process.hrtime.bigint(), 'noted as it left');
      const returned = answerOf({
        seq: 3,
        stamp,
        received: stamp,
        error: 1,
        ttl: 64,
        probe: { seq: 5, stamp },
      });
      come(withMacs(datagram(usual, [stampPort, probePort], returned), mac, peer));
      for (let tries = 0; tries < 2_000 && plane.quality(strand).received === 0n; tries++)
        await sleep(10);
      t.match(plane.quality(strand), { received: 1n, forged: 0n, answered_ns: sentNs });
      t.same(heard, [], 'and its socket hears nothing of it');
    }

    // From nobody's address: the stack has it, and nobody listens there.
    await node.sh(`ip route add 203.0.113.9 dev wan0
      ${kind === 'tap' ? 'ip neigh add 203.0.113.9 lladdr 02:00:00:00:00:0a dev wan0' : ''}`);
    const stranger = { source: '203.0.113.9', destination: strandEnds[4].local };
    lines.length = 0;
    come(withMacs(datagram(stranger, [5000, stampPort], probeOf({ seq: 1, stamp })), mac, peer));
    const refused = Buffer.from(await next((line) => line.includes('cb007109')), 'hex');
    const l3 = kind === 'tap' ? 14 : 0;
    t.same(refused.subarray(l3 + 20, l3 + 22), Buffer.from([3, 3]), 'port unreachable');
    t.match(plane.quality(1), { reflected: 1n });
  });
}

t.test('a stock sender gets right answers, whoever finishes checksums', async (t) => {
  const [asker, node] = [await place(t), await place(t)];
  const plane = stampPlane(t);
  await asker.sh(`ip link add wan0 type veth peer name wan0 netns ${node.name}`);
  for (const [at, own, other] of [
    [node, 'local', 'remote'],
    [asker, 'remote', 'local'],
  ] as const) {
    await at.sh(`
      ip addr add ${strandEnds[4][own]}/32 dev wan0
      ip addr add ${strandEnds[6][own]}/128 dev wan0 nodad
      ip link set wan0 up
      ip route add ${strandEnds[4][other]} dev wan0
      ip route add ${strandEnds[6][other]} dev wan0`);
  }
  await attach(node, plane, 'wan0', '');
  const offload = compileTool(t, 'offload');
  let seq = 0;
  const ask = async (what: string): Promise<void> => {
    for (const family of families) {
      const { local, remote } = strandEnds[family];
      const { next, send } = await senderAt(t, asker, [remote, local], 0);
      for (const own of [0, 1]) {
        const probe = { seq: ++seq, stamp: stamp + BigInt(seq), tail: Buffer.alloc(seq) };
        send(probeOf(probe));
        const [hex = '', from, port] = (await next(() => true)).split(' ');
        const data = Buffer.from(hex, 'hex');
        const [sent, received] = [data.readBigUInt64BE(4), data.readBigUInt64BE(16)];
        const answer = { seq: own, stamp: sent, received, error: 0x2601, ttl: 64, probe };
        t.equal(hex, answerOf(answer).toString('hex'), `IPv${String(family)}, ${what}`);
        t.same([from, port], [local, String(stampPort)]);
      }
    }
  };
  await ask('nobody, where the kernel can help it');
  await node.sh(`${offload} wan0`);
  await ask('the one that answers');
  await asker.sh(`${offload} wan0`);
  await ask('each its own');
  // No process of ours is there: a packet that is not for the reflector finds nobody.
  t.equal(plane.quality(1).reflected, 6n);
  t.equal(plane.quality(2).reflected, 6n);
  t.ok(plane.quality(1).heard_ns > 0n);
});
