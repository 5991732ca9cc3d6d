// SPDX-License-Identifier: Apache-2.0
/** `wanwire trust` and `wanwire id`, as a user sees them. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { exitCodes } from '../exit-codes.js';
import { command as idCommand } from '../id.js';
import { command } from '../trust.js';

const siteText = (name: string, peer = '') => `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: ${name}}
spec:
  trustDomain: ${name}.example
  links: [{name: fibre, device: wan0, trusted: true}]
${peer}`;

async function folderOf(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ww-trust-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const peer = '  peers: [{site: cloud, control: ["c.example:1"], trustBundle: cloud.json}]\n';
  await writeFile(join(folder, 'edge.yaml'), siteText('edge'));
  await writeFile(join(folder, 'cloud.yaml'), siteText('cloud'));
  await writeFile(join(folder, 'peered.yaml'), siteText('edge', peer));
  return folder;
}

/** What a command says; `words` are of `wanwire trust`, or of `wanwire id`. */
async function say(t: Test, folder: string, words: readonly string[], of = command) {
  const said = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map(
    (name) =>
      t.capture(process[name], 'write', (text: string) => {
        said[name] += text.replaceAll(`${folder}/`, '');
        return true;
      }).restore,
  );
  process.exitCode = 0;
  try {
    await of().parseAsync(
      words.map((word) => word.replace('@', `${folder}/`)),
      { from: 'user' },
    );
    return { code: process.exitCode, ...said };
  } finally {
    for (const one of restore) one();
    process.exitCode = 0;
  }
}

t.test('two sites exchange bundles, and one withdraws it', async (t) => {
  const folder = await folderOf(t);
  const trust = (...words: readonly string[]) => say(t, folder, words);
  t.match(await trust('show', '--dir', '@e'), { stdout: /no root yet/ });
  t.match(await trust('export', '--dir', '@e'), {
    code: exitCodes.failed,
    stderr: /has no root yet.*-f site.yaml/,
  });
  const first = await trust('export', '-f', '@edge.yaml', '--dir', '@e');
  t.equal(first.code, 0);
  t.same((await trust('export', '--dir', '@e')).stdout, first.stdout, 'the same again');
  t.equal((await trust('export', '-f', '@cloud.yaml', '--dir', '@c', '-o', '@cloud.json')).code, 0);
  t.match(JSON.parse(await readFile(join(folder, 'cloud.json'), 'utf8')), {
    keys: [{ use: 'x509-svid' }],
  });

  t.match(await trust('list', '--dir', '@e'), { stdout: '', stderr: /no other trust domain/ });
  const added = await trust('import', '--dir', '@e', '@cloud.json');
  t.equal(added.stdout, 'cloud.example (1 root) is trusted now\n');
  t.match(await trust('import', '--dir', '@e', '@cloud.json'), { stdout: /by this bundle now/ });
  t.match(await trust('list', '--dir', '@e'), {
    stdout: /cloud.example +1 +20\d\d.* imported +trusted/,
  });
  t.match(await trust('show', '--dir', '@e'), {
    stdout: /domain edge.example .*\n.*\n.* signs .*\nalso trusted: cloud.example\n/,
  });
  t.match(JSON.parse((await trust('show', '--json', '--dir', '@e')).stdout), {
    trustDomain: 'edge.example',
    roots: [{ state: 'signs' }],
    federated: [{ trustDomain: 'cloud.example', roots: 1, error: null }],
  });
  const peered = await trust('list', '--json', '-f', '@peered.yaml', '--dir', '@e');
  t.same(
    peered.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { from: string }).from),
    ['imported', 'spec.peers (cloud)'],
  );
  t.match(await trust('remove', '--dir', '@e', 'cloud.example'), { code: 0 });
  t.match(await trust('remove', '--dir', '@e', 'cloud.example'), {
    code: exitCodes.failed,
    stderr: /no bundle of trust domain cloud.example was imported/,
  });
});

t.test('a new root', async (t) => {
  const folder = await folderOf(t);
  const trust = (...words: readonly string[]) => say(t, folder, words);
  t.match(await trust('rotate', '--dir', '@e'), { code: exitCodes.failed, stderr: /no root yet/ });
  await trust('export', '-f', '@edge.yaml', '--dir', '@e');
  t.match(await trust('rotate', '--dir', '@e', '--after', '1h'), {
    stdout: /signs from 20.*trust export/,
  });
  t.match(await trust('show', '--dir', '@e'), { stdout: / signs .*\n.* comes next / });
  t.match(await trust('rotate', '--dir', '@e', '--after', '0s'), { stdout: /signs now/ });
  t.match(await trust('show', '--dir', '@e'), { stdout: / signs no more .*\n.* signs / });
  t.match(await trust('rotate', '--dir', '@e', '--after', 'soon'), {
    code: exitCodes.usage,
    stderr: /--after: "soon" is not valid: want a duration such as 24h/,
  });
});

t.test('what is refused, and what to do', async (t) => {
  const folder = await folderOf(t);
  const trust = (...words: readonly string[]) => say(t, folder, words);
  await trust('export', '-f', '@edge.yaml', '--dir', '@e', '-o', '@edge.json');
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['import', '--dir', '@e', '@none.json'], /none.json is not there/],
    [['import', '--dir', '@e', '@edge.yaml'], /want a SPIFFE bundle/],
    [['import', '--dir', '@e', '@edge.json'], /this site's own trust domain/],
    [['import', '--dir', '@e', '--domain', 'x.example', '@edge.json'], /want that of x.example/],
  ];
  for (const [words, text] of wrong) {
    const { code, stderr } = await trust(...words);
    t.match(stderr, text);
    t.ok(code === exitCodes.usage || code === exitCodes.failed, words.join(' '));
  }
  await chmod(join(folder, 'e', 'authority.json'), 0o644);
  const { code, stderr } = await trust('export', '--dir', '@e');
  t.equal(code, exitCodes.failed);
  t.match(
    stderr,
    /authority.json has mode 0644: others may have read or changed it \(.*chmod 0600/,
  );
});

t.test('no identity: why, and what to do', async (t) => {
  const folder = await folderOf(t);
  const url = `unix://${folder}/agent.sock`;
  const { code, stderr } = await say(t, folder, ['--agent', url], idCommand);
  t.equal(code, exitCodes.unavailable);
  t.match(
    stderr,
    /^wanwire: no identity from the agent at unix:.* cannot be reached .*start the agent/,
  );
  const { stdout } = await say(t, folder, ['--json', '--agent', url], idCommand);
  t.match(JSON.parse(stdout), { id: null, why: /cannot be reached/, trustDomains: [] });
});
