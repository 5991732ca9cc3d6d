// SPDX-License-Identifier: Apache-2.0
/** The demo of boss and minion keeps its promises, and leaves nothing, however it ends. */
import t from 'tap';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { demo } from '../stage/demo.js';
import { until } from '../stage/up.js';

t.setTimeout(240_000);

t.test('boss and minion', async (t) => {
  const folder = mkdtempSync(`${tmpdir()}/ww-report-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const report = `${folder}/report.md`;
  const { code, said, errors, leavings } = await demo(t, ['--seconds=1', `--report=${report}`]);
  t.equal(code, 0, errors);
  for (const part of ['1  Each', '2  Cut', '3  Restore', '4  Swap', '5  Brown', '6  The sum']) {
    t.match(said, part);
  }
  t.match(said, /requests +\d{3,}, failed 0/);
  t.match(said, /wrong link +0 by the witness at the links\n +0 by `wanwire audit`: \d{3,} logged/);
  t.match(said, /resets +0/);
  t.match(said, 'All as promised');
  t.same(leavings(), []);
  t.match(
    readFileSync(report, 'utf8'),
    /!\[.*\]\(report\.svg\)[\s\S]*\| boss \| \d+ \| \d+ \| 0 \|/,
  );
  const dots = readFileSync(`${folder}/report.svg`, 'utf8').match(/h0/g) ?? [];
  t.ok(dots.length > 200, `${String(dots.length)} dots`);
});

t.test('for machines, and stopped', async (t) => {
  const { code, said, errors, leavings } = await demo(t, ['--seconds=1', '--json'], (line, pid) => {
    if (line.includes('"cutting"')) process.kill(pid, 'SIGINT');
  });
  t.equal(code, 130, errors);
  const lines = said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  t.match(lines.slice(0, 3), [
    { phase: 'steady', user: 'boss', links: { lte: 0 }, failed: 0, wrong: 0 },
    { phase: 'steady', user: 'minion', links: { fibre: 0 }, failed: 0, wrong: 0 },
    { phase: 'steady', user: 'guest', links: { fibre: 0 }, failed: 0, wrong: 0 },
  ]);
  t.same(leavings(), []);
});

t.test('without Envoy', async (t) => {
  const { code, errors, leavings } = await demo(t, [], undefined, { WANWIRE_ENVOY: '/nowhere' });
  t.equal(code, 1);
  t.match(errors, 'npm run setup');
  t.same(leavings(), []);
});

for (const act of ['wanwire: boss', '4  Swap']) {
  t.test(`stopped at ${act}`, async (t) => {
    const { code, errors, leavings } = await demo(t, ['--seconds=1'], (title, pid) => {
      if (title.startsWith(act)) process.kill(pid, 'SIGINT');
    });
    t.equal(code, 130);
    t.match(errors, 'stopped by SIGINT');
    t.same(leavings(), []);
  });
}

t.test('killed, it leaves no process, and the next one takes the lab away', async (t) => {
  const { code, leavings } = await demo(t, ['--seconds=1'], (title, pid) => {
    if (title.startsWith('2  Cut')) process.kill(pid, 'SIGKILL');
  });
  t.equal(code, null);
  // What makes the links slow belongs to the lab, which the next demo takes away.
  const others = (): readonly string[] =>
    leavings().filter((one) => one.startsWith('process') && one !== 'process relay');
  await until('the end of all other processes', () => others().length === 0);
  const next = await demo(t, ['links'], (_title, pid) => {
    process.kill(pid, 'SIGINT');
  });
  t.equal(next.code, 130);
  t.same(next.leavings(), []);
  // Its folder of sockets nobody can know.
  t.same(
    leavings().filter((one) => !one.startsWith('wanwire-')),
    [],
  );
});
