// SPDX-License-Identifier: Apache-2.0
/** A site that comes, changes and goes. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { silentLogger } from '../log/log.js';
import { perhapsSite } from './perhaps.js';

const log = silentLogger();
// A watch alone keeps nobody running.
const awake = setInterval(() => undefined, 1_000);
t.teardown(() => clearInterval(awake));
const site = (name: string, more = ''): string =>
  `apiVersion: wanwire.io/v1alpha1\nkind: Site\nmetadata: { name: ${name} }\n` +
  `spec:\n  links: [{ name: fibre, device: wan0, trusted: true }]\n${more}`;

/** As the node-agent writes. */
async function put(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

t.test('none, and then one', async (t) => {
  const path = join(t.testdir(), 'site.yaml');
  using none = await perhapsSite([path], { log });
  t.equal(none.files, undefined);
  await put(path, '# Nothing yet.\n');
  await put(path, site('edge'));
  t.equal(await none.outdated, 'there is a Site now');
});

t.test('one, which changes and goes', async (t) => {
  const path = join(t.testdir({ 'site.yaml': site('edge') }), 'site.yaml');
  using one = await perhapsSite([path], { log });
  t.equal(one.files?.current.site.name, 'edge');
  let told = '';
  void one.outdated.then((why) => (told = why));
  await put(path, site('edge', '  vxlanPort: 4791\n'));
  while (one.files?.current.site.vxlanPort !== 4791) await sleep(20);
  await sleep(700);
  t.equal(told, '', 'the same Site, changed');
  // Written anew by somebody who does not rename.
  await rm(path);
  await writeFile(path, site('edge'));
  await sleep(700);
  t.equal(told, '', 'away for a moment only');
  await put(path, '');
  t.equal(await one.outdated, 'there is no Site any more');
});

t.test('another one, by its name or by what else counts', async (t) => {
  const path = join(t.testdir({ 'site.yaml': site('edge') }), 'site.yaml');
  const also = (document: { raw(path: readonly string[]): unknown }): boolean =>
    document.raw(['spec', 'gateway']) !== undefined;
  using first = await perhapsSite([path], { log });
  using second = await perhapsSite([path], { log, also });
  let told = '';
  void first.outdated.then((why) => (told = why));
  await put(path, site('edge', '  gateway: { prefixes: [172.16.0.0/16] }\n'));
  t.equal(await second.outdated, 'it is another Site now');
  t.equal(told, '');
  await put(path, site('cloud'));
  t.equal(await first.outdated, 'it is another Site now');
});

t.test('a Site with a mistake is refused at the start', async (t) => {
  const path = join(t.testdir({ 'site.yaml': site('edge', '  vxlanPort: 0\n') }), 'site.yaml');
  await t.rejects(perhapsSite([path], { log }), { name: 'SiteError' });
});
