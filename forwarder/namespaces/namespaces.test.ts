// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Namespaces } from './namespaces.js';

/** A /proc of files: what is looked at is their device and inode. */
function proc(t: Test, pids: readonly string[]): string {
  const folder = t.testdir({});
  for (const pid of ['self', ...pids]) {
    mkdirSync(join(folder, pid, 'ns'), { recursive: true });
    writeFileSync(join(folder, pid, 'ns/net'), '');
  }
  return folder;
}

function urlOf(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `inode://${String(dev)}/${String(ino)}`;
}

t.test('an inode is found among processes, and again where the process has gone', async (t) => {
  const folder = proc(t, ['7', '8', '9']);
  const namespaces = new Namespaces(folder);
  const path = join(folder, '8/ns/net');
  const url = urlOf(path);
  t.match(await namespaces.find(url, 'f'), { path });
  // Another process is in the same namespace, the first one ends.
  rmSync(join(folder, '7/ns/net'));
  await t.resolves(namespaces.find(url, 'f'));
  rmSync(path);
  await t.rejects(namespaces.find(url, 'mechanism.parameters.inodeURL'), {
    code: status.NOT_FOUND,
    message: new RegExp(
      `^mechanism.parameters.inodeURL: ${url}: no process has this network namespace`,
    ),
  });
});

t.test('many who ask at once are answered by one look', async (t) => {
  const folder = proc(t, ['7', '8']);
  const namespaces = new Namespaces(folder);
  const urls = ['7', '8', '7', '8'].map((pid) => urlOf(join(folder, pid, 'ns/net')));
  const found = await Promise.all(urls.map((url) => namespaces.find(url, 'f')));
  t.equal(found.length, 4);
  t.equal((await namespaces.all()).length, 2);
});

t.test('a path is taken as it is, if it is a namespace', async (t) => {
  const folder = proc(t, []);
  const namespaces = new Namespaces(folder);
  const path = join(folder, 'named');
  writeFileSync(path, '');
  t.match(await namespaces.find(`file://${path}`, 'f'), { path });
  await t.rejects(namespaces.find(`file://${path}-not`, 'f'), { code: status.NOT_FOUND });
  await t.rejects(namespaces.find('file:///sys/kernel', 'f'), {
    code: status.INVALID_ARGUMENT,
    message: /want the file of a network namespace/,
  });
});

const wrong = [
  '',
  'inode://4',
  'inode://x/y',
  'inode://4/-1',
  'inode://4/0x10',
  'http://a/b',
  'file://relative',
  'file:///proc/self/ns/net',
  'file:///proc/thread-self/ns/net',
  'file:///%zz',
];
for (const url of wrong) {
  t.test(`refused: ${url || 'nothing'}`, async (t) => {
    await t.rejects(new Namespaces(proc(t, [])).find(url, 'f'), {
      code: status.INVALID_ARGUMENT,
      message: new RegExp(`^f: ${JSON.stringify(url)} is not valid: want `),
    });
  });
}
