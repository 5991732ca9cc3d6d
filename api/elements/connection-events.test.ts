// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { Connection, MonitorScopeSelector, type ConnectionEvent } from '../gen/connection.js';
import { ConnectionEvents } from './connection-events.js';

const conn = (id: string, change: Partial<Connection> = {}): Connection =>
  Connection.fromPartial({ id, networkService: 'hello', ...change });
const all = MonitorScopeSelector.fromPartial({});
type Reader = AsyncGenerator<ConnectionEvent, void>;

async function read(reader: Reader): Promise<readonly [number, readonly string[]] | undefined> {
  const { value } = await reader.next();
  return value ? [value.type, Object.keys(value.connections)] : undefined;
}

t.test('the initial state comes at once, even when empty; then changes', async (t) => {
  const events = new ConnectionEvents();
  const abort = new AbortController();
  const reader = events.subscribe(all, abort.signal);
  t.same(await read(reader), [0, []]);
  events.update(conn('a'));
  t.same(await read(reader), [1, ['a']]);
  const late = events.subscribe(all, abort.signal);
  t.same(await read(late), [0, ['a']]);
  const waiting = read(reader);
  events.delete('a');
  t.same(await waiting, [2, ['a']]);
  t.same(await read(late), [2, ['a']]);
  t.equal(events.size, 0);
  t.equal(events.subscribers, 2);
  const last = Promise.all([read(reader), read(late)]);
  abort.abort();
  t.same(await last, [undefined, undefined]);
  t.equal(events.subscribers, 0);
});

t.test('a selector leaves out what it is not about; nothing empty is sent', async (t) => {
  const events = new ConnectionEvents();
  const { signal } = new AbortController();
  const selector = MonitorScopeSelector.fromPartial({ networkServices: ['hello'] });
  const reader = events.subscribe(selector, signal);
  await read(reader);
  events.update(conn('other', { networkService: 'other' }));
  events.delete('other');
  events.update(conn('a'));
  t.same(await read(reader), [1, ['a']]);
  await reader.return();
  t.equal(events.subscribers, 0);
});

t.test('down: once, and only what is known', async (t) => {
  const events = new ConnectionEvents();
  const reader = events.subscribe(all, new AbortController().signal);
  await read(reader);
  events.down('a');
  events.delete('a');
  events.update(conn('a'));
  await read(reader);
  events.down('a');
  const { value } = await reader.next();
  t.match(value, { type: 1, connections: { a: { id: 'a', state: 1 } } });
  events.down('a');
  events.update(conn('b'));
  t.same(await read(reader), [1, ['b']]);
  t.match(events.get('a'), { state: 1 });
});

t.test('a slow reader gets the last change of each connection', async (t) => {
  const events = new ConnectionEvents();
  events.update(conn('told'));
  const reader = events.subscribe(all, new AbortController().signal);
  await read(reader);
  for (let n = 0; n < 1_000; n++) {
    events.update(conn('a', { payload: String(n) }));
    events.update(conn(`gone ${String(n)}`));
    events.delete(`gone ${String(n)}`);
  }
  events.delete('told');
  t.same(await read(reader), [2, ['told']], 'what it never heard of is not told as gone');
  const { value } = await reader.next();
  t.match(value, { type: 1, connections: { a: { payload: '999' } } });
  t.same(Object.keys(value?.connections ?? {}), ['a']);
  events.delete('a');
  events.update(conn('a'));
  t.same(await read(reader), [1, ['a']], 'made anew before it was told');
});

t.test('a reader that comes with an aborted signal gets the state and the end', async (t) => {
  const reader = new ConnectionEvents().subscribe(all, AbortSignal.abort());
  t.same(await read(reader), [0, []]);
  t.equal(await read(reader), undefined);
});

t.test('a stop between two messages ends the stream', async (t) => {
  const events = new ConnectionEvents();
  const abort = new AbortController();
  const reader = events.subscribe(all, abort.signal);
  await read(reader);
  events.update(conn('a'));
  abort.abort();
  t.equal(await read(reader), undefined);
});
