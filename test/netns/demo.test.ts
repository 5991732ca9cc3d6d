// SPDX-License-Identifier: Apache-2.0
/** The demo as a newcomer runs it: it keeps its promises, and leaves nothing, however it ends. */
import t from 'tap';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const wanwire = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Run the demo; `onTitle` is told each title as it comes. */
async function demo(onTitle: (title: string, pid: number) => void = () => undefined) {
  const child = spawn(process.execPath, [wanwire, 'demo'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    for (const [title] of text.matchAll(/^\d {2}.*$/gm)) onTitle(title, child.pid ?? 0);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said, errors };
}

/** Our folders, and the network namespaces that some process is in. */
async function leavings(): Promise<readonly string[]> {
  const folders = (await readdir(tmpdir())).filter((name) => name.startsWith('wanwire-'));
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const namespaces = await Promise.all(
    pids.map((pid) => readlink(`/proc/${pid}/ns/net`).catch(() => '')),
  );
  return [...folders, ...new Set(namespaces)].sort();
}

t.test('the whole story', { timeout: 60_000 }, async (t) => {
  const before = await leavings();
  const { code, said, errors } = await demo();
  t.equal(code, 0, errors);
  for (const part of ['1  Request', '2  Ping', '3  Refresh', '4  Kill', '5  Close']) {
    t.match(said, part);
  }
  t.match(said, 'All as promised');
  t.notMatch(said, '\u001b', 'no colour where there is no terminal');
  t.same(await leavings(), before, 'no folder and no network namespace is left');
});

for (const act of ['2  Ping', '4  Kill']) {
  t.test(`stopped at act ${act}`, { timeout: 60_000 }, async (t) => {
    const before = await leavings();
    const { code, errors } = await demo((title, pid) => {
      if (title.startsWith(act)) process.kill(pid, 'SIGINT');
    });
    t.equal(code, 130);
    t.match(errors, 'stopped by SIGINT');
    t.same(await leavings(), before, 'no folder and no network namespace is left');
  });
}
