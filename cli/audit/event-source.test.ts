// SPDX-License-Identifier: Apache-2.0
/** How a forwarder's events are heard: what ends a hearing, and that the next one begins. */
import t from 'tap';
import type { SessionEvent } from '../../forwarder/operator/session-event.js';
import { change } from '../../test/doubles/audited.js';
import { followEvents, type EventSourceOptions } from './event-source.js';

/** Follows streams, one after the other; the last one ends all. Each is a list of what it tells. */
async function hear(
  streams: readonly (readonly (SessionEvent | Error | 'stand still')[])[],
  isThere: EventSourceOptions['isThere'] = async () => undefined,
): Promise<readonly string[]> {
  const told: string[] = [];
  const stop = new AbortController();
  let at = 0;
  await followEvents({
    async *follow(signal, begun) {
      const events = streams[at++];
      if (events === undefined) {
        stop.abort();
        return;
      }
      begun();
      for (const one of events) {
        if (one instanceof Error) throw one;
        if (one !== 'stand still') yield one;
        else if (!signal.aborted)
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
      }
    },
    isThere,
    sink: {
      hear: () => told.push('hear'),
      event: ({ kind }) => told.push(kind),
      confirm: () => undefined,
      lose: (reason) => told.push(reason),
      clockSet: () => told.push('clock set'),
    },
    signal: stop.signal,
    pauseMs: 10,
  });
  return told;
}

t.test('a forwarder that goes, and comes again', async (t) => {
  const present = change('present', 1, 'fibre');
  t.strictSame(await hear([[present], [new Error('gone')], [present, change('move', 2, 'lte')]]), [
    ...['hear', 'present', 'its events ended'],
    ...['hear', 'gone'],
    ...['hear', 'present', 'move', 'its events ended', 'its events ended'],
  ]);
});

t.test('after lost events it begins anew: the first lines are what is there', async (t) => {
  const lost = { at: 5, kind: 'lost', count: 7 } as const;
  t.strictSame(await hear([[lost, change('move', 6, 'lte')], []]), [
    ...['hear', 'lost', '7 of its events were lost'],
    ...['hear', 'its events ended', 'its events ended'],
  ]);
});

t.test('who is held up between a look at one clock and at the other', async (t) => {
  const now = performance.now.bind(performance);
  t.teardown(() => (performance.now = now));
  let reads = 0;
  const isThere = async (): Promise<void> => {
    if (reads > 20) throw new Error('enough');
  };
  performance.now = () => {
    reads++;
    for (const end = now() + 80; reads === 8 && now() < end;);
    return now();
  };
  t.strictSame(await hear([['stand still']], isThere), [...['hear', 'enough', 'its events ended']]);
});

t.test('a forwarder that stands still is not heard, though its stream is open', async (t) => {
  let asked = 0;
  const isThere = async (): Promise<void> => {
    if (++asked === 3) throw new Error('it does not answer');
  };
  t.strictSame(await hear([['stand still']], isThere), [
    ...['hear', 'it does not answer', 'its events ended'],
  ]);
});
