// SPDX-License-Identifier: Apache-2.0
/** Links of a running lab are made slow, lossy, narrow and dead, and stay the same devices. */
import t, { type Test } from 'tap';
import { createInterface } from 'node:readline';
import type { Lab } from '../../lab/lab.js';
import { until } from '../stage/up.js';
import { acquaint, device, labOf, pings, star } from './labs.js';

const [edge, cloud] = ['203.0.113.2', '203.0.113.10'] as const;

t.test('delay, jitter and loss, and back: the device stays what it was', async (t) => {
  const lab = await labOf(t);
  await acquaint(lab);
  const ends = () => Promise.all(['edge', 'cloud'].map((site) => device(lab, site, 'wan0')));
  const before = await ends();
  const plain = await pings(lab, 'edge', cloud);

  await lab.set('edge/wan0', { delay: '40ms' });
  const late = await pings(lab, 'edge', cloud);
  t.ok(late.rttMs > plain.rttMs + 60, `${String(late.rttMs)} ms: 40 ms each way`);
  t.equal(late.received, 10, 'late is not lost');
  t.ok((await pings(lab, 'edge', '198.51.100.10')).rttMs < 60, 'the other link is as before');

  await lab.set('cloud/wan0', { delay: 'none', loss: '50%' });
  const lossy = await pings(lab, 'edge', cloud, { count: 200, intervalMs: 3 });
  t.ok(lossy.received > 10 && lossy.received < 100, `${String(lossy.received)} of 200: 25 %`);
  t.ok(lossy.rttMs < 60, `${String(lossy.rttMs)} ms: no delay any more`);

  await lab.set('edge/wan0', { plain: true });
  t.equal((await pings(lab, 'edge', cloud, { count: 50, intervalMs: 3 })).received, 50);
  t.same(await ends(), before, 'index, MAC, addresses, MTU, flags');
});

const receive = `
  const socket = require('node:dgram').createSocket('udp4');
  const lengths = [];
  socket.on('message', ({ length }) => {
    lengths.push(length);
    if (length === 100) console.log(JSON.stringify(lengths)), socket.close();
  });
  socket.bind(9, () => console.log('ready'));
`;
const send = `
  const socket = require('node:dgram').createSocket('udp4');
  let left = 100;
  for (let length = 1; length <= 100; length++) {
    socket.send(Buffer.alloc(length), 9, '${cloud}', () => --left || socket.close());
  }
`;

t.test('jitter keeps the order of packets', async (t) => {
  const lab = await labOf(t);
  await lab.set('edge/wan0', { delay: '10ms', jitter: '10ms', toward: 'cloud' });
  const receiver = lab.node('cloud').spawn(process.execPath, ['-e', receive], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => receiver.kill());
  if (receiver.stdout === null) throw new Error('no pipe');
  const lines = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]();
  await lines.next();
  await lab.node('edge').exec(process.execPath, '-e', send);
  const { value } = (await lines.next()) as { value: string };
  const inOrder = Array.from({ length: 100 }, (_one, at) => at + 1);
  t.same(JSON.parse(value), inOrder);
});

/** Bits a second of TCP, by the gauge of `check`. */
async function rate(lab: Lab, link: string): Promise<{ out: number; in: number }> {
  const [report] = await lab.check([link]);
  return { out: report?.rateOut?.measured ?? 0, in: report?.rateIn?.measured ?? 0 };
}

t.test('rate, by the queue alone and by the relay', async (t) => {
  const lab = await labOf(t);
  await lab.set('edge/wan0', { rate: '20mbit', toward: 'cloud' });
  const narrow = await rate(lab, 'edge/wan0');
  t.ok(narrow.out > 12e6 && narrow.out < 25e6, `${String(narrow.out)} bit/s out`);
  t.ok(narrow.in > 100e6, `${String(narrow.in)} bit/s in: that way is plain`);
  const status = await lab.status();
  const link = status.links.find((one) => one.link === 'edge/wan0');
  t.match(link, { out: { by: /tbf/, toward: 'cloud' }, in: { by: 'plain', from: 'cloud' } });

  await lab.set('edge/wan0', { delay: '5ms' });
  const both = await rate(lab, 'edge/wan0');
  t.ok(both.out > 12e6 && both.out < 25e6, `${String(both.out)} bit/s out, with a delay`);
});

t.test('an MTU is that of both devices and of the way between', async (t) => {
  const lab = await labOf(t);
  const whole = (size: number) => ({ count: 2, more: ['-M', 'do', '-s', String(size - 28)] });
  for (const [mtu, delay] of [
    [1400, '1ms'],
    [9000, 'none'],
  ] as const) {
    await lab.set('edge/wan0', { mtu, delay });
    t.same((await device(lab, 'edge', 'wan0')).mtu, mtu);
    t.same((await device(lab, 'cloud', 'wan0')).mtu, mtu);
    t.equal((await pings(lab, 'edge', cloud, whole(mtu))).received, 2, `${String(mtu)} fits`);
    t.equal((await pings(lab, 'edge', cloud, whole(mtu + 1))).received, 0, 'more does not');
  }
});

/** Resolves, when the kernel is heard, to a way to wait for the next line of `ip monitor link` that fits. */
async function watch(t: Test, lab: Lab, site: string): Promise<(fits: RegExp) => Promise<string>> {
  const monitor = lab.node(site).spawn('ip', ['-oneline', 'monitor', 'link'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => monitor.kill());
  if (monitor.stdout === null) throw new Error('no pipe');
  const lines = createInterface({ input: monitor.stdout })[Symbol.asyncIterator]();
  const next = async (fits: RegExp): Promise<string> => {
    for (;;) {
      const line = await lines.next();
      if (line.done === true) throw new Error('ip monitor ended');
      if (fits.test(line.value)) return line.value;
    }
  };
  let heard = false;
  const first = next(/ lo:/).then(() => (heard = true));
  const isHeard = (): boolean => heard;
  while (!isHeard()) {
    for (const way of ['on', 'off']) {
      await lab.node(site).exec('ip', 'link', 'set', 'lo', 'promisc', way);
    }
  }
  await first;
  return next;
}

t.test('down takes the carrier of both ends, up gives it back', async (t) => {
  const lab = await labOf(t);
  await acquaint(lab);
  const sites = ['edge', 'cloud'];
  const before = await Promise.all(sites.map((site) => device(lab, site, 'wan0')));
  const nexts = await Promise.all(sites.map((site) => watch(t, lab, site)));

  await lab.set('edge/wan0', { down: true });
  for (const next of nexts) t.match(await next(/ wan0@.*NO-CARRIER/), /[<,]UP/);
  t.equal((await pings(lab, 'edge', cloud, { count: 2 })).received, 0);
  t.equal((await pings(lab, 'edge', '198.51.100.10', { count: 2 })).received, 2);
  const { links } = await lab.status();
  t.match(
    links.filter(({ up }) => !up).map(({ link, carrier }) => [link, carrier]),
    [
      ['cloud/wan0', false],
      ['edge/wan0', false],
    ],
  );

  await lab.set('cloud/wan0', { up: true });
  for (const next of nexts) t.match(await next(/ wan0@.*LOWER_UP/), /[<,]UP/);
  t.equal((await pings(lab, 'edge', cloud, { count: 2 })).received, 2);
  t.same(await Promise.all(sites.map((site) => device(lab, site, 'wan0'))), before);
});

t.test('down toward one site: only that way, and no carrier tells', async (t) => {
  const lab = await labOf(t);
  const arrived = async (from: string, link: string): Promise<number> => {
    const before = await lab.counters(link);
    await pings(lab, from, from === 'edge' ? cloud : edge, { count: 5 });
    return (await lab.counters(link)).rxPackets - before.rxPackets;
  };
  await acquaint(lab);
  await lab.set('edge/wan0', { down: true, toward: 'cloud' });
  t.equal(await arrived('edge', 'cloud/wan0'), 0, 'nothing comes to cloud');
  t.ok((await arrived('cloud', 'edge/wan0')) >= 5, 'what cloud sends comes to edge');
  for (const site of ['edge', 'cloud']) {
    t.ok((await device(lab, site, 'wan0')).flags.includes('LOWER_UP'));
  }
  await lab.set('edge/wan0', { up: true, toward: 'cloud' });
  t.equal((await pings(lab, 'edge', cloud, { count: 2 })).received, 2);
});

t.test('a change in mid-flow loses nothing', async (t) => {
  const lab = await labOf(t);
  const flow = pings(lab, 'edge', cloud, { count: 300, intervalMs: 5 });
  for (const change of [{ delay: '5ms' }, { rate: '50mbit' }, { plain: true }, { delay: '1ms' }]) {
    await lab.set('edge/wan0', change);
  }
  t.equal((await flow).received, 300);
});

t.test('counters are those of the link’s device', async (t) => {
  const lab = await labOf(t);
  const before = await lab.counters('edge/wan0');
  await pings(lab, 'edge', cloud, { count: 20, more: ['-s', '972'] });
  const after = await lab.counters('edge/wan0');
  t.ok(after.txPackets - before.txPackets >= 20);
  t.ok(after.rxBytes - before.rxBytes >= 20 * 1014);
  const other = await lab.counters('edge/wan1');
  t.ok(other.txBytes < 5_000, 'the other link has only what neighbours say');
});

t.test(
  'three sites at a network: each reaches each, and each link is shaped by itself',
  async (t) => {
    const lab = await labOf(t, star(['a', 'b', 'c']));
    const rtt = async (from: string, to: string) => (await pings(lab, from, to)).rttMs;
    for (const [from, to] of [
      ['a', '192.0.2.2'],
      ['a', '2001:db8::3'],
      ['c', '192.0.2.2'],
    ] as const) {
      t.ok((await rtt(from, to)) < 60, `${from} reaches ${to}`);
    }
    await lab.set('a/wan0', { delay: '40ms' });
    t.ok((await rtt('b', '192.0.2.1')) > 60, 'a is far from b');
    t.ok((await rtt('b', '192.0.2.3')) < 60, 'b and c are as near as before');
    await lab.set('a/wan0', { down: true });
    // The kernel tells a little later than it is so.
    await until('the end of the carrier', async () =>
      (await device(lab, 'a', 'wan0')).flags.includes('NO-CARRIER'),
    );
    t.ok((await device(lab, 'b', 'wan0')).flags.includes('LOWER_UP'), 'a switch is between');
    await lab.set('a/wan0', { up: true, plain: true, loss: '100%', toward: 'a' });
    t.equal((await pings(lab, 'c', '192.0.2.1', { count: 3 })).received, 0, 'no answer can come');
    await t.rejects(lab.set('a/wan0', { delay: '1ms', toward: 'b' }), /want a or internet/);
  },
);
