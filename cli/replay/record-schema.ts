// SPDX-License-Identifier: Apache-2.0
/** A line of the journal as somebody may have kept it: what is wrong of it, in words. */
import { z } from 'zod';
import type { JournalRecord } from '../../forwarder/quality/journal-record.js';

const number = z.number({ error: 'a number' });
const whole = z.int({ error: 'a whole number' });
const text = z.string({ error: 'a text' });
const flag = z.boolean({ error: 'true or false' });
const wallMs = z.number({ error: 'a time in milliseconds since 1970' });

const settings = z.looseObject(
  {
    intervalMs: number,
    detectionMs: number,
    shortWindowMs: number,
    longWindowMs: number,
    recoverWindowMs: number,
    holdDownMs: number,
    holdDownMaxMs: number,
    returnPerSecond: number,
    idleIntervalMs: number,
  },
  { error: 'the settings of a link' },
);
const strand = z.looseObject(
  { id: whole, name: text, link: text, peer: text, settings, metered: flag },
  { error: 'a strand' },
);
const group = z.looseObject(
  {
    number: whole,
    sla: z.looseObject(
      {
        rttMs: number.optional(),
        jitterMs: number.optional(),
        lossPercent: number.optional(),
      },
      { error: 'an SLA' },
    ),
    names: z.array(text, { error: 'a list of classes' }),
    strands: z.array(whole, { error: 'a list of strands' }).optional(),
  },
  { error: 'an SLA and its classes' },
);
const sample = z.looseObject(
  {
    strand: whole,
    atMs: number,
    silent: flag,
    silences: number,
    hardDown: flag,
    idle: flag,
    sent: number,
    judged: number,
    lost: number,
    late: number,
    received: number,
    rttSumMs: number,
    jitterSumMs: number,
    lostOut: number,
    lostBack: number,
    srttMs: number,
    rttvarMs: number,
    sentAgoMs: number.optional(),
    answeredAgoMs: number.optional(),
    heardAgoMs: number.optional(),
    forged: number,
    failed: number,
    tcp: z
      .looseObject(
        { acked: number, resent: number, rttSumMs: number, rttMinMs: number.optional() },
        { error: 'what TCP told' },
      )
      .optional(),
  },
  { error: 'a sample' },
);
const event = z.looseObject(
  {
    atMs: number,
    kind: text,
    why: text,
    strand: whole.optional(),
    name: text.optional(),
    from: text.optional(),
    to: text.optional(),
    measured: z
      .looseObject({
        probes: number,
        rttMs: number.optional(),
        jitterMs: number.optional(),
        lossPercent: number.optional(),
      })
      .optional(),
    mtu: z.looseObject({ from: number, to: number }).optional(),
    sla: text.optional(),
    sessions: number.optional(),
  },
  { error: 'an event' },
);

const record = z.discriminatedUnion(
  'type',
  [
    z.looseObject({
      type: z.literal('setup'),
      wallMs,
      atMs: number,
      strands: z.array(strand, { error: 'a list of strands' }),
      groups: z.array(group, { error: 'a list of SLAs' }),
    }),
    z.looseObject({ type: z.literal('sample'), wallMs, sample }),
    z.looseObject({ type: z.literal('event'), wallMs, event }),
  ],
  { error: ({ input }) => (isObject(input) ? 'setup, sample or event' : 'a record, an object') },
);

/** A mistake in one record. */
export interface RecordMistake {
  /** Such as `sample.atMs`; empty where it is the record. */
  readonly field: string;
  readonly value: unknown;
  readonly want: string;
}

/** The record, or all that is wrong. */
export function recordOf(
  value: unknown,
): { readonly record: JournalRecord } | { readonly mistakes: readonly RecordMistake[] } {
  const { success, error } = record.safeParse(value);
  // As it was written, with what is not looked at here.
  if (success) return { record: value as JournalRecord };
  return {
    mistakes: error.issues.map(({ path, message }) => ({
      field: path.map(String).join('.'),
      value: valueAt(value, path),
      want: message,
    })),
  };
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const key of path) {
    if (!isObject(found)) return undefined;
    found = found[key];
  }
  return found;
}

function isObject(value: unknown): value is Readonly<Record<PropertyKey, unknown>> {
  return typeof value === 'object' && value !== null;
}
