// SPDX-License-Identifier: Apache-2.0
/** Files are followed through every way files change; mistakes change nothing and are told once. */
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { siteText } from '../../test/doubles/site-text.js';
import { silentLogger, type Logger } from '../log/log.js';
import { watchSiteFiles, type SiteWatch } from './watch.js';

/** The file, its link 1 having this rate. */
const withRate = (rate: number | string): string =>
  siteText({ 7: `    - {name: lte, device: wan1, rateMbps: ${String(rate)}, trusted: true}` });

const rateOf = (watch: SiteWatch): number | undefined => watch.current.site.links[1]?.rateMbps;

async function folderOf(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ww-watch-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

interface Fixture {
  readonly watch: SiteWatch;
  readonly clock: ManualClock;
  /** Rates that were told. */
  readonly told: (number | undefined)[];
  /** Wait for the kernel to tell of a change, and let the files be read. */
  readonly reread: () => Promise<void>;
}

async function follow(
  t: Test,
  paths: readonly string[],
  log: Logger = silentLogger(),
): Promise<Fixture> {
  const clock = new ManualClock();
  const watch = await watchSiteFiles(paths, { log, clock });
  t.teardown(() => watch[Symbol.dispose]());
  const told: (number | undefined)[] = [];
  watch.onChange((files) => told.push(files.site.links[1]?.rateMbps));
  const reread = async (): Promise<void> => {
    while (clock.timers === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await clock.advance(100);
    await watch.settled();
  };
  return { watch, clock, told, reread };
}

/** A logger whose lines are kept. */
function kept(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  return { log, lines };
}

t.test('a file that is written, and one that is put in its place', async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, 'site.yaml');
  await writeFile(path, withRate(1));
  const { watch, told, reread } = await follow(t, [path]);
  t.equal(rateOf(watch), 1);
  await writeFile(path, withRate(2));
  await reread();
  t.equal(rateOf(watch), 2);
  await writeFile(join(folder, '.site.yaml.swp'), withRate(3));
  await rename(join(folder, '.site.yaml.swp'), path);
  await reread();
  t.strictSame(told, [2, 3]);
});

t.test('what says the same is no change', async (t) => {
  const path = join(await folderOf(t), 'site.yaml');
  await writeFile(path, withRate(1));
  const { told, reread } = await follow(t, [path]);
  await writeFile(path, `# a comment\n${withRate('1.0')}`);
  await reread();
  t.strictSame(told, []);
});

t.test('mistakes change nothing, are told once, and so is their end', async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, 'site.yaml');
  const { log, lines } = kept();
  await writeFile(path, withRate(1));
  const { watch, told, reread } = await follow(t, [path], log);
  await writeFile(path, siteText({ 3: 'metadata: {}', 7: '    - lte', 16: '    bulk: {}' }));
  await reread();
  await writeFile(join(folder, 'another'), '');
  await reread();
  t.equal(rateOf(watch), 1);
  t.equal(lines.length, 1, 'told once');
  t.match(JSON.parse(lines[0] ?? ''), {
    msg: 'site files not applied: they have mistakes',
    mistakes: [
      /site\.yaml:3:1: metadata\.name: nothing/,
      /site\.yaml:7:7: spec\.links\[1\]: "lte"/,
    ],
  });
  await rm(path);
  await reread();
  t.match(lines[1], /cannot be read: ENOENT/);
  await writeFile(path, withRate(1));
  await reread();
  t.match(lines[2], /the site files are right again/);
  t.strictSame(told, [], 'they say what they said before');
});

t.test('a trust bundle that comes later', async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, 'site.yaml');
  const peers = '  peers: [{site: a, control: ["a.b:1"], trustBundle: a.pem}]';
  await writeFile(path, siteText());
  const { told, watch, reread } = await follow(t, [path]);
  await writeFile(path, siteText({ 8: peers }));
  await reread();
  t.equal(told.length, 0);
  await writeFile(join(folder, 'a.pem'), '');
  await reread();
  t.equal(watch.current.site.peers[0]?.trustBundle, join(folder, 'a.pem'));
});

t.test('a ConfigMap that is swapped', async (t) => {
  const folder = await folderOf(t);
  const put = async (version: string, rate: number): Promise<void> => {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'site.yaml'), withRate(rate));
    await symlink(version, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  await put('..1', 1);
  await symlink('..data/site.yaml', join(folder, 'site.yaml'));
  const { told, reread } = await follow(t, [join(folder, 'site.yaml')]);
  await put('..2', 2);
  await rm(join(folder, '..1'), { recursive: true });
  await reread();
  await put('..3', 3);
  await reread();
  t.strictSame(told, [2, 3]);
});

t.test('a link to a file elsewhere, and a folder that is replaced', async (t) => {
  const folder = await folderOf(t);
  const target = join(folder, 'releases', 'now', 'site.yaml');
  await mkdir(join(folder, 'releases', 'now'), { recursive: true });
  await mkdir(join(folder, 'etc'));
  await writeFile(target, withRate(1));
  await symlink('../releases/now/site.yaml', join(folder, 'etc', 'site.yaml'));
  const { told, reread } = await follow(t, [join(folder, 'etc', 'site.yaml')]);
  await writeFile(target, withRate(2));
  await reread();
  await rm(join(folder, 'releases'), { recursive: true });
  await reread();
  await mkdir(join(folder, 'releases', 'now'), { recursive: true });
  await reread();
  await writeFile(target, withRate(3));
  await reread();
  t.strictSame(told, [2, 3]);
});

t.test('many changes are read once, and none after the end', async (t) => {
  const path = join(await folderOf(t), 'site.yaml');
  await writeFile(path, withRate(1));
  const { told, watch, reread, clock } = await follow(t, [path]);
  for (const rate of [2, 3, 4]) await writeFile(path, withRate(rate));
  await reread();
  t.strictSame(told, [4]);
  watch[Symbol.dispose]();
  await writeFile(path, withRate(5));
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(clock.timers, 0);
});

t.test('files that are wrong from the start', async (t) => {
  const path = join(await folderOf(t), 'site.yaml');
  const clock = new ManualClock();
  const options = { log: silentLogger(), clock };
  await t.rejects(watchSiteFiles([path], options), { name: 'SiteError', message: /ENOENT/ });
  await writeFile(path, siteText({ 7: '    - lte' }));
  await t.rejects(watchSiteFiles([path], options), { message: /spec\.links\[1\]/ });
  t.equal(clock.timers, 0);
});
