// SPDX-License-Identifier: Apache-2.0
/** Decisions that were recorded beside those that a replay made. Pure. */
import type { JournalRecord } from '../../forwarder/quality/journal-record.js';
import type { QualityEvent } from '../../forwarder/quality/states.js';

/** A decision, and when it was, in milliseconds since 1970. */
export interface Dated {
  readonly wallMs: number;
  readonly event: QualityEvent;
}

/** One decision, of one side or of both. */
export interface Beside {
  readonly wallMs: number;
  readonly recorded: QualityEvent | undefined;
  readonly replayed: QualityEvent | undefined;
}

/** What nobody doubted was written once a second: a replay may be so much later. */
const toleranceMs = 1_500;

/** The decisions of a recording. Of stranded sessions and of MTUs no sample tells, so no replay can. */
export function recordedOf(records: readonly JournalRecord[]): readonly Dated[] {
  return records
    .flatMap((one) => (one.type === 'event' ? [one] : []))
    .filter(({ event }) => event.kind !== 'stranded' && event.kind !== 'mtu');
}

/** When a replay's decisions were: at the samples by which they were made, which are in the same order. */
export function datedOf(
  events: readonly QualityEvent[],
  records: readonly JournalRecord[],
): readonly Dated[] {
  const samples = records.flatMap((one) => (one.type === 'sample' ? [one] : []));
  let at = 0;
  return events.map((event) => {
    for (let next = at; next < samples.length; next++) {
      if (samples[next]?.sample.atMs !== event.atMs) continue;
      at = next;
      break;
    }
    return { wallMs: samples[at]?.wallMs ?? 0, event };
  });
}

/** Both, by time; what both sides decided of a strand at about the same time is one. */
export function compare(recorded: readonly Dated[], replayed: readonly Dated[]): readonly Beside[] {
  const left = [...replayed];
  const rows = recorded.map(({ wallMs, event }): Beside => {
    const at = left.findIndex((one) => {
      return Math.abs(one.wallMs - wallMs) <= toleranceMs && textOf(one.event) === textOf(event);
    });
    const [same] = at < 0 ? [] : left.splice(at, 1);
    return { wallMs, recorded: event, replayed: same?.event };
  });
  const alone = left.map(({ wallMs, event }): Beside => {
    return { wallMs, recorded: undefined, replayed: event };
  });
  return [...rows, ...alone].toSorted((a, b) => a.wallMs - b.wallMs);
}

/** What makes two decisions the same one. */
function textOf(event: QualityEvent): string {
  if (!('to' in event)) return event.kind;
  return [event.name, event.kind, event.from, event.to].join(' ');
}
