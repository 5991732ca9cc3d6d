// SPDX-License-Identifier: Apache-2.0
/** The demo as a newcomer runs it: it keeps its promises, and leaves nothing, however it ends. */
import t, { type Test } from 'tap';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { environment } from '../../api/env/read-environment.js';
import { findBpfDirectories } from '../../bpf/loader/bpffs.js';
import { until } from '../stage/up.js';

t.setTimeout(240_000);

const wanwire = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Run the demo with a temporary folder of its own; `onTitle` is told each title as it comes. */
async function demo(
  t: Test,
  args: readonly string[],
  onTitle: (title: string, pid: number) => void = () => undefined,
) {
  const folder = mkdtempSync(`${tmpdir()}/ww-demo-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const child = spawn(process.execPath, [wanwire, 'demo', ...args], {
    env: { ...environment(), TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pid = child.pid ?? 0;
  let said = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    for (const [title] of text.matchAll(/^\d {2}.*$/gm)) onTitle(title, pid);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said, errors, leavings: () => leavings(folder, pid) };
}

/** What there is of a demo: files, processes that know its folder, namespaces, pins. */
function leavings(folder: string, pid: number): readonly string[] {
  const lab = `demo-${String(pid)}`;
  const processes = readdirSync('/proc').filter((one) => {
    try {
      return /^\d+$/.test(one) && readFileSync(`/proc/${one}/environ`, 'utf8').includes(folder);
    } catch {
      return false;
    }
  });
  return [
    ...readdirSync(folder),
    ...processes.map((one) => `process ${one}`),
    ...readdirSync('/run/netns').filter((name) => name.startsWith(`ww-${lab}-`)),
    ...findBpfDirectories().filter((path) => path.includes(`/${lab}-`)),
  ];
}

t.test('the whole story', async (t) => {
  const { code, said, errors, leavings } = await demo(t, []);
  t.equal(code, 0, errors);
  const titles = [
    '1  Request',
    '2  Two transfers',
    '3  Swap',
    '4  Pull',
    '5  Plug',
    '6  What was lost',
  ];
  for (const part of titles) t.match(said, part);
  t.match(said, /packets lost \d+, resets 0/);
  t.match(said, /voice +UDP, DSCP EF +\d+ packets +0 /, 'no datagram of the marked transfer');
  t.match(said, /backup +TCP +[\d.]+ MB +0 bytes/, 'no byte of the other');
  t.match(said, 'All as promised');
  t.notMatch(said, '\u001b', 'no colour where there is no terminal');
  t.same(leavings(), []);
});

t.test('the wire of one machine', async (t) => {
  const { code, said, errors, leavings } = await demo(t, ['--local']);
  t.equal(code, 0, errors);
  for (const part of ['1  Request', '2  Ping', '3  Refresh', '4  Kill', '5  Close']) {
    t.match(said, part);
  }
  t.match(said, 'All as promised');
  t.same(leavings(), []);
});

const stops: readonly (readonly [args: readonly string[], act: string])[] = [
  [[], '3  Swap'],
  [[], '4  Pull'],
  [['--local'], '2  Ping'],
  [['--local'], '4  Kill'],
];
for (const [args, act] of stops) {
  t.test(`${args.join()} stopped at act ${act}`, async (t) => {
    const { code, errors, leavings } = await demo(t, args, (title, pid) => {
      if (title.startsWith(act)) process.kill(pid, 'SIGINT');
    });
    t.equal(code, 130);
    t.match(errors, 'stopped by SIGINT');
    t.same(leavings(), []);
  });
}

t.test('killed, it leaves no process, and the next one takes the lab away', async (t) => {
  const { code, leavings } = await demo(t, [], (title, pid) => {
    if (title.startsWith('3  Swap')) process.kill(pid, 'SIGKILL');
  });
  t.equal(code, null);
  await until('the end of all processes', () => !leavings().join().includes('process'));
  const next = await demo(t, [], (_title, pid) => {
    process.kill(pid, 'SIGINT');
  });
  t.equal(next.code, 130, 'stopped at its first act');
  t.match(next.errors, 'stopped by SIGINT');
  t.same(next.leavings(), []);
  // Its folder of sockets nobody can know.
  t.same(
    leavings().filter((one) => !one.startsWith('wanwire-')),
    [],
  );
});
