// SPDX-License-Identifier: Apache-2.0
/**
 * Hears the session events of one forwarder, and begins anew when it goes away. After events that were
 * lost nothing that was known is sure: then, too, it begins anew, since the first lines of a
 * stream are the sessions that are there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionEvent } from '../../forwarder/operator/session-event.js';

/** Whom {@link followEvents} tells. */
export interface EventSink {
  /** From now on it is heard. */
  hear(at: number): void;
  event(event: SessionEvent): void;
  /** All that happened before `at` has been told. */
  confirm(at: number): void;
  /** It is not heard any more, and why. */
  lose(reason: string): void;
  /** Times before and after do not go together. */
  clockSet(): void;
}

/** How it is heard. */
export interface EventSourceOptions {
  /** One stream; asked for anew each time, and calls back once it has begun. */
  readonly follow: (signal: AbortSignal, begun: () => void) => AsyncIterable<SessionEvent>;
  /** Rejects where the forwarder does not answer: it may be there and stand still. */
  readonly isThere: () => Promise<unknown>;
  readonly sink: EventSink;
  /** Aborted, for good, when nobody listens any more. */
  readonly signal: AbortSignal;
  /** Between two tries, and between two questions whether it is there, in milliseconds. */
  readonly pauseMs?: number;
}

const usualPauseMs = 300;

/** What the wall clock and the monotonic one may differ by between two beats, in milliseconds. */
const steadyMs = 50;

/** Hear it until the signal; resolves then, and never rejects. */
export async function followEvents(options: EventSourceOptions): Promise<void> {
  const { signal, pauseMs = usualPauseMs } = options;
  while (!signal.aborted) {
    await once({ ...options, pauseMs });
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

type Following = Required<EventSourceOptions>;

/** One stream, from its beginning to its end. */
async function once(following: Following): Promise<void> {
  const { follow, sink, signal } = following;
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  let reason = 'its events ended';
  const begun = (): void => {
    sink.hear(Date.now());
    void beat(following, either).catch((failure: unknown) => {
      if (either.aborted) return;
      reason = textOf(failure);
      end.abort();
    });
  };
  try {
    for await (const event of follow(either, begun)) {
      sink.event(event);
      if (event.kind !== 'lost') continue;
      reason = `${String(event.count)} of its events were lost`;
      break;
    }
  } catch (failure) {
    reason = textOf(failure);
  } finally {
    end.abort();
  }
  sink.lose(reason);
}

/** Tells silence from a standstill: who answers now has told what was before. */
async function beat({ isThere, sink, pauseMs }: Following, signal: AbortSignal): Promise<void> {
  for (let ahead = wallAhead(); ;) {
    const asked = Date.now();
    await isThere();
    if (signal.aborted) return;
    if (Math.abs(wallAhead() - ahead) > steadyMs) {
      sink.clockSet();
      throw new Error('the clock was set');
    }
    ahead = wallAhead();
    sink.confirm(asked);
    await sleep(pauseMs, undefined, { signal });
  }
}

/** How far the wall clock is ahead; read again where a busy machine held us up between both. */
function wallAhead(): number {
  for (;;) {
    const before = performance.now();
    const wall = Date.now();
    const after = performance.now();
    if (after - before < steadyMs / 2) return wall - after;
  }
}

function textOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
