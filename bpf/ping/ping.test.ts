// SPDX-License-Identifier: Apache-2.0
// A process never moves to another namespace, so this file runs itself again inside a new one.
import t from 'tap';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { ping } from './ping.js';

const exec = promisify(execFile);
const self = fileURLToPath(import.meta.url);

if (process.argv[2] !== 'inside') {
  const name = `ww-${randomUUID().slice(0, 8)}`;
  await exec('ip', ['netns', 'add', name]);
  t.teardown(() => exec('ip', ['netns', 'del', name]));
  await exec('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  await exec('ip', ['-n', name, 'address', 'add', '192.0.2.1/32', 'dev', 'lo']);
  await exec('ip', ['-n', name, 'address', 'add', '2001:db8::1/128', 'dev', 'lo']);
  const inside = ['netns', 'exec', name, process.execPath, ...process.execArgv, self, 'inside'];
  await t.spawn('ip', inside, {}, 'in a namespace of its own');
} else {
  await tests();
}

async function tests(): Promise<void> {
  await t.test('outside ping_group_range the error names the cure', async (t) => {
    await exec('sysctl', ['-qw', 'net.ipv4.ping_group_range=1 0']);
    await t.rejects(ping({ to: '127.0.0.1', count: 1, timeoutMs: 100 }), {
      name: 'KernelError',
      errno: constants.errno.EACCES,
      message: /ping 127\.0\.0\.1: EACCES .*net\.ipv4\.ping_group_range/,
    });
    await exec('sysctl', ['-qw', 'net.ipv4.ping_group_range=0 2147483647']);
  });

  await t.test('every echo to an own address is answered', async (t) => {
    t.equal(await ping({ to: '127.0.0.1', timeoutMs: 200 }), 4);
    t.equal(await ping({ from: '127.0.0.1', to: '192.0.2.1', count: 3, timeoutMs: 90 }), 3);
    t.equal(await ping({ from: '2001:db8::1', to: '::1', count: 2, timeoutMs: 60 }), 2);
    t.equal(await ping({ to: '::1', count: 2, enough: 1, timeoutMs: 60_000 }), 1, 'enough');
    const many = Array.from({ length: 200 }, () => ping({ to: '::1', count: 1, timeoutMs: 5000 }));
    t.ok((await Promise.all(many)).every((replies) => replies === 1));
  });

  await t.test('nobody answers', async (t) => {
    await exec('sysctl', ['-qw', 'net.ipv4.icmp_echo_ignore_all=1']);
    t.equal(await ping({ to: '127.0.0.1', count: 2, timeoutMs: 40 }), 0);
    await exec('sysctl', ['-qw', 'net.ipv4.icmp_echo_ignore_all=0']);
  });

  await t.test('refusals carry errno and what was attempted', async (t) => {
    const name = 'KernelError';
    const none = { name, errno: constants.errno.EADDRNOTAVAIL, message: /from 203\.0\.113\.9: / };
    await t.rejects(ping({ from: '203.0.113.9', to: '127.0.0.1', timeoutMs: 50 }), none);
    const noRoute = { name, errno: constants.errno.ENETUNREACH };
    await t.rejects(ping({ to: '203.0.113.1', timeoutMs: 50 }), noRoute);
    const text = { name, errno: constants.errno.EINVAL };
    await t.rejects(ping({ to: 'example', timeoutMs: 50 }), text);
    await t.rejects(ping({ from: '127.0.0.1', to: '::1', timeoutMs: 50 }), text, 'two families');
    await t.rejects(ping({ to: '1'.repeat(100), timeoutMs: 50 }), text, 'longer than any address');
  });

  await t.test('a signal ends it', async (t) => {
    const abort = new AbortController();
    await exec('sysctl', ['-qw', 'net.ipv4.icmp_echo_ignore_all=1']);
    const waiting = ping({ to: '127.0.0.1', timeoutMs: 60_000, signal: abort.signal });
    abort.abort(new Error('enough'));
    await t.rejects(waiting, { message: 'enough' });
    await t.rejects(ping({ to: '::1', timeoutMs: 9, signal: abort.signal }), { message: 'enough' });
    await exec('sysctl', ['-qw', 'net.ipv4.icmp_echo_ignore_all=0']);
  });

  await t.test('lifetimes end without a signal, exit 0', async (t) => {
    const addon = JSON.stringify(createRequire(import.meta.url).resolve('#ping'));
    const open = `const p = require(${addon}); let h = p.open('', '127.0.0.1', () => {});`;
    const lives = {
      'closed twice': `${open} p.close(h); p.close(h);`,
      'sent after close': `${open} p.close(h); try { p.send(h, 1); process.exit(9) } catch {}`,
      'never closed, collected': `${open} h = null; gc(); setTimeout(() => { gc(); process.exit(0) }, 50)`,
      'never closed, exit': `${open} process.exit(0)`,
      'closed in its own callback': `const p = require(${addon});
        const h = p.open('', '127.0.0.1', () => p.close(h)); p.send(h, 1); p.send(h, 2);`,
      'a callback that throws': `const p = require(${addon});
        process.on('uncaughtException', () => process.exit(0));
        const h = p.open('', '127.0.0.1', () => { throw new Error('x') }); p.send(h, 1);`,
      'no handle': `require(${addon}).close({}); try { require(${addon}).send() } catch {}`,
    };
    for (const [name, code] of Object.entries(lives)) {
      await t.resolves(exec(process.execPath, ['--expose-gc', '-e', code]), name);
    }
    const worker = new Worker(`${open} p.send(h, 1)`, { eval: true });
    await new Promise((resolve) => worker.once('online', resolve));
    t.equal(await worker.terminate(), 1, 'a worker that is ended with an open handle');
  });
}
