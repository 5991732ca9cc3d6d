// SPDX-License-Identifier: Apache-2.0
/** The addon: sockets in other namespaces, and nothing left of them. */
import { execFile } from 'node:child_process';
import { readlinkSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { Netns, leakedNetns } from '../../bpf/netns/netns.js';
import { encode, decode } from '../../forwarder/links/batch.js';
import { message } from '../../forwarder/links/message.js';
import { linksQuery } from '../../forwarder/links/query.js';
import { findLinks } from '../../forwarder/links/session.js';
import { descriptors, sandbox } from './sandbox.js';

const { EBADF, EBUSY, EINVAL, ENOBUFS, ENOENT, ESTALE } = constants.errno;

function threadNamespaces(): Set<string> {
  const tasks = readdirSync('/proc/self/task');
  return new Set(tasks.map((task) => readlinkSync(`/proc/self/task/${task}/ns/net`)));
}

t.test('a socket lives in the other namespace; no thread of ours ever does', async (t) => {
  const there = await sandbox(t);
  await there.ip('link', 'add', 'only-here', 'type', 'veth', 'peer', 'name', 'other');
  const before = descriptors();
  {
    using netns = await Netns.open(there.path);
    const names = (await findLinks(netns)).map(({ name }) => name);
    t.same(names.sort(), ['lo', 'only-here', 'other']);
    t.equal(threadNamespaces().size, 1);
    t.equal(descriptors(), before + 2);
  }
  t.equal(descriptors(), before);
  t.equal(leakedNetns(), 0);
});

t.test('settings are of that namespace, and written only where they differ', async (t) => {
  const there = await sandbox(t);
  const name = 'net/ipv4/ping_group_range';
  using _netns = await Netns.open(there.path, { settings: { [name]: '0 2147483647' } });
  t.equal((await there.run('cat', `/proc/sys/${name}`)).trim(), '0\t2147483647');
  // A file that cannot be written is none of our business as long as it says the right thing.
  using _same = await Netns.open(there.path, { settings: { 'net/ipv4/ip_forward': '0' } });
  await t.rejects(Netns.open(there.path, { settings: { 'net/no/such': '1' } }), {
    name: 'KernelError',
    errno: ENOENT,
  });
});

t.test('what is not that namespace is not taken', async (t) => {
  const there = await sandbox(t);
  await t.rejects(Netns.open('/run/netns/none'), { name: 'KernelError', errno: ENOENT });
  await t.rejects(Netns.open('/etc/hostname'), { name: 'KernelError', errno: EINVAL, op: /setns/ });
  await t.rejects(Netns.open(there.path, { id: { dev: 4n, ino: 1n } }), {
    name: 'KernelError',
    errno: ESTALE,
  });
  await t.rejects(Netns.open('/proc/self/ns/mnt'), { name: 'KernelError', errno: EINVAL });
});

t.test('an overrun is an error, and the socket is of use afterwards', async (t) => {
  const there = await sandbox(t);
  using netns = await Netns.open(there.path, { receiveBufferBytes: 1 });
  const lo = { op: 'set-link', index: 1, change: { alias: 'x' } } as const;
  const many = encode(Array.from({ length: 200 }, () => message(lo)));
  await t.rejects(netns.transact(many), { name: 'KernelError', errno: ENOBUFS });
  t.match(decode(await netns.transact(encode([message(lo)])), 1), [{ errno: 0 }]);
  t.match(await there.ip('link'), [{ ifalias: 'x' }]);
});

t.test('transactions of one socket wait for each other', async (t) => {
  const there = await sandbox(t);
  using netns = await Netns.open(there.path);
  const query = encode([linksQuery()]);
  const answers = await Promise.all(Array.from({ length: 50 }, () => netns.transact(query)));
  for (const bytes of answers) t.equal(decode(bytes, 1)[0]?.objects.length, 1);
});

t.test('after an exclusive creation that was refused nothing more is done', async (t) => {
  const there = await sandbox(t);
  await there.ip('link', 'add', 'foreign', 'index', '77', 'type', 'veth', 'peer', 'name', 'p');
  using netns = await Netns.open(there.path);
  const end = { name: 'ours', index: 77, mac: '02:00:00:00:00:01', mtu: 1500 };
  const far = { ...end, name: 'ours-2', index: 78 };
  const answers = decode(
    await netns.transact(
      encode([
        message({ op: 'add-veth', near: end, far }, netns.fd),
        message({ op: 'set-link', index: 77, change: { alias: 'taken over' } }),
      ]),
    ),
    2,
  );
  t.match(answers, [{ errno: constants.errno.EEXIST }, { errno: constants.errno.ECANCELED }]);
  t.notOk((await there.ip('link', 'show', 'foreign'))[0]?.ifalias);
});

t.test('malformed messages never leave the process', async (t) => {
  using netns = await Netns.open('');
  for (const length of [0, 15, 17, 1 << 20]) {
    const bytes = Buffer.alloc(16);
    bytes.writeUInt32LE(length);
    await t.rejects(
      netns.transact(bytes),
      { name: 'KernelError', errno: EINVAL },
      `length ${String(length)}`,
    );
  }
  await t.rejects(netns.transact(Buffer.alloc(7)), { name: 'KernelError', errno: EINVAL });
});

/** Steps in a child process: each ends with code 0 and without a signal, whatever was left open. */
const lives: Record<string, string> = {
  'opened and left': 'await open();',
  'closed twice': 'const h = await open(); addon.close(h); addon.close(h);',
  'left while opening': 'void open();',
  'left while transacting': 'void addon.transact(await open(), query);',
  'closed while transacting':
    'const h = await open(); const p = addon.transact(h, query); addon.close(h); await p;',
  'exit while transacting': 'void addon.transact(await open(), query); process.exit(0);',
  'used after close': `const h = await open(); addon.close(h); refused(() => addon.transact(h, query), ${String(EBADF)});`,
  'two transactions at once': `const h = await open(); const p = addon.transact(h, query); refused(() => addon.transact(h, query), ${String(EBUSY)}); await p;`,
  'what is no handle': `for (const bad of [{}, 1, null, undefined, 'x', addon.listen(1, () => 0)]) for (const f of ['close', 'descriptor', 'transact']) refused(() => addon[f](bad, query), ${String(EINVAL)});`,
  'arguments that are none': `refused(() => addon.open(), ${String(EINVAL)}); refused(() => addon.open('', 1, 2, 3, 4), ${String(EINVAL)}); refused(() => addon.listen('x'), ${String(EINVAL)});`,
  'collected while open':
    'await (async () => { await open(); })(); for (let i = 0; i < 20 && addon.leaks() === 0; i++) { global.gc(); await new Promise(setImmediate); } if (addon.leaks() !== 1) process.exit(9);',
  'listener left': 'addon.listen(1 << 27, () => 0);',
  'listener closed twice':
    'const l = addon.listen(1 << 27, () => 0); addon.unlisten(l); addon.unlisten(l);',
  'listener collected':
    '(() => addon.listen(1 << 27, () => 0))(); for (let i = 0; i < 5; i++) { global.gc(); await new Promise(setImmediate); }',
  'all of it in a worker that is terminated':
    'const { Worker } = require("node:worker_threads"); const w = new Worker(`const addon = require(${JSON.stringify(path)}); addon.listen(1 << 27, () => 0); addon.open("", 0n, 0n, "", 4096).then((h) => { globalThis.h = h; require("node:worker_threads").parentPort.postMessage(1); setInterval(() => 0, 1000); });`, { eval: true }); await new Promise((ok) => w.once("message", ok)); await w.terminate();',
};
const head = `
  const addon = require(path);
  const query = Buffer.from(${JSON.stringify(encode([linksQuery()]).toString('hex'))}, 'hex');
  const open = () => addon.open('', 0n, 0n, '', 1 << 16);
  const refused = (act, errno) => {
    try { act(); } catch (error) { if (error.errno === errno) return; throw error; }
    throw new Error('not refused');
  };
`;
for (const [what, steps] of Object.entries(lives)) {
  t.test(`life: ${what}`, async (t) => {
    const path = fileURLToPath(new URL('../../bpf/build/netns.node', import.meta.url));
    const script = `const path = ${JSON.stringify(path)};${head}(async () => {${steps}})().catch((e) => { console.error(e); process.exit(7); });`;
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
    const child = promisify(execFile)(process.execPath, ['--expose-gc', '-e', script], { env });
    await t.resolves(child, 'exit 0, no signal');
  });
}
