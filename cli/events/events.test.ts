// SPDX-License-Identifier: Apache-2.0
/** The journal from a real socket, from its files, and as a terminal shows it; the operator is a double. */
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { silentLogger } from '../../api/log/log.js';
import { serveOperator } from '../../forwarder/operator/server.js';
import { journalPath } from '../../forwarder/quality/journal-file.js';
import type { JournalRecord } from '../../forwarder/quality/journal-record.js';
import type { QualityEvent, StrandEvent } from '../../forwarder/quality/states.js';
import { RecordingOperator } from '../../test/doubles/operator.js';
import { followJournal } from './journal.js';
import { parseSince } from './since.js';
import { DecisionLines } from './view.js';

const plain = { bold: String, dim: String, red: String, green: String, yellow: String };
const at = new Date(2026, 10, 21, 9, 14, 2, 118).getTime();
const degraded: StrandEvent = {
  atMs: 5,
  kind: 'degraded',
  strand: 1,
  name: 'fibre-cloud/wan0',
  link: 'fibre',
  peer: 'cloud-forwarder',
  from: 'up',
  to: 'degraded',
  why: 'loss 8.2 % of 170 probes (SLA 1 %)',
  measured: { windowMs: 3_000, probes: 170, answers: 156, rttMs: 20.1, lossPercent: 8.2 },
  sla: 'default/voice',
  sessions: 12,
};
const record = (wallMs: number, event: QualityEvent = degraded): JournalRecord => {
  return { type: 'event', wallMs, event };
};
const setup: JournalRecord = {
  type: 'setup',
  wallMs: at - 1_000,
  atMs: 0,
  strands: [],
  groups: [],
};

async function place(t: Test) {
  // A test's own folder has too long a name for a socket.
  const folder = await mkdtemp(join(tmpdir(), 'ww-journal-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const node = { name: 'edge-forwarder', socket: join(folder, 'operator.sock') };
  const operator = new RecordingOperator();
  const serve = () => serveOperator({ operator, path: node.socket, log: silentLogger() });
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  let aside = '';
  const told: JournalRecord[] = [];
  const follow = async (sinceMs: number, follow = false): Promise<void> => {
    const to = { write: (text: string) => (aside += text) };
    const { signal } = stop;
    const options = { node, sinceMs, follow, signal, aside: to, pauseMs: 5 };
    for await (const one of followJournal(options)) told.push(one);
  };
  const write = (...records: JournalRecord[]) =>
    appendFile(journalPath(folder), records.map((one) => `${JSON.stringify(one)}\n`).join(''));
  await writeFile(journalPath(folder), '');
  return { operator, serve, stop, told, follow, write, folder, aside: () => aside };
}

async function until(condition: () => boolean): Promise<void> {
  for (let left = 2_000; left > 0 && !condition(); left--) await sleep(2);
}

t.test('from the forwarder: what it tells of that time on', async (t) => {
  const { operator, serve, told, follow, aside } = await place(t);
  await using _socket = await closing(serve());
  operator.records = [setup, record(at)];
  await follow(at - 500.5);
  t.strictSame(told, [setup, record(at)]);
  t.strictSame(operator.asked, [['records', at - 501]]);
  t.equal(aside(), '');
});

t.test('while the forwarder is dead: from its files', async (t) => {
  const { told, follow, write, folder, aside } = await place(t);
  await write(setup, record(at), record(at + 5));
  await follow(at + 1);
  t.strictSame(told, [setup, record(at + 5)]);
  const path = journalPath(folder);
  t.equal(aside(), `wanwire: forwarder edge-forwarder does not answer: read from ${path}\n`);
});

t.test('followed: each once, over the end of a forwarder and the next one', async (t) => {
  const { operator, serve, stop, told, follow, write, aside } = await place(t);
  const same = record(at, { ...degraded, name: 'lte-cloud/wan1' });
  await write(setup, record(at));
  const following = follow(at, true);
  await until(() => told.length === 2);
  await write(same);
  await until(() => told.length === 3);
  operator.records = [setup, record(at), same, record(at + 1)];
  const socket = await serve();
  await until(() => told.length === 4);
  await sleep(30);
  await socket.close();
  await write(record(at + 1), record(at + 2));
  await until(() => told.length === 5);
  await sleep(30);
  stop.abort();
  await following;
  t.strictSame(told, [setup, record(at), same, record(at + 1), record(at + 2)]);
  t.match(aside(), /does not answer.*\n.* is back\n.*does not answer.*\n$/);
});

t.test('ended while it is asked: that is no answer', async (t) => {
  const { told, stop, follow, write, folder, aside } = await place(t);
  await write(record(at));
  const following = follow(at, true);
  await until(() => told.length === 1);
  let asked = false;
  const silent = createServer(() => (asked = true));
  t.teardown(() => silent.close());
  silent.listen(join(folder, 'operator.sock'));
  await until(() => asked);
  stop.abort();
  await following;
  const away = 'wanwire: forwarder edge-forwarder does not answer: read from';
  t.equal(aside(), `${away} ${journalPath(folder)}\n`);
});

t.test('what another version tells, and what is refused', async (t) => {
  const { operator, serve, follow } = await place(t);
  await using _socket = await closing(serve());
  operator.records = [{ type: 'new' } as unknown as JournalRecord];
  await t.rejects(
    follow(0),
    /tells its journal as another version of wanwire does: \{"type":"new"\}/,
  );
});

t.test('decisions as lines', (t) => {
  const lines = new DecisionLines(plain);
  const text = (event: QualityEvent): string => lines.line(event, at).replace(/ {2,}/g, '  ');
  t.equal(lines.titles.replace(/ +/g, ' '), 'TIME STRAND DECISION SESSIONS RTT JITTER LOSS WHY');
  t.strictSame(
    [
      text(degraded),
      text({ ...degraded, kind: 'recovered', from: 'degraded', why: 'a\u001b[2J' }),
      text({
        ...{ atMs: 5, kind: 'stranded', strand: 2, name: 'lte-cloud/wan1', link: 'lte' },
        ...{ peer: 'c', home: 'fibre-cloud/wan0', class: 'default/voice', sessions: 3 },
        why: 'fit for 61 s',
      }),
      text({ atMs: 5, kind: 'frozen', why: 'no probes are sent' }),
      text({
        ...{ atMs: 5, kind: 'mtu', strand: 1, name: 'fibre-cloud/wan0', link: 'fibre', peer: 'c' },
        ...{ mtu: { from: 1450, to: 1396 }, why: '1402 bytes do not pass, 1396 do' },
      }),
    ],
    [
      '2026-11-21 09:14:02.118  fibre-cloud/wan0  up > degraded  12  20.1 ms  -  8.2 %  default/voice: loss 8.2 % of 170 probes (SLA 1 %)',
      '2026-11-21 09:14:02.118  fibre-cloud/wan0  degraded, recovered  12  20.1 ms  -  8.2 %  default/voice: a?[2J',
      '2026-11-21 09:14:02.118  lte-cloud/wan1  stranded  3  -  -  -  default/voice: belongs on fibre-cloud/wan0, fit for 61 s',
      '2026-11-21 09:14:02.118  -  frozen  -  -  -  -  no probes are sent',
      '2026-11-21 09:14:02.118  fibre-cloud/wan0  mtu 1450 > 1396  -  -  -  -  1402 bytes do not pass, 1396 do',
    ],
  );
  t.end();
});

t.test('--since', (t) => {
  t.equal(parseSince('1h', at), at - 3_600_000);
  t.equal(parseSince('1h30m', at), at - 5_400_000);
  t.equal(parseSince('2d', at), at - 2 * 86_400_000);
  t.equal(parseSince('2026-11-21T09:14:02', at), at - 118);
  t.equal(parseSince('2026-11-21 09:14:02', at), at - 118);
  t.equal(parseSince('2026-11-21', at), new Date(2026, 10, 21).getTime());
  t.equal(parseSince('2026-11-21T08:14:02Z', at), Date.UTC(2026, 10, 21, 8, 14, 2));
  for (const text of ['', 'x', '-1h', '1', '2026-13-01', '09:14']) {
    t.throws(() => parseSince(text, at), /want how long ago, such as 90s, 15m, 1h or 2d/);
  }
  t.end();
});

async function closing(socket: Promise<{ close(): Promise<void> }>): Promise<AsyncDisposable> {
  const open = await socket;
  return { [Symbol.asyncDispose]: () => open.close() };
}
