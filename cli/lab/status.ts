// SPDX-License-Identifier: Apache-2.0
/** `wanwire lab status`, and how links are shown by others too. */
import { delayText, lossText, rateText } from '../../lab/file/units.js';
import { Lab } from '../../lab/lab.js';
import type { Direction, LabStatus, LinkStatus } from '../../lab/types.js';
import { exitCodes } from '../exit-codes.js';
import { paint, type Paint } from '../paint.js';
import { bytesText, countText } from '../plane/figures.js';
import { tableLines } from '../plane/lines.js';

/** Its options. */
export interface StatusOptions {
  readonly name?: string;
  readonly json?: boolean;
}

/** Print it. */
export async function showStatus({ name, json = false }: StatusOptions): Promise<number> {
  const status = await (await Lab.open(name)).status();
  const lines = json
    ? [JSON.stringify(status)]
    : [`lab ${status.name}`, '', ...statusLines(status, paint(process.stdout))];
  process.stdout.write(`${lines.join('\n')}\n`);
  return exitCodes.ok;
}

/** Links, then namespaces. */
export function statusLines({ links, places }: LabStatus, colours: Paint): string[] {
  const namespaces = tableLines(
    places,
    [
      { title: 'PLACE', text: ({ place }) => place },
      { title: 'NAMESPACE', text: ({ netns }) => netns },
      { title: 'ADDRESSES', text: ({ addresses }) => addresses.join(' ') },
    ],
    colours,
  );
  const gap = links.length === 0 ? [] : [''];
  return [...linkLines(links, colours), ...gap, ...namespaces];
}

interface Row {
  readonly from: string;
  readonly toward: string;
  readonly state: string;
  readonly way: Direction;
  readonly link: LinkStatus | undefined;
}

/** A line for each way; what a link sends is told at the link, what a network sends to it below. */
export function linkLines(links: readonly LinkStatus[], colours: Paint): string[] {
  const rows = links.flatMap((link): Row[] => {
    const sends: Row = { ...row(link.out, link), from: link.link, toward: link.to, link };
    if (links.some((other) => other.link === link.to) || link.in.by === 'plain') return [sends];
    return [sends, { ...row(link.in, link), from: link.to, toward: link.link, link: undefined }];
  });
  return tableLines(
    rows,
    [
      { title: 'LINK', text: ({ from }) => from },
      { title: 'TO', text: ({ toward }) => toward },
      { title: 'STATE', text: ({ state }) => state },
      { title: 'DELAY', text: ({ way }) => delay(way) },
      { title: 'LOSS', text: ({ way }) => known(lossText(way.shape.lossPercent)) },
      { title: 'RATE', text: ({ way }) => known(rateText(way.shape.rateBits)) },
      { title: 'MTU', right: true, text: ({ link }) => String(link?.mtu ?? '') },
      { title: 'BY', text: ({ way }) => means[way.by] },
      { title: 'SENT', text: ({ link }) => count(link, 'tx') },
      { title: 'RECEIVED', text: ({ link }) => count(link, 'rx') },
    ],
    colours,
    ({ state }) => (state === 'up' ? String : colours.red),
  );
}

function row(way: Direction, { up, carrier, broken }: LinkStatus): Pick<Row, 'way' | 'state'> {
  const state = !up
    ? 'down'
    : broken
      ? 'relay died'
      : !carrier
        ? 'no carrier'
        : way.lost
          ? 'lost'
          : 'up';
  return { way, state };
}

const means = { plain: 'veth', lost: '', relay: 'relay', netem: 'netem', tbf: 'tbf' } as const;

function delay({ shape: { delayMs, jitterMs } }: Direction): string {
  if (jitterMs === 0) return known(delayText(delayMs));
  return `${delayText(delayMs)} ±${delayText(jitterMs)}`;
}

function known(text: string): string {
  return text === 'none' ? '' : text;
}

function count(link: LinkStatus | undefined, way: 'rx' | 'tx'): string {
  if (link === undefined) return '';
  const { txPackets, txBytes, rxPackets, rxBytes } = link.counters;
  const [packets, bytes] = way === 'tx' ? [txPackets, txBytes] : [rxPackets, rxBytes];
  return `${countText(packets)} (${bytesText(bytes)})`;
}
