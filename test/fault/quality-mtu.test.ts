// SPDX-License-Identifier: Apache-2.0
/** A link that loses large packets without a word: what really passes is found, and a transfer goes on. */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { compileText } from '../bpf/objects.js';
import { server } from '../stage/steered.js';
import { until } from '../stage/up.js';
import { Wan } from '../stage/wan.js';

/** What the devices carry, what passes in the middle, and how near to that is found. */
const [whole, passes, within] = [1_450, 1_400, 8];
/** Outer headers without Ethernet's, and that; inner ones of TCP, with timestamps. */
const [around, ethernet, inner] = [50, 14, 52];
/** It is confirmed every five seconds, and then looked for; other tests run beside. */
const longestMs = 20_000;

/** What leaves a device is lost if it is longer, or will be when it is cut into segments. */
const hole = `
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
SEC("tc") int hole(struct __sk_buff *skb)
{
	__u32 size = skb->gso_size;
	__u32 length = size ? size + ${String(inner + around)} : skb->len - ${String(ethernet)};

	return length > ${String(passes + around)} ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
char LICENSE[] SEC("license") = "Dual MIT/GPL";
`;

/** Prints how many bytes have come, ten times a second. */
const receive = `
let bytes = 0;
require('net').createServer((socket) => {
  socket.on('data', (data) => (bytes += data.length)).on('error', (error) => console.log(error.code));
}).listen(7100, () => console.log('ready'));
setInterval(() => console.log(bytes), 100);
`;
/** Some 8 Mbit/s in full segments. */
const send = `
const socket = require('net').connect(7100, '${server}');
socket.on('error', (error) => { console.error(error.code); process.exit(1); });
setInterval(() => socket.writableLength < 1e6 && socket.write(Buffer.alloc(20_000)), 20);
`;

let pair: Wan;
/** Of the transfer: bytes that have come, and when the newest did. */
const came = { bytes: 0, atMs: 0, gapMs: 0, error: '' };

t.before(async () => {
  pair = await Wan.open({ quality: '{detectionMs: 1000, holdDownMs: 500}' });
  t.teardown(() => pair[Symbol.asyncDispose]());
  const { sites } = pair;
  const receiver = sites.lab
    .place('cloud/server')
    .spawn(process.execPath, ['-e', receive], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => receiver.kill());
  if (receiver.stdout === null) throw new TypeError('no pipe');
  const ready = new Promise<void>((resolve) => {
    createInterface(receiver.stdout ?? process.stdin).on('line', (line) => {
      if (line === 'ready') resolve();
      else if (Number.isNaN(Number(line))) came.error = line;
      else if (Number(line) > came.bytes) {
        const nowMs = performance.now();
        if (came.atMs > 0) came.gapMs = Math.max(came.gapMs, nowMs - came.atMs);
        Object.assign(came, { bytes: Number(line), atMs: nowMs });
      }
    });
  });
  await ready;
  const sender = sites.pod.spawn(process.execPath, ['-e', send], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  sender.stderr?.on('data', (text) => (came.error += String(text)));
  t.teardown(() => sender.kill());
  await until('a transfer', () => came.bytes > 500_000);
});

const mtu = () => pair.eye.strand(pair.strand(0)).mtu;

/** Behind the programs that note when probes leave. */
const where = ['dev', 'wan0', 'egress', 'prio', '77'];

/** With a bpffs of its own: it would leave folders in the machine's. */
async function tc(...line: readonly string[]): Promise<void> {
  const alone = ['-m', 'sh', '-c', 'mount -t bpf bpf /sys/fs/bpf && exec tc "$@"', 'tc'];
  for (const site of ['edge', 'cloud'] as const) {
    await pair.sites.lab.node(site).exec('unshare', ...alone, ...line);
  }
}

async function told() {
  const all = JSON.parse(await pair.sites.operator('edge', 'links', '--json')) as {
    readonly strands: readonly {
      readonly name: string;
      readonly mtu: number;
      readonly quality: { readonly why: string; readonly state: string };
    }[];
  };
  return all.strands.find(({ name }) => name === pair.strand(0));
}

/** What a path MTU has become, by the events: from that, to that. */
async function moved(from: number | string, to: number | string): Promise<number | undefined> {
  const page = await pair.sites.operator('edge', 'events');
  const event = new RegExp(`${pair.strand(0)} +mtu ${String(from)} > (${String(to)}) `);
  const [, found] = event.exec(page) ?? [];
  return found === undefined ? undefined : Number(found);
}

t.test('large packets are lost from one moment to the next', async (t) => {
  await until('all of it', () => mtu() === whole);
  await until('home', () => pair.linkOf(0, 'tcp') === 0);
  const { silences, forged } = pair.eye.strand(pair.strand(0));
  came.gapMs = 0;
  const object = compileText(t, hole);
  await tc('qdisc', 'replace', 'dev', 'wan0', 'clsact');
  await tc('filter', 'add', ...where, 'bpf', 'da', 'obj', object, 'sec', 'tc');
  const beganMs = performance.now();
  await until('something smaller', () => mtu() <= passes, longestMs);
  const foundMs = performance.now() - beganMs;
  const before = came.bytes;
  await until('the transfer goes on', () => came.bytes > before + 1_000_000, longestMs);
  await until('the whole of what passes', () => mtu() > passes - within, longestMs);
  // The last bytes are tried before it is told.
  await until('the end of the search', async () => (await moved(whole, '\\d+')) !== undefined);
  t.equal(await moved(whole, '\\d+'), mtu(), 'what is told is what is used');
  t.ok(mtu() <= passes, `found: ${String(mtu())} of ${String(passes)}`);
  t.comment(`found after ${foundMs.toFixed(0)} ms; nothing came for ${came.gapMs.toFixed(0)} ms`);
  t.ok(came.gapMs < longestMs, `nothing came for ${came.gapMs.toFixed(0)} ms`);
  t.equal(came.error, '');
  t.equal(pair.linkOf(0, 'tcp'), 0, 'and nobody left the link');
  t.match(pair.eye.strand(pair.strand(0)), { silences, forged });
  t.equal(pair.eye.strand(pair.strand(1)).mtu, whole, 'the other link’s is as it was');
  const why = new RegExp(`; path MTU ${String(mtu())} of ${String(whole)}$`);
  t.match(await told(), { mtu: mtu(), quality: { state: 'up', why } });
});

t.test('the link is mended, goes down and comes up: it carries all again', async (t) => {
  await tc('filter', 'del', ...where);
  const edge = pair.sites.lab.node('edge');
  await edge.exec('ip', 'link', 'set', 'wan0', 'down');
  await sleep(500);
  await edge.exec('ip', 'link', 'set', 'wan0', 'up');
  await until('all of it', () => mtu() === whole, longestMs);
  await until('home', () => pair.linkOf(0, 'tcp') === 0, longestMs);
  const before = came.bytes;
  await until('the transfer goes on', () => came.bytes > before + 500_000, longestMs);
  t.equal(came.error, '');
  await until('its event', async () => (await moved('\\d+', whole)) === whole);
  t.notMatch((await told())?.quality.why, /path MTU/);
});
