// SPDX-License-Identifier: Apache-2.0
/** `--since`: how long ago, or a time. */
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../api/env/duration.js';

const dayMs = 86_400_000;
const want =
  'want how long ago, such as 90s, 15m, 1h or 2d, or a time such as 2026-11-21T09:14:00 (of the clock here)';

/** Milliseconds since 1970. */
export function parseSince(text: string, now = Date.now()): number {
  const days = /^(\d+(?:\.\d+)?)d$/.exec(text)?.[1];
  if (days !== undefined) return now - Number(days) * dayMs;
  if (/^\d{4}-\d\d-\d\d([T ].*)?$/.test(text)) {
    // A date by itself would be midnight of UTC.
    const at = Date.parse(text.length === 10 ? `${text}T00:00:00` : text);
    if (!Number.isNaN(at)) return at;
    throw new InvalidArgumentError(`${want}.`);
  }
  try {
    return now - parseDuration(text);
  } catch {
    throw new InvalidArgumentError(`${want}.`);
  }
}
