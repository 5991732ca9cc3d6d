// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { WireError } from '../../api/errors/wire-error.js';
import { show, type WatchOptions } from './watch.js';

/** Reads 1, 2, 3 and is interrupted when it has read `until`. */
function watched(options: WatchOptions, until = 3, isTTY = false) {
  const stop = new AbortController();
  const written: string[] = [];
  let reads = 0;
  const read = (): number => {
    reads++;
    if (reads === until) queueMicrotask(() => stop.abort());
    return reads;
  };
  const text = (now: number, before: number | undefined) =>
    `${String(now)} after ${String(before)}\n`;
  const json = (now: number, before: number | undefined) => ({ now, before: before ?? null });
  const screen = { isTTY, write: (part: string) => written.push(part) };
  const quick = options.watch === true ? { every: 0.001, ...options } : options;
  const done = show({ read, text, json }, quick, screen, stop.signal);
  return { done, written, stop, reads: () => reads };
}

t.test('once, as text or JSON', async (t) => {
  const text = watched({});
  await text.done;
  t.strictSame(text.written, ['1 after undefined\n']);
  const json = watched({ json: true });
  await json.done;
  t.strictSame(json.written, ['{"now":1,"before":null}\n']);
});

t.test('again and again until it is interrupted, each with the read before', async (t) => {
  const lines = watched({ watch: true, json: true });
  await lines.done;
  t.strictSame(lines.written, [
    '{"now":1,"before":null}\n',
    '{"now":2,"before":1}\n',
    '{"now":3,"before":2}\n',
  ]);
  const paged = watched({ watch: true }, 2, true);
  await paged.done;
  t.strictSame(paged.written, [
    '\u001b[H\u001b[2J1 after undefined\n',
    '\u001b[H\u001b[2J2 after 1\n',
  ]);
  const piped = watched({ watch: true }, 2);
  await piped.done;
  t.strictSame(piped.written, ['1 after undefined\n\n', '2 after 1\n\n'], 'no terminal, no codes');
});

t.test('twice for a rate, or not at all when it is interrupted in between', async (t) => {
  const twice = watched({ rate: true }, 9);
  await twice.done;
  t.strictSame(twice.written, ['2 after 1\n']);
  const cut = watched({ rate: true }, 9);
  cut.stop.abort();
  await cut.done;
  t.strictSame(cut.written, []);
});

t.test('a plane that is gone for a while is waited for; at first it is an error', async (t) => {
  const stop = new AbortController();
  const written: string[] = [];
  let reads = 0;
  const view = {
    read(): number {
      reads++;
      if (reads === 2) throw new WireError(status.NOT_FOUND, 'no data plane');
      if (reads === 3) queueMicrotask(() => stop.abort());
      return reads;
    },
    text: (now: number, before: number | undefined) => `${String(now)} after ${String(before)}\n`,
    json: () => ({}),
  };
  const screen = { write: (part: string) => written.push(part) };
  const complaints: string[] = [];
  const complained = t.intercept(process, 'stderr', {
    value: { write: (part: string) => complaints.push(part) },
  });
  await show(view, { watch: true, every: 0.001 }, screen, stop.signal);
  complained.restore();
  t.strictSame(written, ['1 after undefined\n\n', '3 after 1\n\n']);
  t.strictSame(complaints, ['wanwire: no data plane\n']);

  const none = { ...view, read: () => Promise.reject(new WireError(status.NOT_FOUND, 'none')) };
  await t.rejects(show<number>(none, { watch: true }, screen, stop.signal), /none/);
  const broken = new AbortController();
  let first = true;
  const bug = {
    ...view,
    read() {
      if (!first) throw new TypeError('a bug');
      first = false;
      return 1;
    },
  };
  await t.rejects(show(bug, { watch: true, every: 0.001 }, screen, broken.signal), /a bug/);
});
