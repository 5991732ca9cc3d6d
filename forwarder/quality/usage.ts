// SPDX-License-Identifier: Apache-2.0
/**
 * What each link carried in a month (UTC), for who pays by the byte. Counters begin
 * anew with their maps, and a forwarder may be dead for days: what counts is how much each grew
 * since it was last looked at. Pure: whoever keeps it writes it to `usage.json` and reads it again.
 */
import { z } from 'zod';

/** Cumulative, in bytes. Each begins anew with its map. */
export interface Counters {
  /** Inner packets, */
  readonly txBytes: number;
  readonly rxBytes: number;
  /** what is around them, */
  readonly txOverhead: number;
  readonly rxOverhead: number;
  /** probes, ours and the peer's, and the answers to them. */
  readonly txProbes: number;
  readonly rxProbes: number;
}

/** What is counted of one strand since its place in the maps was made. */
export interface Metered {
  /** Its number. */
  readonly id: number;
  /** What else has this number later begins at nothing: name and addresses, say. */
  readonly identity: string;
  readonly link: string;
  readonly counters: Counters;
}

const sum = z.object({ txBytes: z.number(), rxBytes: z.number() });
const usage = z.object({
  version: z.literal(1),
  /** When it was last added to, in milliseconds since 1970. */
  atMs: z.number(),
  /** The counters then, by the strand's number. */
  seen: z.record(
    z.string(),
    z.object({ identity: z.string(), counters: z.record(z.string(), z.number()) }),
  ),
  /** By month (`2026-11`) and link. */
  months: z.record(z.string(), z.record(z.string(), sum)),
});

/** Bytes both ways. */
export type UsedBytes = z.infer<typeof sum>;
/** The content of `usage.json`. */
export type Usage = z.infer<typeof usage>;

/** In a forwarder's state folder. */
export const usageName = 'usage.json';
/** How many months are kept, this one too. */
const keptMonths = 13;
const none: UsedBytes = { txBytes: 0, rxBytes: 0 };

/** Nothing was seen yet. */
export function noUsage(): Usage {
  return { version: 1, atMs: 0, seen: {}, months: {} };
}

/** What a file says; nothing where it is none of ours. */
export function parseUsage(text: string): Usage {
  try {
    return usage.safeParse(JSON.parse(text)).data ?? noUsage();
  } catch {
    return noUsage();
  }
}

/** `2026-11`: the month, in UTC. */
export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7);
}

/** What a link has carried in a month. */
export function usedIn({ months }: Usage, month: string, link: string): UsedBytes {
  return months[month]?.[link] ?? none;
}

/**
 * With what each strand carried since the last time. Where a month has ended since then it is shared
 * between the months by time. A counter that is less than it was has begun anew.
 */
export function addUsage(before: Usage, nowMs: number, strands: readonly Metered[]): Usage {
  const months = structuredClone(before.months);
  const seen = { ...before.seen };
  const shares = sharesOf(before.atMs, nowMs);
  for (const { id, identity, link, counters } of strands) {
    const was = seen[String(id)];
    const grown = grownBy(counters, was?.identity === identity ? was.counters : {});
    seen[String(id)] = { identity, counters: { ...counters } };
    for (const [month, share] of shares) {
      const links = (months[month] ??= {});
      const { txBytes, rxBytes } = links[link] ?? none;
      links[link] = {
        txBytes: txBytes + Math.round(grown.txBytes * share),
        rxBytes: rxBytes + Math.round(grown.rxBytes * share),
      };
    }
  }
  const kept = Object.entries(months).toSorted(([a], [b]) => (a < b ? 1 : -1));
  return {
    version: 1,
    atMs: nowMs,
    seen,
    months: Object.fromEntries(kept.slice(0, keptMonths)),
  };
}

function grownBy(now: Counters, before: Readonly<Record<string, number>>): UsedBytes {
  const grown = (name: keyof Counters): number => {
    const was = before[name] ?? 0;
    return now[name] < was ? now[name] : now[name] - was;
  };
  return {
    txBytes: grown('txBytes') + grown('txOverhead') + grown('txProbes'),
    rxBytes: grown('rxBytes') + grown('rxOverhead') + grown('rxProbes'),
  };
}

/** Which part of the time between two looks was in which month. All is of now where that is not known. */
function sharesOf(fromMs: number, toMs: number): readonly (readonly [string, number])[] {
  const month = monthOf(toMs);
  const began = Date.parse(`${month}-01T00:00:00Z`);
  if (fromMs === 0 || fromMs >= began) return [[month, 1]];
  const share = (toMs - began) / (toMs - fromMs);
  // Whoever was dead for longer than a month has it in the last two.
  return [
    [monthOf(began - 1), 1 - share],
    [month, share],
  ];
}
