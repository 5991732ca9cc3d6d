// SPDX-License-Identifier: Apache-2.0
/** Where pins are, on machines with a bpffs at its usual place and without; in mount namespaces of their own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { typescript } from './typescript.js';

const places = fileURLToPath(new URL('places.ts', import.meta.url));

/** What `places.ts` tells. */
interface Told {
  readonly directories: readonly string[];
  readonly found: readonly string[];
  readonly names: readonly string[];
  readonly modes: readonly number[];
}

/** Ask for the directories of these forwarders, one process each at once, after the machine was made so. */
async function ask(setUp: string, ...names: readonly string[]): Promise<Told[]> {
  const words = [process.execPath, ...typescript, places].map((word) => `'${word}'`).join(' ');
  const each = names.map((name) => `${words} '${name}' &`).join(' ');
  // Nothing of it is seen outside, and it goes with its last process.
  const machine = [
    'mount --make-rprivate /',
    'mount -t tmpfs none /run',
    'umount -l /sys/fs/bpf 2>/dev/null || true',
    setUp,
    `${each} wait`,
  ].join('; ');
  const how = ['--mount', 'env', '-u', 'NODE_OPTIONS', 'sh', '-ec', machine];
  const { stdout } = await promisify(execFile)('unshare', how);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Told);
}

t.test('a bpffs at its usual place is used', async (t) => {
  const [told] = await ask('mount -t bpf bpf /sys/fs/bpf', 'edge-1.example/forwarder 2');
  t.same(told, {
    directories: ['/sys/fs/bpf/wanwire/edge-1%2Eexample%2Fforwarder%202'],
    found: ['/sys/fs/bpf/wanwire/edge-1%2Eexample%2Fforwarder%202'],
    names: ['edge-1.example/forwarder 2'],
    modes: [0o700],
  });
});

t.test('where there is none, one of our own is mounted, once', async (t) => {
  const told = await ask('true', 'a', 'b', 'c');
  t.same(told.flatMap(({ directories }) => directories).sort(), [
    '/run/wanwire/bpf/a',
    '/run/wanwire/bpf/b',
    '/run/wanwire/bpf/c',
  ]);
  // The last one sees what all have made: none is hidden by another's mount.
  const most = told.map(({ found }) => found.length).sort();
  t.equal(most.at(-1), 3);
});

t.test('a machine without anything of ours', async (t) => {
  const [told] = await ask('true', '');
  t.same(told?.found, []);
  t.same(told?.directories, ['forwarder name: "" is not valid: want a text of 1 to 255 letters']);
});

t.test('names that are too long for a folder', async (t) => {
  const [told] = await ask('true', 'x'.repeat(256));
  t.match(told?.directories, [/forwarder name: "x+" is not valid: want a text of/]);
});
