// SPDX-License-Identifier: Apache-2.0
/** The demo of boss and minion keeps its promises, and leaves nothing. */
import t from 'tap';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { demo } from '../stage/demo.js';

t.setTimeout(170_000);

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
