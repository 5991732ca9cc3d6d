// SPDX-License-Identifier: Apache-2.0
/** Session events from a real socket, and as a terminal shows them; the operator is a double. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { WireError } from '../api/errors/wire-error.js';
import { silentLogger } from '../api/log/log.js';
import { serveOperator } from '../forwarder/operator/server.js';
import type { SessionChange, SessionEvent } from '../forwarder/operator/session-event.js';
import { RecordingOperator } from '../test/doubles/operator.js';
import { showEvents } from './plane/events-view.js';
import { followSessions } from './session-events.js';

const change: SessionChange = {
  at: new Date(2026, 0, 2, 9, 4, 5, 67).getTime() + 0.25,
  kind: 'present',
  wire: { id: '3f2a9c1e-77aa', client: 'nsc', service: 'wan', interface: 'nsm-1' },
  protocol: 'tcp',
  source: '172.16.0.1:40000',
  destination: '10.60.0.10:80',
  class: 'bulk',
  rule: '',
  strand: 'lte-cloud/wan1',
  link: 'lte',
  generation: 3,
};
const move: SessionChange = { ...change, kind: 'move', from: 'fibre', rule: 'voice' };
const lost: SessionEvent = { at: change.at, kind: 'lost', count: 7 };

function socketIn(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'ww-events-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return join(folder, 'operator.sock');
}

async function served(t: Test) {
  const operator = new RecordingOperator();
  const node = { name: 'edge-forwarder', socket: socketIn(t) };
  const start = () => serveOperator({ operator, path: node.socket, log: silentLogger() });
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const tell = (...events: SessionEvent[]): void => {
    for (const told of operator.followers) told(events);
  };
  const followed = async (): Promise<void> => {
    while (operator.followers.size === 0) await sleep(1);
  };
  return { operator, node, start, stop, tell, followed, socket: await start() };
}

t.test('from the first line to the last', async (t) => {
  const { operator, node, stop, tell, followed, socket } = await served(t);
  operator.present = [change];
  const heard: SessionEvent[] = [];
  let begun = 0;
  const follow = async (): Promise<void> => {
    for await (const event of followSessions(node, stop.signal, () => begun++)) heard.push(event);
  };
  const all = follow();
  await followed();
  tell(move, lost);
  while (heard.length < 3) await sleep(1);
  t.strictSame(heard, [change, move, lost]);
  await socket.close();
  await all;
  t.equal(begun, 1, 'it ends when the forwarder does, without an error');
  t.equal(operator.followers.size, 0);
});

t.test('it ends with the signal, and the forwarder knows', async (t) => {
  const { operator, node, stop, followed, socket } = await served(t);
  const events = followSessions(node, stop.signal);
  const first = events.next();
  await followed();
  stop.abort();
  t.same(await first, { value: undefined, done: true });
  while (operator.followers.size > 0) await sleep(1);
  t.same(await followSessions(node, stop.signal).next(), { value: undefined, done: true });
  await socket.close();
});

t.test('nobody there, a refusal, another version', async (t) => {
  const { operator, node, stop, socket } = await served(t);
  const first = (): Promise<unknown> => followSessions(node, stop.signal).next();
  operator.failure = new WireError(status.RESOURCE_EXHAUSTED, '16 readers follow');
  await t.rejects(first(), { code: status.FAILED_PRECONDITION, message: '16 readers follow' });
  await socket.close();
  await t.rejects(first(), { code: status.UNAVAILABLE, message: /does not answer at/ });

  const answers = ['{"at":1,"kind":"new"}\n', 'rubbish\n'];
  const other = createServer((_request, answer) => answer.end(answers.shift())).listen(node.socket);
  await once(other, 'listening');
  for (const said of ['new', 'rubbish']) {
    const message = new RegExp(`forwarder edge-forwarder tells events as another version.*${said}`);
    await t.rejects(first(), { code: status.INTERNAL, message });
  }
  other.close();
});

t.test('a forwarder that goes away is waited for', async (t) => {
  const { operator, node, start, stop, tell, followed, socket } = await served(t);
  let [shown, aside] = ['', ''];
  const showing = showEvents({
    name: node.name,
    follow: (begun) => followSessions(node, stop.signal, begun),
    wire: change.wire.id,
    json: true,
    paint: plainPaint,
    out: { write: (text) => (shown += text) },
    aside: { write: (text) => (aside += text) },
    signal: stop.signal,
    pauseMs: 5,
  });
  await followed();
  tell(move, { ...move, wire: { ...change.wire, id: 'another' } });
  await socket.close();
  while (aside === '') await sleep(1);
  await sleep(30);
  t.equal(
    aside,
    'wanwire: forwarder edge-forwarder tells no more: its sessions go on, and it is asked again\n',
  );
  operator.present = [change];
  const again = await start();
  while (shown.split('\n').length < 3) await sleep(1);
  t.match(aside, /\nwanwire: forwarder edge-forwarder is back\n$/);
  const lines = shown.trimEnd().split('\n');
  t.strictSame(
    lines.map((line) => JSON.parse(line) as unknown),
    [move, change],
  );
  stop.abort();
  await showing;
  await again.close();
});

const plainPaint = { bold: String, dim: String, red: String, green: String, yellow: String };

t.test('a line for each, in columns that grow', async (t) => {
  const out: string[] = [];
  const stop = new AbortController();
  const fields = ['[fd00::1]:5060', '[fd60::1234:5678:9abc]:5060'];
  const view = {
    name: 'edge-forwarder',
    json: false,
    paint: plainPaint,
    out: { write: (text: string) => out.push(text) },
    aside: { write: () => t.fail('nobody is away') },
    signal: stop.signal,
  };
  await showEvents({
    ...view,
    follow: async function* () {
      yield change;
      yield { ...move, source: fields[0] ?? '', destination: fields[1] ?? '', class: '\u001b[2J' };
      yield lost;
      stop.abort();
    },
  });
  t.equal(
    out.join(''),
    `TIME          EVENT    WIRE      PROTOCOL  SOURCE                DESTINATION           CLASS  RULE  LINK  STRAND
09:04:05.067  present  3f2a9c1e  tcp       172.16.0.1:40000      10.60.0.10:80         bulk   -     lte   lte-cloud/wan1
09:04:05.067  move     3f2a9c1e  tcp       [fd00::1]:5060        [fd60::1234:5678:9abc]:5060  ?[2J   voice  fibre > lte  lte-cloud/wan1
09:04:05.067  7 events lost
`,
  );
  // eslint-disable-next-line require-yield -- one that is away
  const away = async function* (): AsyncGenerator<SessionEvent> {
    throw new WireError(status.UNAVAILABLE, 'nobody');
  };
  await t.rejects(showEvents({ ...view, follow: away }), { message: 'nobody' }, 'from the start');
});
