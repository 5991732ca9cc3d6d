// SPDX-License-Identifier: Apache-2.0
/** Real traffic over the wire, in both directions: whole, in fragments, in segments. */
import { on, once } from 'node:events';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { dimensions, downReasons, sessionFlags } from '../../bpf/loader/layout.js';
import { protocols } from './packets.js';
import { oneClass } from './plane.js';
import { inner, outer, twoNodes, type TwoNodes } from './two-nodes.js';

const families = [4, 6] as const;

const packetsLost = async ({ edge }: TwoNodes, family: 4 | 6, options: string): Promise<string> => {
  const text = await edge.user.sh(`ping -i0.05 -W2 ${options} ${inner[family].server} || true`);
  return /\d+% packet loss/.exec(text)?.[0] ?? text;
};

/** Pings until the test ends. */
function pinging(t: Test, { edge }: TwoNodes) {
  const { stdout } = edge.user.start(t, 'ping', '-i0.05', inner[4].server);
  const answered = new Set<number>();
  createInterface(stdout ?? process.stdin).on('line', (line) => {
    const [, seq] = /icmp_seq=(\d+) ttl/.exec(line) ?? [];
    if (seq !== undefined) answered.add(Number(seq));
  });
  return {
    /** Those before the newest one that is answered from now on which have no answer. */
    async lost(): Promise<number> {
      const before = Math.max(0, ...answered);
      while (Math.max(0, ...answered) <= before + 1) await sleep(10);
      return Math.max(...answered) - answered.size;
    },
  };
}

/** The echo sessions that a side sends, the longest first. */
function pings(side: TwoNodes['edge'], family: 4 | 6) {
  return side.plane
    .sessions(family)
    .map(([, session]) => session)
    .filter(({ rx_packets, tx_packets }) => rx_packets > 0n && tx_packets > 0n)
    .sort((a, b) => Number(b.tx_packets - a.tx_packets));
}

/** Resolves when the program has said that. */
async function says(stream: Readable | null, what: RegExp): Promise<string> {
  let text = '';
  for await (const [chunk] of on(stream ?? Readable.from([]), 'data')) {
    text += String(chunk);
    const line = text.split('\n').find((one) => what.test(one));
    if (line !== undefined) return line;
  }
  throw new Error(`said: ${text}`);
}

/** Watches the outer headers of what leaves on wan0. */
async function watch(t: Test, { edge }: TwoNodes): Promise<(what: RegExp) => Promise<string>> {
  const to = `udp dst port 4790 and (src ${outer[4][0][0]} or src ${outer[6][0][0]})`;
  const options = ['--immediate-mode', '-lnvti', 'wan0', to];
  const { stdout, stderr } = edge.node.start(t, 'tcpdump', ...options);
  await says(stderr, /listening/);
  return (what) => says(stdout, what);
}

/** Bytes of a TCP connection that have come when its sender is done: all but what buffers of 1 MiB hold. */
async function received(t: Test, { edge, cloud }: TwoNodes, options: string): Promise<number> {
  // For each its own server: one that ends a test does not listen for a moment.
  const server = cloud.user.start(t, 'iperf3', '-s', '-1', '--forceflush');
  const ended = once(server, 'exit');
  await says(server.stdout, /listening/);
  const text = await edge.user.sh(`iperf3 -J -w 512K ${options}`);
  await ended;
  const { end } = JSON.parse(text) as { end: { sum_received: { bytes: number } } };
  return end.sum_received.bytes;
}

for (const family of families) {
  t.test(`over IPv${String(family)} links`, async (t) => {
    const nodes = await twoNodes(t, family);
    const { edge, cloud } = nodes;
    for (const within of families) {
      t.equal(await packetsLost(nodes, within, '-c5'), '0% packet loss');
      t.equal(await packetsLost(nodes, within, '-c5 -s4000'), '0% packet loss', 'in fragments');
      // 4,000 bytes are three fragments.
      const counts = [15n, 5n].map((count) => ({ tx_packets: count, rx_packets: count }));
      const led = { strand: 1, flags: 0, moves: 0 };
      const followed = { strand: 1, flags: sessionFlags.learned, moves: 0, rule: 0xffff };
      t.match(
        pings(edge, within),
        counts.map((count) => ({ ...led, ...count })),
      );
      t.match(
        pings(cloud, within),
        counts.map((count) => ({ ...followed, ...count })),
      );
    }
    for (const { plane } of [edge, cloud]) {
      t.same([plane.drops(0), plane.drops(1)], [{}, {}]);
      t.match(plane.wireStats(), { fragments: 0n, uncached: 0n });
      t.match(plane.strandStats(2), { tx_packets: 0n, rx_packets: 0n });
    }
  });

  t.test(`over IPv${String(family)} links: the outer header`, async (t) => {
    const nodes = await twoNodes(t, family);
    const field = family === 4 ? 'tos' : 'class';
    const hops = family === 4 ? 'ttl' : 'hlim';
    const seen = await watch(t, nodes);
    for (const within of families) {
      // DSCP EF and ECT(1).
      const line = seen(new RegExp(`${field} 0xb9,`));
      t.equal(await packetsLost(nodes, within, '-c1 -Q 0xb9'), '0% packet loss');
      t.match(await line, new RegExp(`${hops} 64,`));
    }
    const answered = await nodes.edge.user.sh(`ping -c1 ${inner[4].server}`);
    t.match(answered, /ttl=64/, 'the inner one is not touched');

    // A rule's mark goes before the packet's own: a rule for every ICMP.
    const { compiled, slots } = oneClass([1]);
    const bits = Array.from({ length: 16 }, (_, n) => (n === 0 ? 1n : 0n));
    nodes.edge.plane.apply({
      compiled: {
        ...compiled,
        rules: [{ classId: 0, mark: 10 }],
        dimensionsMask: 1 << dimensions.protocol,
        exact: new Map([[64 + protocols.icmp, bits]]),
      },
      slots,
    });
    const line = seen(new RegExp(`${field} 0x29,`));
    t.equal(await packetsLost(nodes, 4, '-c1 -Q 0xb9'), '0% packet loss');
    await line;
  });

  t.test(`over IPv${String(family)} links: the other side follows`, async (t) => {
    const nodes = await twoNodes(t, family);
    const { edge, cloud } = nodes;
    const running = pinging(t, nodes);
    const until = async (strand: number) => {
      while (pings(cloud, 4)[0]?.strand !== strand) await edge.user.sh('sleep 0.05');
    };
    await until(1);
    edge.plane.setDown(1, downReasons.operator);
    await until(2);
    edge.plane.setDown(2, downReasons.operator);
    edge.plane.setDown(1, 0);
    await until(1);
    t.equal(await running.lost(), 0, 'none is lost');
    t.match(pings(edge, 4)[0], { strand: 1, moves: 2, flags: 0 });
    t.match(pings(cloud, 4)[0], { strand: 1, moves: 2, flags: sessionFlags.learned });
    for (const { plane } of [edge, cloud]) {
      const { tx_packets, rx_packets } = plane.strandStats(2);
      t.ok(tx_packets > 0n && rx_packets > 0n);
    }

    // What it learned of is down on its side: it goes by its own tables.
    cloud.plane.setDown(1, downReasons.carrier);
    t.equal(await packetsLost(nodes, 6, '-c5'), '0% packet loss');
    t.match(pings(edge, 6)[0], { strand: 1, rx_packets: 5n });
    t.match(pings(cloud, 6)[0], { strand: 2, flags: 0, moves: 0 });
  });
}

for (const [title, options] of [
  ['to another namespace', {}],
  ['to the node’s own namespace', { home: true }],
  ['of Ethernet frames', { ethernet: true }],
  ['of Ethernet frames to the node’s own namespace', { ethernet: true, home: true }],
] as const) {
  t.test(`TCP in segments, ${title}`, async (t) => {
    const nodes = await twoNodes(t, 4, options);
    const { edge, cloud } = nodes;
    // Ethernet wires learn their neighbours, by ARP and ND.
    for (const within of families)
      t.equal(await packetsLost(nodes, within, '-c2'), '0% packet loss');
    for (const within of families) {
      for (const direction of ['', '-R']) {
        const to = inner[within].server;
        t.ok((await received(t, nodes, `-n 30M ${direction} -c ${to}`)) > 15 << 20);
      }
    }
    const tcp = edge.plane
      .sessions(4)
      .filter(
        ([{ protocol }, { tx_bytes }]) => protocol === protocols.tcp && tx_bytes > 15n << 20n,
      );
    t.equal(tcp.length, 1);
    for (const [, { tx_bytes, tx_packets }] of tcp) {
      const mean = Number(tx_bytes / tx_packets);
      t.ok(mean > 1300, `segments are counted, of ${String(mean)} bytes and more`);
    }
    for (const { plane } of [edge, cloud]) t.same([plane.drops(0), plane.drops(1)], [{}, {}]);
  });
}

for (const family of families) {
  t.test(`IPv${String(family)}: a strand that is smaller than the wire is found out`, async (t) => {
    const nodes = await twoNodes(t, 4);
    const { edge, cloud } = nodes;
    // IPv6 goes down to 1280.
    for (const { plane } of [edge, cloud]) plane.setMtu(1, 1300);
    const headers = family === 4 ? 28 : 48;
    const size = (mtu: number) => `-M do -c3 -s ${String(mtu - headers)}`;
    const refused = await edge.user.sh(`ping ${size(1400)} -W1 ${inner[family].server} || true`);
    t.match(refused, /(mtu = |mtu=)1300/);
    t.equal(await packetsLost(nodes, family, size(1300)), '0% packet loss');

    await edge.user.sh('ip -4 route flush cache; ip -6 route flush cache');
    const bytes = await received(t, nodes, `-n 10M -c ${inner[family].server}`);
    t.ok(bytes > 5 << 20, 'segments are refused until they fit');
    t.ok((edge.plane.drops()['too-big'] ?? 0) > 1);
  });
}
