// SPDX-License-Identifier: Apache-2.0
/** The whole of a forwarder as a page and as JSON. */
import type { Paint } from '../paint.js';
import { printable } from '../table.js';
import { counterColumns } from './counter-columns.js';
import { dropped, totalDrops } from './counters.js';
import { bytesText, countOf, countText } from './figures.js';
import { tableLines, type Column } from './lines.js';
import { linksLines, rated, ratedLinks, ratedStrands } from './links-view.js';
import type { Whole } from './look.js';
import { shortIds } from './short-ids.js';
import type { Drops, PlanePin, PlaneRuleSet, PlaneWire, Rate } from './types.js';

type RatedWire = PlaneWire & { readonly rate?: Rate };

/** The JSON of `wanwire status`. */
export function statusJson(now: Whole, before?: Whole): object {
  const { plane } = now.reading;
  return {
    node: plane.node,
    forwarder: now.forwarder,
    attached: now.attached,
    layout: plane.layout,
    generation: plane.generation,
    sessions: now.sessions,
    links: ratedLinks(now, before),
    peers: plane.peers,
    strands: ratedStrands(now, before),
    wires: ratedWires(now, before),
    ruleSets: plane.ruleSets,
    pins: plane.pins,
    drops: plane.drops,
  };
}

/** The page of `wanwire status`. */
export function statusLines(paint: Paint, now: Whole, before?: Whole): string[] {
  const { plane } = now.reading;
  const parts = [
    headLines(paint, now),
    linksLines(paint, now, before),
    wireLines(paint, now, before),
    ruleLines(paint, plane.ruleSets),
    pinLines(paint, plane.pins, plane.wires),
    totalDrops(plane.drops) === 0
      ? []
      : [paint.yellow(`dropped, of no wire: ${dropText(plane.drops)}`)],
  ];
  return parts
    .filter((lines) => lines.length > 0)
    .flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]));
}

function headLines({ bold, green, red, yellow }: Paint, now: Whole): string[] {
  const { plane } = now.reading;
  const { name, site, version, routing } = plane.node;
  const { kind, programs } = now.attached;
  const state = now.forwarder.running
    ? green('running')
    : red('not running') + ': packets flow, nothing can be changed';
  const { ipv4, ipv6 } = now.sessions;
  const facts = [
    `site ${printable(site) || '-'}`,
    ...(version === null ? [] : [`version ${printable(version)}`]),
    `routing ${routing === null ? '-' : printable(routing)}`,
    `attached by ${kind === 'mixed' ? 'tcx and clsact' : (kind ?? '-')} (${String(programs)})`,
  ];
  const generation =
    plane.generation === 0
      ? yellow('no tables in force yet')
      : `generation ${String(plane.generation)}`;
  return [
    `${bold(printable(name))}  ${state}`,
    facts.join(', '),
    `${generation}, ${countOf(plane.wires.length, 'wire')}, ` +
      `${countOf(ipv4, 'session')} of IPv4 and ${countText(ipv6)} of IPv6, ${String(plane.pins.length)} pinned`,
  ];
}

function ratedWires(now: Whole, before?: Whole): readonly RatedWire[] {
  const ms = now.atMs - (before?.atMs ?? 0);
  // A number is given again; an id is not.
  return rated(now.reading.plane.wires, before?.reading.plane.wires, ({ id }) => id, ms);
}

function wireLines(paint: Paint, now: Whole, before?: Whole): string[] {
  const wires = ratedWires(now, before);
  if (wires.length === 0) return ['no steered wires'];
  const short = shortIds(wires.map(({ id }) => id));
  const all: readonly Column<RatedWire>[] = [
    { title: 'WIRE', text: ({ id }) => short(id) },
    { title: 'CLIENT', text: ({ client }) => client },
    { title: 'SERVICE', text: ({ service }) => service },
    { title: 'INTERFACE', text: (wire) => wire.interface },
    { title: 'PEER', text: ({ peer }) => peer },
    { title: 'POLICY', text: ({ policy }) => policy },
    { title: 'ROLE', text: ({ leader }) => (leader ? 'leads' : 'follows') },
    { title: 'MTU', right: true, text: ({ mtu }) => String(mtu) },
    ...counterColumns<RatedWire>(before !== undefined),
    { title: 'UNCACHED', right: true, text: ({ uncached }) => countText(uncached) },
    { title: 'FRAGMENTS', right: true, text: ({ fragments }) => countText(fragments) },
    { title: 'DROPS', text: ({ drops }) => dropText(drops) },
  ];
  return tableLines(wires, all, paint, ({ drops }) =>
    totalDrops(drops) > 0 ? paint.yellow : String,
  );
}

interface RuleRow {
  readonly service: string;
  readonly policy: string;
  readonly rule: string;
  readonly class: string;
  readonly mark: string | null;
  readonly txPackets: number;
  readonly txBytes: number;
}

function ruleLines(paint: Paint, sets: readonly PlaneRuleSet[]): string[] {
  // A service that has no rules and steered nothing says nothing.
  const told = sets.filter(({ rules, default: rest }) => rules.length > 0 || rest.txPackets > 0);
  const rows = told.flatMap(({ service, policy, rules, default: rest }): RuleRow[] => [
    ...rules.map(({ name, ...rule }) => ({ service, policy, rule: name, ...rule })),
    { service, policy, rule: '(default)', mark: null, ...rest },
  ]);
  return tableLines(
    rows,
    [
      { title: 'SERVICE', text: ({ service }) => service },
      { title: 'POLICY', text: ({ policy }) => policy },
      { title: 'RULE', text: ({ rule }) => rule },
      { title: 'CLASS', text: (row) => row.class },
      { title: 'MARK', text: ({ mark }) => mark ?? '-' },
      { title: 'TX PACKETS', right: true, text: ({ txPackets }) => countText(txPackets) },
      { title: 'TX', right: true, text: ({ txBytes }) => bytesText(txBytes) },
    ],
    paint,
  );
}

function pinLines(paint: Paint, pins: readonly PlanePin[], wires: readonly PlaneWire[]): string[] {
  const short = shortIds(wires.map(({ id }) => id));
  return tableLines(
    pins,
    [
      { title: 'PINNED ON WIRE', text: ({ wire }) => short(wire) },
      { title: 'PROTOCOL', text: ({ protocol }) => protocol },
      { title: 'SOURCE', text: ({ source }) => source },
      { title: 'DESTINATION', text: ({ destination }) => destination },
      { title: 'STRAND', text: ({ strand }) => strand },
    ],
    paint,
  );
}

function dropText(drops: Drops): string {
  return dropped(drops)
    .map(([reason, count]) => `${reason} ${countText(count)}`)
    .join(', ');
}
