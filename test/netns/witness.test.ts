// SPDX-License-Identifier: Apache-2.0
/** The witness finds every request that passes a device, and says so when it may have missed one. */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import t, { type Test } from 'tap';
import { LabError } from '../../lab/file/mistakes.js';
import { Place } from '../../lab/place.js';
import { processesIn } from '../../lab/process.js';
import { Witness } from '../../lab/witness.js';
import { compileTool } from '../bpf/objects.js';
import { ethernet, ip, protocols, tcp, udp, vxlan } from '../bpf/packets.js';
import { stream } from '../stage/stream.js';
import { until } from '../stage/up.js';
import { sandbox, type Sandbox } from './sandbox.js';

const four = { source: '192.0.2.1', destination: '192.0.2.2' };
const six = { source: '2001:db8::1', destination: '2001:db8::2' };

let frames = '';
t.before(() => {
  frames = compileTool(t, 'frames');
});

interface Stage {
  readonly a: Place;
  readonly b: Place;
  readonly sandboxes: readonly [Sandbox, Sandbox];
}

/** Two namespaces with a cable between them, `w0` at both ends. */
async function stage(t: Test): Promise<Stage> {
  const [one, other] = [await sandbox(t), await sandbox(t)];
  const peer = ['peer', 'name', 'w0', 'netns', other.name];
  await one.ip('link', 'add', 'w0', 'type', 'veth', ...peer);
  for (const [at, place] of [one, other].entries()) {
    const last = String(at + 1);
    await place.ip('address', 'add', `192.0.2.${last}/24`, 'dev', 'w0');
    await place.ip('address', 'add', `2001:db8::${last}/64`, 'dev', 'w0', 'nodad');
    for (const name of ['lo', 'w0']) await place.ip('link', 'set', name, 'up');
  }
  const places = [one, other].map(({ name }) => new Place(name, name));
  const [a, b] = places as [Place, Place];
  return { a, b, sandboxes: [one, other] };
}

async function send(place: Place, all: readonly Buffer[]): Promise<void> {
  const child = place.spawn(frames, ['w0'], { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin?.end(all.map((one) => `${one.toString('hex')}\n`).join(''));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error('frames were not sent');
}

const token = (user: string, number: number): Buffer =>
  Buffer.from(`ww-request=${user}.${String(number)};`);

let port = 1_000;
/** The segments of a connection of its own, each with where it begins. */
function connection(
  pieces: readonly (readonly [number, Buffer])[],
  addresses = four,
): readonly Buffer[] {
  const from = port++;
  return pieces.map(([start, data]) => {
    const segment = tcp(from, 80, data);
    segment.writeUInt32BE(start >>> 0, 4);
    return ip({ ...addresses, protocol: protocols.tcp }, segment);
  });
}

const datagram = (data: Buffer, addresses = four): Buffer =>
  ip({ ...addresses, protocol: protocols.udp }, udp(7, 8, data));

/** A whole in two parts, each with where it begins. */
function cut(whole: Buffer, at: number, start = 0): readonly (readonly [number, Buffer])[] {
  return [
    [start, whole.subarray(0, at)],
    [start + at, whole.subarray(at)],
  ];
}

const inTunnel = (inner: readonly Buffer[], to = 4790, addresses = four): readonly Buffer[] =>
  inner.map((one) => ip({ ...addresses, protocol: protocols.udp }, udp(50_000, to, vxlan(7, one))));

const filler = Buffer.alloc(700, 'x');
const around = (data: Buffer): Buffer => Buffer.concat([filler, data, filler]);
const inside = filler.length + 5;
/** A user's request, cut in the middle of its token. */
const parts = (user: string, start = 0) => cut(around(token(user, 1)), inside, start);
const rest = (user: string, from: number, to?: number) =>
  [from, around(token(user, 1)).subarray(from, to)] as const;

function fragments(user: string, addresses: typeof four): readonly Buffer[] {
  const whole = udp(7, 8, Buffer.concat([Buffer.alloc(1_000), token(user, 1)]));
  const how = { ...addresses, protocol: protocols.udp, id: 99 };
  return [
    ip({ ...how, offset: 0, more: true }, whole.subarray(0, 1_016)),
    ip({ ...how, offset: 127 }, whole.subarray(1_016)),
  ];
}

/** What passes of a user, and how many requests that are. */
const table: Readonly<Record<string, readonly [(user: string) => readonly Buffer[], number]>> = {
  'a datagram': [(user) => [datagram(around(token(user, 1)))], 1],
  'a datagram of IPv6': [(user) => [datagram(token(user, 1), six)], 1],
  'several in one segment': [
    (user) => connection([[0, Buffer.concat([token(user, 1), token(user, 2)])]]),
    2,
  ],
  'a frame that is nothing we know': [(user) => [ethernet(0x88b5, around(token(user, 1)))], 1],
  'the same again': [
    (user) => [
      datagram(token(user, 1)),
      datagram(token(user, 1)),
      ...connection([[0, token(user, 1)]]),
    ],
    1,
  ],
  'the longest, cut at every place': [
    (user) => {
      const long = token(user, 123_456_789_012_345);
      return Array.from({ length: long.length - 1 }, (_, n) => connection(cut(long, n + 1))).flat();
    },
    1,
  ],
  'cut, of IPv6': [(user) => connection(parts(user), six), 1],
  'cut where the numbers of bytes begin anew': [(user) => connection(parts(user, -inside)), 1],
  'cut, the second part first': [(user) => connection(parts(user).toReversed()), 1],
  'cut, with others in between': [
    (user) => {
      const others = Array.from({ length: 12 }, () => [9_999, filler] as const);
      return connection([...parts(user).slice(0, 1), ...others, ...parts(user).slice(1)]);
    },
    1,
  ],
  'cut, and sent once more in other parts': [
    (user) => connection([...parts(user).slice(0, 1), rest(user, inside - 3)]),
    1,
  ],
  'a byte in each segment': [
    (user) => connection(Array.from(token(user, 1), (byte, at) => [at, Buffer.of(byte)] as const)),
    1,
  ],
  'in three parts, the middle one last': [
    (user) =>
      connection([rest(user, 0, inside), rest(user, inside + 4), rest(user, inside, inside + 4)]),
    1,
  ],
  'within VXLAN': [(user) => inTunnel([datagram(token(user, 1))]), 1],
  'cut, within VXLAN at any port': [(user) => inTunnel(connection(parts(user), six), 12_345), 1],
  'cut, within VXLAN over IPv6': [(user) => inTunnel(connection(parts(user)), 4789, six), 1],
  'cut between two fragments': [(user) => fragments(user, four), 1],
  'cut between two fragments of IPv6': [(user) => fragments(user, six), 1],
  'parts of two connections': [(user) => parts(user).flatMap((one) => connection([one])), 0],
  'parts of two datagrams': [(user) => parts(user).map(([, data]) => datagram(data)), 0],
  'parts with something between': [
    (user) => connection(parts(user).map(([start, data], at) => [start + at, data] as const)),
    0,
  ],
  'what only looks like one': [
    (user) =>
      [
        `ww-request=${user.padEnd(33, 'b')}.1;`,
        'ww-request=.1;',
        `ww-request=${user}ü.1;`,
        `ww-request=${user}.;`,
        `ww-request=${user}.1`,
        `ww-request=${user}.1234567890123456;`,
        `w-request=${user}.1;`,
      ].map((text) => datagram(Buffer.from(text))),
    0,
  ],
  'one after what only looks like one': [
    (user) => [datagram(Buffer.concat([Buffer.from('ww-request=u'), token(user, 1)]))],
    1,
  ],
};

t.test('what passes, seen at both ends of a cable', async (t) => {
  const { a, b } = await stage(t);
  const cases = Object.entries(table).map(([what, [passing, count]], at) => {
    const user = `u${String(at)}`.padEnd(what.startsWith('the longest') ? 32 : 0, 'a');
    return { what, user, count, passing: passing(user) };
  });
  await using atA = await Witness.start(a, 'w0');
  await using atB = await Witness.start(b, 'w0');
  await send(
    a,
    cases.flatMap(({ passing }) => passing),
  );
  const told = await Promise.all([atA.stop(), atB.stop()]);
  for (const { what, user, count } of cases) {
    const [there, here] = [atA, atB].map((one) => one.seen().get(user));
    t.strictSame(there, count === 0 ? undefined : { out: count, in: 0 }, what);
    t.strictSame(
      here,
      count === 0 ? undefined : { out: 0, in: count },
      `${what}: at the other end`,
    );
  }
  const sum = cases.reduce((all, { count }) => all + count, 0);
  for (const { tokens } of told) t.equal(tokens, sum, 'each told once, and nothing else');
});

t.test('a stream of the kernel’s own, cut wherever it likes, plain and within VXLAN', async (t) => {
  const { a, b } = await stage(t);
  for (const [place, other, own] of [
    [a, '192.0.2.2', 1],
    [b, '192.0.2.1', 2],
  ] as const) {
    const tunnel = ['id', '7', 'remote', other, 'dstport', '4791', 'dev', 'w0'];
    await place.exec('ip', 'link', 'add', 'vx0', 'type', 'vxlan', ...tunnel);
    await place.exec('ip', 'address', 'add', `198.51.100.${String(own)}/24`, 'dev', 'vx0');
    await place.exec('ip', 'link', 'set', 'vx0', 'up');
  }
  for (const to of ['192.0.2.2', '2001:db8::2', '198.51.100.2']) {
    await using witness = await Witness.start(a, 'w0');
    const count = 20_000;
    await stream(a, b, { address: to, count });
    const { tokens } = await witness.stop();
    t.equal(tokens, 2 * count, `${to}: there and back`);
    t.strictSame(witness.seen().get('stream'), { out: count, in: count });
    t.equal(witness.ids('stream', 'in').size, count);
  }
});

/** Send so much while the witness sleeps that its ring cannot hold it. */
t.test('packets that there was no room for are an error', async (t) => {
  const { a } = await stage(t);
  await using witness = await Witness.start(a, 'w0', { ringKib: 16 });
  const [watching] = await processesIn(new Set([statSync(a.path, { bigint: true }).ino]));
  process.kill(watching?.pid ?? NaN, 'SIGSTOP');
  await send(
    a,
    Array.from({ length: 200 }, (_, n) => datagram(token('u', n))),
  );
  process.kill(watching?.pid ?? NaN, 'SIGCONT');
  await t.rejects(witness.stop(), {
    name: 'LabError',
    message: /at .*\/w0 is of no use: [1-9]\d* packets were not looked at, 0 tokens/,
  });
  t.ok(witness.ids('u').size < 200);
});

t.test('a packet that is too long for its ring is one it has not looked at', async (t) => {
  const { a, b } = await stage(t);
  for (const place of [a, b]) await place.exec('ip', 'link', 'set', 'w0', 'mtu', '9000');
  await using witness = await Witness.start(a, 'w0', { ringKib: 16 });
  await send(a, [datagram(Buffer.alloc(8_000))]);
  await t.rejects(witness.stop(), /: 1 packets were not looked at/);
});

t.test('more requests than it can remember are an error', async (t) => {
  const { a } = await stage(t);
  await using witness = await Witness.start(a, 'w0', { tokens: 10 });
  await send(
    a,
    Array.from({ length: 12 }, (_, n) => datagram(token('u', n))),
  );
  await t.rejects(witness.stop(), /0 packets were not looked at, 2 tokens not told/);
});

t.test('a device that goes down comes back; one that is gone is the end', async (t) => {
  const { a } = await stage(t);
  await using witness = await Witness.start(a, 'w0');
  await a.exec('ip', 'link', 'set', 'w0', 'down');
  await a.exec('ip', 'link', 'set', 'w0', 'up');
  await send(a, [datagram(token('u', 1))]);
  await until('the request', () => witness.ids('u', 'out').has(1));
  await a.exec('ip', 'link', 'del', 'w0');
  await t.rejects(witness.stop(), /is of no use: w0: /);
  await t.rejects(Witness.start(a, 'w0'), LabError, 'and nothing to look at');
});
