// SPDX-License-Identifier: Apache-2.0
/** The file is followed through every way files change, and mistakes leave the last good list. */
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { silentLogger } from '../api/log/log.js';
import { prefixFile, type PrefixFile } from './excluded-prefixes-file.js';

async function fixture(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'ww-prefixes-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return { folder, path: join(folder, 'excluded_prefixes.yaml') };
}

async function open(t: Test, path: string): Promise<PrefixFile> {
  const file = await prefixFile(path, silentLogger());
  t.teardown(() => {
    file[Symbol.dispose]();
  });
  return file;
}

/** Wait until the list is as wanted; the test's own time-out is the limit. */
async function become(file: PrefixFile, wanted: readonly string[]): Promise<void> {
  while (file.current().join() !== wanted.join()) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await file.settled();
  }
}

t.test('no file, no folder, nothing in it: no prefixes', async (t) => {
  const { folder, path } = await fixture(t);
  t.same((await open(t, path)).current(), []);
  t.same((await open(t, join(folder, 'none', 'x.yaml'))).current(), []);
  for (const text of ['', 'prefixes:', '{}', '# nothing']) {
    await writeFile(path, text);
    t.same((await open(t, path)).current(), [], text);
  }
});

t.test('it is read again when it changes', async (t) => {
  const { folder, path } = await fixture(t);
  const file = await open(t, path);
  await writeFile(path, 'prefixes:\n  - 10.0.0.1/8\n  - 2001:db8::/32\n');
  await become(file, ['10.0.0.0/8', '2001:db8::/32']);
  await writeFile(join(folder, 'new'), 'prefixes: [192.0.2.0/24]');
  await rename(join(folder, 'new'), path);
  await become(file, ['192.0.2.0/24']);
  await rm(path);
  await become(file, []);
});

t.test('it is read again when a ConfigMap is swapped', async (t) => {
  const { folder, path } = await fixture(t);
  const version = async (name: string, text: string): Promise<void> => {
    await writeFile(join(folder, name), text);
    await symlink(name, join(folder, `..data_${name}`));
    await rename(join(folder, `..data_${name}`), join(folder, '..data'));
  };
  await version('one', 'prefixes: [192.0.2.0/24]');
  await symlink('..data', path);
  const file = await open(t, path);
  t.same(file.current(), ['192.0.2.0/24']);
  await version('two', 'prefixes: [198.51.100.0/24]');
  await become(file, ['198.51.100.0/24']);
});

t.test('a mistake leaves the last good list', async (t) => {
  const { path } = await fixture(t);
  await writeFile(path, 'prefixes: [192.0.2.0/24]');
  const file = await open(t, path);
  for (const text of ['prefixes: [x]', 'prefixes: 7', '}{', '- a']) {
    await writeFile(path, text);
    await file.settled();
    t.same(file.current(), ['192.0.2.0/24'], text);
  }
  await writeFile(path, 'prefixes: [203.0.113.0/24]');
  await become(file, ['203.0.113.0/24']);
});
