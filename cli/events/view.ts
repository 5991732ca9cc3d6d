// SPDX-License-Identifier: Apache-2.0
/** Decisions as lines: when, of which strand, from what to what, why, and what was measured. */
import type { QualityEvent } from '../../forwarder/quality/states.js';
import type { Paint } from '../paint.js';
import { msText, percentText } from '../plane/figures.js';
import { columns, printable, type Columns } from '../table.js';

const titles = ['TIME', 'STRAND', 'DECISION', 'SESSIONS', 'RTT', 'JITTER', 'LOSS', 'WHY'];
/** What most cells take. */
const usual = [
  '2026-11-21 23:59:59.999',
  'fibre-cloud/wan0',
  'degraded > returning',
  '',
  '99.9 ms',
];

/** Lines of one table, the titles first. */
export class DecisionLines {
  readonly #table: Columns = columns([titles, [...usual, '99.9 ms', '8.2 %']]);
  readonly #paint: Paint;

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  get titles(): string {
    return this.#paint.dim(this.#table.line(titles));
  }

  /** One decision; `wallMs` is when, of the wall clock. */
  line(event: QualityEvent, wallMs: number): string {
    const measured = 'measured' in event ? event.measured : undefined;
    const sessions = 'sessions' in event ? event.sessions : undefined;
    const cells = [
      instantText(wallMs),
      'name' in event ? event.name : '-',
      decisionText(event),
      sessions === undefined ? '-' : String(sessions),
      msText(measured?.rttMs ?? null),
      msText(measured?.jitterMs ?? null),
      percentText(measured?.lossPercent ?? null),
      whyText(event),
    ];
    const line = this.#table.line(cells.map((cell) => printable(cell) || '-'));
    return this.#tone(event)(line);
  }

  #tone(event: QualityEvent): (line: string) => string {
    const { kind } = event;
    const { red, yellow, green } = this.#paint;
    if (kind === 'down' || kind === 'frozen') return red;
    if (event.kind === 'mtu') return event.mtu.to < event.mtu.from ? yellow : String;
    if (kind === 'degraded' || kind === 'held' || kind === 'stranded') return yellow;
    return kind === 'up' ? green : String;
  }
}

/** `up > degraded`; what is no change of state by its name. */
export function decisionText(event: QualityEvent): string {
  if (event.kind === 'mtu') return `mtu ${String(event.mtu.from)} > ${String(event.mtu.to)}`;
  if (!('to' in event)) return event.kind;
  const { from, to, kind } = event;
  if (from !== to) return `${from} > ${to}`;
  return kind === to ? `still ${to}` : `${to}, ${kind}`;
}

/** Why, and whom it is about. */
export function whyText(event: QualityEvent): string {
  if (event.kind === 'stranded') {
    return `${event.class}: belongs on ${event.home}, ${event.why}`;
  }
  const sla = 'sla' in event ? event.sla : undefined;
  return sla === undefined ? event.why : `${sla}: ${event.why}`;
}

/** `2026-11-21 09:14:02.118`, of the clock here. */
export function instantText(at: number): string {
  const date = new Date(at);
  const pad = (value: number, length = 2): string => String(value).padStart(length, '0');
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((one) => pad(one));
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((one) => pad(one));
  return `${day.join('-')} ${time.join(':')}.${pad(date.getMilliseconds(), 3)}`;
}
