// SPDX-License-Identifier: Apache-2.0
/** Sessions as a table and as JSON, the largest first. */
import { endText } from '../../forwarder/operator/flow.js';
import type { Paint } from '../paint.js';
import { counterColumns } from './counter-columns.js';
import { bytesText, countText, rateText, timeText } from './figures.js';
import { tableLines, type Column } from './lines.js';
import { sessionsOf, totalRate, type Session, type SessionReading } from './sessions.js';
import { shortIds } from './short-ids.js';

/** The JSON of `wanwire sessions`. */
export function sessionsJson(now: SessionReading, before?: SessionReading, top?: number): object {
  const { node, generation } = now.reading.plane;
  const sessions = sessionsOf(now, top, before);
  return {
    node,
    generation,
    total: {
      sessions: now.raw.length,
      counters: now.totals,
      ...(before === undefined ? {} : { rate: totalRate(now, before) }),
    },
    more: now.raw.length - sessions.length,
    sessions,
  };
}

/** The table of `wanwire sessions`. */
export function sessionsLines(
  paint: Paint,
  now: SessionReading,
  before: SessionReading | undefined,
  top: number,
): string[] {
  const sessions = sessionsOf(now, top, before);
  if (sessions.length === 0) return ['no sessions'];
  const short = shortIds(now.reading.plane.wires.map(({ id }) => id));
  const all: readonly Column<Session>[] = [
    { title: 'WIRE', text: ({ wire }) => short(wire) },
    { title: 'CLIENT', text: ({ client }) => client },
    { title: 'PROTOCOL', text: ({ protocol }) => protocol },
    { title: 'SOURCE', text: ({ source, sourcePort }) => endText(source, sourcePort) },
    {
      title: 'DESTINATION',
      text: ({ destination, destinationPort }) => endText(destination, destinationPort),
    },
    { title: 'STRAND', text: ({ strand }) => strand ?? '-' },
    { title: 'CLASS', text: (session) => session.class ?? '-' },
    { title: 'RULE', text: ({ rule }) => rule ?? '-' },
    { title: 'MARK', text: ({ mark }) => mark ?? '-' },
    ...counterColumns<Session>(before !== undefined),
    { title: 'IDLE', right: true, text: ({ idleMs }) => timeText(idleMs) },
    { title: 'MOVES', right: true, text: ({ moves }) => countText(moves) },
    { title: 'FLAGS', text: flagText },
  ];
  return [
    ...tableLines(sessions, all, paint, ({ pinned }) => (pinned ? paint.bold : String)),
    '',
    totalText(now, before, sessions.length),
  ];
}

function flagText({ pinned, learned, fragment, current }: Session): string {
  const flags = { pinned, learned, fragment, stale: !current };
  return Object.entries(flags)
    .filter(([, set]) => set)
    .map(([name]) => name)
    .join(',');
}

function totalText(now: SessionReading, before: SessionReading | undefined, shown: number) {
  const { txBytes, rxBytes } = now.totals;
  const rate = before && totalRate(now, before);
  const rates =
    rate === undefined
      ? ''
      : `, ${rateText(rate.txBitsPerSecond)} out and ${rateText(rate.rxBitsPerSecond)} in`;
  const rest = now.raw.length - shown;
  const more = rest > 0 ? ` (${String(rest)} more: --top ${String(now.raw.length)})` : '';
  const sessions = now.raw.length === 1 ? 'session' : 'sessions';
  const all = `${String(now.raw.length)} ${sessions}${more}`;
  return `${all}: ${bytesText(txBytes)} out and ${bytesText(rxBytes)} in${rates}`;
}
