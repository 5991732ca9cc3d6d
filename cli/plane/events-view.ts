// SPDX-License-Identifier: Apache-2.0
/** Session events as lines, as they come; a forwarder that goes away is waited for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import type { SessionEvent } from '../../forwarder/operator/session-event.js';
import type { Paint } from '../paint.js';
import { columns, printable, type Columns } from '../table.js';
import { countOf } from './figures.js';

/** What {@link showEvents} works with. */
export interface EventsView {
  /** The name of the forwarder. */
  readonly name: string;
  /** Follow it once; `begun` is called when it has let us in. */
  readonly follow: (begun: () => void) => AsyncIterable<SessionEvent>;
  /** Only those of this wire. */
  readonly wire?: string | undefined;
  readonly json: boolean;
  readonly paint: Paint;
  readonly out: { write(text: string): unknown };
  /** Where it is told that the forwarder is away. */
  readonly aside: { write(text: string): unknown };
  readonly signal: AbortSignal;
  /** How long until it is asked again, in milliseconds. */
  readonly pauseMs?: number;
}

const usualPauseMs = 1_000;
const titles = 'TIME,EVENT,WIRE,PROTOCOL,SOURCE,DESTINATION,CLASS,RULE,LINK,STRAND'.split(',');
/** What most cells take: IPv4 with its port, a time. */
const usual = ['23:59:59.999', 'present', '3f2a9c1e', '', '172.16.100.100:40000'];

/** Until the signal; throws where the forwarder is away from the start. */
export async function showEvents(view: EventsView): Promise<void> {
  const { name, json, signal, aside, pauseMs = usualPauseMs } = view;
  const table = columns([titles, [...usual, '172.16.100.100:40000']]);
  if (!json) view.out.write(`${view.paint.dim(table.line(titles))}\n`);
  let away: boolean | undefined;
  const begun = (): void => {
    if (away === true) aside.write(`wanwire: forwarder ${name} is back\n`);
    away = false;
  };
  for (;;) {
    try {
      for await (const event of view.follow(begun)) tell(view, table, event);
    } catch (reason) {
      const isAway = reason instanceof WireError && reason.code === status.UNAVAILABLE;
      if (away === undefined || !isAway) throw reason;
    }
    if (isOver(signal)) return;
    if (away !== true) {
      aside.write(
        `wanwire: forwarder ${name} tells no more: its sessions go on, and it is asked again\n`,
      );
    }
    away = true;
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    if (isOver(signal)) return;
  }
}

/** A call: what is known of it before an `await` says nothing about after it. */
function isOver({ aborted }: AbortSignal): boolean {
  return aborted;
}

function tell({ wire, json, paint, out }: EventsView, table: Columns, event: SessionEvent): void {
  if (event.kind !== 'lost' && wire !== undefined && event.wire.id !== wire) return;
  if (json) out.write(`${JSON.stringify(event)}\n`);
  else if (event.kind === 'lost') {
    const text = `${timeText(event.at)}  ${countOf(event.count, 'event')} lost`;
    out.write(`${paint.yellow(text)}\n`);
  } else {
    const tone = event.kind === 'move' ? paint.bold : event.kind === 'present' ? paint.dim : String;
    out.write(`${tone(table.line(cells(event)))}\n`);
  }
}

function cells(event: Exclude<SessionEvent, { kind: 'lost' }>): string[] {
  const { kind, wire, from, link } = event;
  return [
    timeText(event.at),
    kind,
    wire.id.slice(0, 8),
    event.protocol,
    event.source,
    event.destination,
    event.class,
    event.rule,
    from === undefined ? link : `${from} > ${link}`,
    event.strand,
  ].map((cell) => printable(cell) || '-');
}

/** Of the day here, with milliseconds. */
function timeText(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(hours)}:${two(minutes)}:${two(seconds)}.${ms}`;
}
