// SPDX-License-Identifier: Apache-2.0
import t, { type Test } from 'tap';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { descriptorOf } from './addon.js';
import { FdDuplex, type FdDuplexOptions } from './fd-duplex.js';
import { mostHeld, ReceivedFiles, retentionMs, takenRetentionMs } from './received.js';

const exec = promisify(execFile);
const soon = (): AbortSignal => AbortSignal.timeout(5_000);
/** Unlike `AbortSignal.timeout` it keeps the test alive. */
function within(ms: number): AbortSignal {
  const abort = new AbortController();
  setTimeout(() => {
    abort.abort();
  }, ms);
  return abort.signal;
}
/** All that comes, the stream left open. */
async function collect(end: FdDuplex): Promise<Buffer> {
  const parts: Buffer[] = [];
  end.on('data', (part: Buffer) => parts.push(part));
  await once(end, 'end');
  return Buffer.concat(parts);
}
const openFiles = (): number => readdirSync('/proc/self/fd').length;

/** Two ends of one unix connection. */
async function pair(t: Test, options?: FdDuplexOptions): Promise<[FdDuplex, FdDuplex]> {
  const server = createServer({ pauseOnConnect: true });
  const folder = mkdtempSync(join(tmpdir(), 'ww-fd-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  server.listen(join(folder, 'socket'));
  await once(server, 'listening');
  const ours = connect(server.address() as string);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  await once(ours, 'connect');
  const [theirs] = await accepted;
  const ends = [ours, theirs].map((socket) => {
    const end = new FdDuplex(descriptorOf(socket) ?? -1, options);
    socket.destroy();
    end.on('error', () => undefined);
    return end;
  });
  server.close();
  t.teardown(() => {
    for (const end of ends) end.destroy();
  });
  return ends as [FdDuplex, FdDuplex];
}

/** Files of a folder, each opened, by number. */
function files(t: Test, count: number): { fd: number; dev: bigint; ino: bigint }[] {
  const folder = t.testdir({});
  return Array.from({ length: count }, (_, at) => {
    mkdirSync(join(folder, String(at)));
    const fd = openSync(join(folder, String(at)), 'r');
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return { fd, dev, ino };
  });
}

t.test('8 MiB against a full socket, hundreds of descriptors among them', async (t) => {
  const before = openFiles();
  const [from, to] = await pair(t);
  const sent = files(t, 320);
  const bytes = randomBytes(8 << 20);
  const chunk = bytes.length / sent.length;
  for (const [at, { fd }] of sent.entries()) {
    from.sendFile(fd);
    closeSync(fd);
    from.write(bytes.subarray(Math.floor(at * chunk), Math.floor((at + 1) * chunk)));
  }
  from.end();
  // Nobody reads yet: the writer must not spin, nor block the loop.
  await sleep(50);
  const cpu = process.cpuUsage();
  await sleep(200);
  const { user, system } = process.cpuUsage(cpu);
  t.ok((user + system) / 1_000 < 100, 'a stalled reader costs nothing');
  const digest = (all: Buffer): string => createHash('sha256').update(all).digest('hex');
  t.equal(digest(await collect(to)), digest(bytes));
  for (const { dev, ino } of sent) {
    const fd = await to.takeFile({ dev, ino }, soon());
    const found = fstatSync(fd, { bigint: true });
    t.ok(found.dev === dev && found.ino === ino);
    closeSync(fd);
  }
  to.destroy();
  from.destroy();
  await sleep(10);
  t.equal(openFiles(), before, 'nothing stays open');
});

t.test('both ways at once, in small pieces, with a descriptor to each', async (t) => {
  const [a, b] = await pair(t);
  const [one, two] = files(t, 2);
  if (one === undefined || two === undefined) throw new Error('no files');
  a.sendFile(one.fd);
  b.sendFile(two.fd);
  const waiting = b.takeFile(one, soon());
  for (let at = 0; at < 500; at++) {
    a.write(`a${String(at)}\n`);
    b.write(`b${String(at)}\n`);
  }
  const texts = Promise.all([collect(a), collect(b)]);
  // Half-open: what ends one way goes on the other way.
  a.end();
  await sleep(20);
  b.end('last');
  const [atA, atB] = (await texts).map(String);
  t.equal(atB?.split('\n').length, 501);
  t.match(atA, /b499\nlast$/);
  await t.rejects(a.takeFile(two, soon()), { code: 5, message: /connection ended/ });
  closeSync(await waiting);
  for (const { fd } of [one, two]) closeSync(fd);
});

t.test('a peer that goes, and a descriptor that never comes', async (t) => {
  const [a, b] = await pair(t);
  const late = b.takeFile({ dev: 1n, ino: 2n }, within(30));
  await t.rejects(late, { code: 5, message: /^inode:\/\/1\/2: its descriptor did not come/ });
  await t.rejects(b.takeFile({ dev: 1n, ino: 2n }, AbortSignal.abort()), { code: 5 });
  const waiting = b.takeFile({ dev: 1n, ino: 3n }, soon());
  const rejected = t.rejects(waiting, { message: /before the connection ended/ });
  a.write('unread');
  b.write('unread, too');
  await sleep(10);
  a.destroy();
  const closed = once(b, 'close');
  b.resume();
  await closed.catch(() => undefined);
  await rejected;
  t.ok(b.destroyed);
  const [fd] = files(t, 1);
  t.throws(() => {
    b.sendFile(fd?.fd ?? -1);
  }, /the connection is closed/);
  closeSync(fd?.fd ?? -1);
});

t.test('what came stays for ten seconds, and there is an end to how many', async (t) => {
  const clock = new ManualClock();
  const before = openFiles();
  const received = new ReceivedFiles(clock);
  const [one] = files(t, 1);
  if (one === undefined) throw new Error('no file');
  const again = (): number => openSync(`/proc/self/fd/${String(one.fd)}`, 'r');
  received.add(again());
  await clock.advance(retentionMs - 1);
  received.add(again());
  t.equal(received.size, 1, 'a second one of the same file is closed');
  await clock.advance(retentionMs - 1);
  const taken = await received.take(one, soon());
  t.equal(fstatSync(taken).ino, Number(one.ino));
  closeSync(taken);
  await clock.advance(takenRetentionMs - 1);
  t.equal(received.size, 1, 'another call may want it');
  await clock.advance(1);
  t.equal(received.size, 0);
  const many = files(t, mostHeld + 3);
  for (const { fd } of many) received.add(fd);
  t.equal(received.size, mostHeld);
  await t.rejects(received.take(many[0] ?? one, within(1)), 'the oldest went');
  received[Symbol.dispose]();
  received.add(again());
  await t.rejects(received.take(one, soon()), { message: /connection ended/ });
  closeSync(one.fd);
  t.equal(openFiles(), before);
});

t.test('no descriptors left in the receiver: told, and the bytes go on', async (t) => {
  const script = `
    const { FdDuplex } = await import(process.argv[1]);
    const { openSync, closeSync } = await import('node:fs');
    const net = await import('node:net');
    const server = net.createServer({ pauseOnConnect: true }).listen(process.argv[2]);
    await new Promise((r) => server.once('listening', r));
    const client = net.connect(process.argv[2]);
    const [socket] = await new Promise((r) => server.once('connection', (...a) => r(a)));
    const troubles = [];
    const from = new FdDuplex(client._handle.fd);
    const to = new FdDuplex(socket._handle.fd, { onTrouble: (text) => troubles.push(text) });
    from.sendFile(0);
    const filled = [];
    for (;;) try { filled.push(openSync('/dev/null', 'r')) } catch { break }
    from.write('hello');
    // Sending has closed one.
    filled.push(openSync('/dev/null', 'r'));
    const [bytes] = await new Promise((r) => to.once('data', (...a) => r(a)));
    for (const fd of filled) closeSync(fd);
    console.log(JSON.stringify({ text: String(bytes), troubles }));
    process.exit(0);`;
  const self = createRequire(import.meta.url).resolve('./fd-duplex.ts');
  const folder = mkdtempSync(join(tmpdir(), 'ww-fd-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const inner = [...process.execArgv, '--input-type=module', '-e', script, self, join(folder, 'x')];
  const limited = ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, ...inner];
  const { stdout } = await exec('bash', limited, { timeout: 60_000 });
  t.match(JSON.parse(stdout), { text: 'h', troubles: [/were lost.*ulimit -n/] });
});

t.test('lifetimes of the addon end without a signal, exit 0', async (t) => {
  const addon = JSON.stringify(createRequire(import.meta.url).resolve('#fdpass'));
  const open = `const p = require(${addon}); const s = new Int32Array(66);
    const net = require('net'); let h;
    const at = '\\0ww-' + process.pid + Math.random();
    const server = net.createServer({ pauseOnConnect: true }, (c) => {
      h = p.open(c._handle.fd, s, (e) => onEvent(e)); c.destroy(); go(c); }).listen(at);
    const peer = net.connect(at);`;
  const lives = {
    'closed twice': `function go() { p.close(h); p.close(h); process.exit(0) } ${open}`,
    'used after close': `function go() { p.close(h);
      for (const f of ['wait', 'read', 'write', 'end']) try { p[f](h, 1, 0, []); process.exit(9) } catch {}
      p.ref(h); p.unref(h); process.exit(0) } ${open}`,
    collected: `function go() { h = null; gc(); setTimeout(() => { gc(); process.exit(0) }, 20) } ${open}`,
    'never closed': `function go() { p.wait(h, 3); process.exit(0) } function onEvent() {} ${open}`,
    'closed in its own event': `function go() { p.wait(h, 2) }
      function onEvent() { p.close(h); server.close(); peer.destroy() } ${open}`,
    'unref lets it end': `function go() { p.wait(h, 1); p.unref(h); server.close(); peer.unref() } ${open}`,
    'no handle': `const p = require(${addon}); p.close({}); p.ref({});
      for (const f of ['open', 'read', 'write', 'duplicate', 'peer']) try { p[f]({}); process.exit(9) } catch {}`,
  };
  for (const [name, code] of Object.entries(lives)) {
    await t.resolves(
      exec(process.execPath, ['--expose-gc', '-e', code], { timeout: 20_000 }),
      name,
    );
  }
});
