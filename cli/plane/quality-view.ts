// SPDX-License-Identifier: Apache-2.0
/** Links, strands and SLAs with what probes say of them: the tables and the JSON of `wanwire links`. */
import { overhead } from '../../forwarder/steering/strands.js';
import type { Paint } from '../paint.js';
import { bytesText, countText, momentText, msText, percentText, rateText } from './figures.js';
import { tableLines, type Column } from './lines.js';
import { linksJson, ratedLinks, ratedStrands, stateTone } from './links-view.js';
import {
  linkQualities,
  slaQualities,
  strandQualities,
  type LinkQuality,
  type QualityReading,
  type SlaQuality,
  type StrandQuality,
} from './quality.js';
import type { PlaneLink, PlaneStrand, Rate } from './types.js';

type Row<T, Q> = T & { readonly rate?: Rate; readonly quality: Q };
type LinkRow = Row<PlaneLink, LinkQuality> & { readonly usedPercent: number | null };
type StrandRow = Row<PlaneStrand, StrandQuality>;

interface Rows {
  readonly links: readonly LinkRow[];
  readonly strands: readonly StrandRow[];
  readonly slas: readonly SlaQuality[];
}

/** The JSON of `wanwire links`. */
export function qualityJson(now: QualityReading, before?: QualityReading): object {
  const { answer, reason, prober } = now;
  return {
    ...linksJson(now, before),
    forwarder: { running: answer !== undefined, reason },
    prober,
    ...rowsOf(now, before),
  };
}

/** The tables of `wanwire links`. */
export function qualityLines(
  paint: Paint,
  now: QualityReading,
  before?: QualityReading,
): readonly string[] {
  const { links, strands, slas } = rowsOf(now, before);
  const withRates = before !== undefined;
  const tone = stateTone(paint);
  const parts = [
    notes(now).map(paint.yellow),
    links.length === 0
      ? ['no links']
      : tableLines(links, linkColumns(withRates), paint, ({ quality, state }) =>
          tone({ state: quality.state ?? state }),
        ),
    strands.length === 0
      ? ['no strands: no wire leads to another site yet']
      : tableLines(strands, strandColumns(now, withRates), paint, ({ quality }) => tone(quality)),
    tableLines(slas, slaColumns, paint, ({ breaking, keptFrom }) =>
      breaking.length + keptFrom.length > 0 ? paint.yellow : String,
    ),
  ];
  return parts
    .filter((lines) => lines.length > 0)
    .flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]));
}

function rowsOf(now: QualityReading, before: QualityReading | undefined): Rows {
  const ofStrands = strandQualities(now, before);
  const ofLinks = linkQualities(now, ofStrands);
  const strands = ratedStrands(now, before).flatMap((strand) => {
    const quality = ofStrands.get(strand.name);
    return quality === undefined ? [] : [{ ...strand, quality }];
  });
  const links = ratedLinks(now, before).flatMap((link) => {
    const quality = ofLinks.get(link.name);
    if (quality === undefined) return [];
    return [{ ...link, quality, usedPercent: usedPercent(link.name, strands, quality) }];
  });
  return { links, strands, slas: slaQualities(now, ofStrands) };
}

/** Of the declared rate, in the direction that carries more, headers included; null where not known. */
function usedPercent(
  link: string,
  strands: readonly StrandRow[],
  { rateMbps }: LinkQuality,
): number | null {
  const own = strands.filter((one) => one.link === link);
  if (rateMbps === null || own.some(({ rate }) => rate === undefined)) return null;
  const bits = { tx: 0, rx: 0 };
  for (const { rate, remote } of own) {
    const around = 8 * overhead[remote.includes(':') ? 6 : 4];
    bits.tx += (rate?.txBitsPerSecond ?? 0) + (rate?.txPacketsPerSecond ?? 0) * around;
    bits.rx += (rate?.rxBitsPerSecond ?? 0) + (rate?.rxPacketsPerSecond ?? 0) * around;
  }
  return (100 * Math.max(bits.tx, bits.rx)) / (rateMbps * 1e6);
}

/** What the reader must know before he believes the tables. */
function notes({ answer, reason, prober, reading }: QualityReading): readonly string[] {
  if (reading.plane.strands.length === 0) return [];
  const without = `no forwarder, so this is what the maps say: ${reason ?? ''}`;
  const frozen = 'probes are not sent (wanwire-prober does not run): states are as they were';
  return [...(answer === undefined ? [without] : []), ...(prober.running ? [] : [frozen])];
}

function measureColumns<T extends { readonly quality: LinkQuality | StrandQuality }>() {
  const right = true;
  const all: readonly Column<T>[] = [
    { title: 'RTT', right, text: ({ quality }) => msText(quality.rttMs) },
    { title: 'JITTER', right, text: ({ quality }) => msText(quality.jitterMs) },
    { title: 'LOSS', right, text: ({ quality }) => percentText(quality.lossPercent) },
    { title: 'OUT', right, text: ({ quality }) => percentText(quality.lossOutPercent) },
    { title: 'BACK', right, text: ({ quality }) => percentText(quality.lossBackPercent) },
  ];
  return all;
}

function carriedColumns<T extends Pick<LinkRow, 'counters' | 'rate'>>(withRates: boolean) {
  const right = true;
  const all: readonly Column<T>[] = [
    { title: 'TX', right, text: ({ counters }) => bytesText(counters.txBytes) },
    { title: 'RX', right, text: ({ counters }) => bytesText(counters.rxBytes) },
    { title: 'TX RATE', right, text: ({ rate }) => rateText(rate?.txBitsPerSecond ?? 0) },
    { title: 'RX RATE', right, text: ({ rate }) => rateText(rate?.rxBitsPerSecond ?? 0) },
  ];
  return withRates ? all : all.slice(0, 2);
}

function linkColumns(withRates: boolean): readonly Column<LinkRow>[] {
  const right = true;
  const used: readonly Column<LinkRow>[] = [
    { title: 'USED', right, text: ({ usedPercent: used }) => percentText(used) },
  ];
  return [
    { title: 'LINK', text: ({ name }) => name },
    { title: 'CLASS', text: (link) => link.class },
    { title: 'NETWORK', text: ({ network }) => network },
    { title: 'DEVICE', text: ({ device }) => device },
    { title: 'STATE', text: ({ state, quality }) => quality.state ?? state },
    { title: 'STRANDS', text: ({ usable, strands }) => `${String(usable)}/${String(strands)}` },
    ...measureColumns<LinkRow>(),
    ...carriedColumns<LinkRow>(withRates),
    {
      title: 'RATE',
      right,
      text: ({ quality: { rateMbps } }) => (rateMbps === null ? '-' : rateText(rateMbps * 1e6)),
    },
    ...(withRates ? used : []),
    { title: 'THIS MONTH', right, text: ({ quality }) => monthText(quality) },
    { title: 'PROBES A DAY', right, text: ({ quality }) => bytesText(quality.probeBytesADay) },
  ];
}

function monthText({ txBytes, rxBytes, capBytes }: LinkQuality): string {
  const sum = txBytes + rxBytes;
  if (capBytes === null) return bytesText(sum);
  const percent = String(Math.round((100 * sum) / capBytes));
  return `${bytesText(sum)} of ${bytesText(capBytes)} (${percent} %)`;
}

function strandColumns(now: QualityReading, withRates: boolean): readonly Column<StrandRow>[] {
  const right = true;
  return [
    { title: 'STRAND', text: ({ name }) => name },
    { title: 'PEER', text: ({ peer }) => peer },
    { title: 'STATE', text: ({ quality }) => quality.state },
    { title: 'SINCE', text: ({ quality }) => momentText(quality.since, now.wallMs) },
    ...measureColumns<StrandRow>(),
    { title: 'MTU', right, text: ({ mtu }) => String(mtu) },
    ...carriedColumns<StrandRow>(withRates),
    { title: 'PROBES A DAY', right, text: ({ quality }) => bytesText(quality.probeBytesADay) },
    { title: 'WHY', text: ({ quality }) => whyText(quality) },
  ];
}

/** And what TCP suffers, which probes may know nothing of. */
function whyText({ why, tcp }: StrandQuality): string {
  if (tcp === null) return why;
  const { segments, resentPercent, rttMinMs } = tcp;
  const resent = `TCP: ${percentText(resentPercent)} of ${countText(segments)} sent again`;
  const least = rttMinMs === null ? '' : `, ${msText(rttMinMs)} at least`;
  return [why, `${resent}${least}`].filter(Boolean).join('; ');
}

const slaColumns: readonly Column<SlaQuality>[] = [
  { title: 'SLA OF', text: ({ classes }) => classes.join(', ') },
  { title: 'AT MOST', text: slaText },
  { title: 'BROKEN BY', text: ({ breaking }) => breaking.join(', ') },
  { title: 'KEPT FROM', text: ({ keptFrom }) => keptFrom.join(', ') },
];

/** `rtt 80 ms, loss 1 %`; nothing where it is not known. */
export function slaText(sla: Pick<SlaQuality, 'rttMs' | 'jitterMs' | 'lossPercent'>): string {
  const { rttMs, jitterMs, lossPercent } = sla;
  return [
    rttMs === null ? '' : `rtt ${String(rttMs)} ms`,
    jitterMs === null ? '' : `jitter ${String(jitterMs)} ms`,
    lossPercent === null ? '' : `loss ${String(lossPercent)} %`,
  ]
    .filter(Boolean)
    .join(', ');
}
