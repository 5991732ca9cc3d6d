// SPDX-License-Identifier: Apache-2.0
/** What `GET /quality` answers, put together. Pure. */
import {
  slaAnswer,
  type QualityAnswer,
  type QualityLink,
  type QualityProber,
  type QualityStrand,
} from '../operator/quality-answer.js';
import type { NumberedSla } from '../steering/sla-numbers.js';
import type { Link } from '../underlay/link.js';
import type { PathMtuState } from './path-mtus.js';
import type { StrandState } from './states.js';
import { monthOf, usedIn, type Usage } from './usage.js';
import type { WatchedStrand } from './watched.js';

/** What an answer is made of. */
export interface AnswerParts {
  /** The wall clock, and the engine's, which is monotonic. */
  readonly wallMs: number;
  readonly nowMs: number;
  readonly prober: QualityProber;
  readonly slas: readonly NumberedSla[];
  readonly links: readonly Link[];
  readonly usage: Usage;
  readonly strands: readonly WatchedStrand[];
  /** As the engine said last; none of strands that it does not know. */
  readonly states: ReadonlyMap<number, StrandState>;
  /** What is known of a strand's path MTU. */
  readonly path: (id: number) => PathMtuState | undefined;
  /** Words as the maps have them. */
  readonly avoid: (id: number) => number;
  readonly intervalMs: (id: number) => number;
}

const bytesInGB = 1e9;

/** See the head of this file. */
export function qualityAnswer(parts: AnswerParts): QualityAnswer {
  const { wallMs, prober, slas, links, strands } = parts;
  return {
    at: wallMs,
    prober,
    slas: slas.map(({ number, sla, names }) => slaAnswer(number, sla, names)),
    links: links.map((link) => linkAnswer(link, parts)),
    strands: strands.map((strand) => strandAnswer(strand, parts)),
  };
}

function linkAnswer({ config }: Link, { wallMs, usage }: AnswerParts): QualityLink {
  const { name, profile, billing, rateMbps = null, capGB } = config;
  const month = monthOf(wallMs);
  const capBytes = capGB === undefined ? null : Math.round(capGB * bytesInGB);
  const used = usedIn(usage, month, name);
  return { name, profile, metered: billing === 'metered', rateMbps, month, ...used, capBytes };
}

function strandAnswer(strand: WatchedStrand, parts: AnswerParts): QualityStrand {
  const { id, name, link, peerName } = strand;
  const { wallMs, nowMs } = parts;
  const found = parts.states.get(id);
  const path = parts.path(id);
  const why =
    found?.why ?? (strand.isProbed ? '' : 'the peer is a stock one: it answers no probes');
  /** Of a time of the engine's, the time of day. */
  const wall = (ms: number): number => Math.round(wallMs + ms - nowMs);
  return {
    id,
    name,
    link: link.config.name,
    peer: peerName,
    state: found?.state ?? 'unmeasured',
    since: found === undefined ? wallMs : wall(found.sinceMs),
    why: [why, path?.why ?? ''].filter(Boolean).join('; '),
    rttMs: found?.rttMs ?? null,
    jitterMs: found?.jitterMs ?? null,
    lossPercent: found?.lossPercent ?? null,
    lossOutPercent: found?.lossOutPercent ?? null,
    lossBackPercent: found?.lossBackPercent ?? null,
    tcp: found?.tcp === undefined ? null : { rttMs: null, rttMinMs: null, ...found.tcp },
    breaks: found?.breaks ?? [],
    avoidedBy: bitsOf(parts.avoid(id)),
    heldUntil: found?.heldUntilMs === undefined ? null : wall(found.heldUntilMs),
    intervalMs: parts.intervalMs(id),
    mtu: path?.mtu ?? strand.mtu,
    deviceMtu: strand.mtu,
    mtuProbed: path?.isProbed ?? false,
    largeIntervalMs: path?.intervalMs ?? 0,
  };
}

function bitsOf(word: number): readonly number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (word >>> bit) & 1);
}
