// SPDX-License-Identifier: Apache-2.0
/**
 * Which links a forwarder has, and when which could be used: as they were when they were looked at,
 * again and again. Between two looks that differ nobody knows the moment; where looks are far
 * apart nothing is known of the time between.
 */

/** A link as the policy sees it. */
export interface BookLink {
  readonly name: string;
  readonly class: string;
}

/** A strand as it was found. */
export interface BookStrand {
  readonly name: string;
  readonly link: string;
  readonly peer: string;
  readonly up: boolean;
}

/** One look. */
export interface Look {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly links: readonly BookLink[];
  readonly strands: readonly BookStrand[];
}

/** `no`: at some moment of it none could, or may not have been. `yes`: one could all the time. */
export type Usable = 'no' | 'yes' | 'unknown';

/** A time in which each look found the same. */
interface Span {
  readonly up: boolean;
  readonly from: number;
  to: number;
}

interface Strand {
  readonly link: string;
  readonly peer: string;
  readonly spans: Span[];
}

const mostSpans = 64;
const mostStrands = 4_096;
/** Looks that are further apart say nothing of the time between them. */
const blinkMs = 500;

/** See the head of this file. */
export class LinkBook {
  #links: readonly BookLink[] = [];
  readonly #strands = new Map<string, Strand>();
  readonly #looks: Span[] = [];

  /** As they were found last. */
  get links(): readonly BookLink[] {
    return this.#links;
  }

  /** Write a look down. They come in order; one of before the last is passed over. */
  add({ at, links, strands }: Look): void {
    if (at < (this.#looks.at(-1)?.to ?? 0)) return;
    this.#links = links;
    extend(this.#looks, at, true);
    const up = new Set(strands.flatMap(({ name, up }) => (up ? [name] : [])));
    for (const { name, link, peer } of strands) {
      if (!this.#strands.has(name)) this.#strands.set(name, { link, peer, spans: [] });
    }
    // One that is not there any more carries nothing.
    for (const [name, { spans }] of this.#strands) extend(spans, at, up.has(name));
    for (const name of this.#strands.keys()) {
      if (this.#strands.size <= mostStrands) break;
      this.#strands.delete(name);
    }
  }

  /** To which peer a strand leads. */
  peerOf(strand: string): string | undefined {
    return this.#strands.get(strand)?.peer;
  }

  /** Whether any of these links could be used toward a peer, or toward any, from `from` to `to`. */
  usable(links: readonly string[], peer: string | undefined, from: number, to: number): Usable {
    if (!covers(this.#looks, from, to)) return 'unknown';
    const states = [...this.#strands.values()]
      .filter((one) => links.includes(one.link) && (peer === undefined || one.peer === peer))
      .map(({ spans }) => stateIn(spans, from, to));
    return states.find((one) => one === 'yes') ?? states.find((one) => one === 'unknown') ?? 'no';
  }
}

function extend(spans: Span[], at: number, up: boolean): void {
  const last = spans.at(-1);
  if (last?.up === up && at - last.to <= blinkMs) last.to = at;
  else spans.push({ up, from: at, to: at });
  if (spans.length > mostSpans) spans.shift();
}

function stateIn(spans: readonly Span[], from: number, to: number): Usable {
  const mayBeDown = spans.some((span, at) => {
    // It went down after the look before, and came up before the next.
    const first = spans[at - 1]?.to ?? span.from;
    const last = spans[at + 1]?.from ?? span.to;
    return !span.up && first <= to && last >= from;
  });
  if (mayBeDown) return 'no';
  return covers(spans, from, to) ? 'yes' : 'unknown';
}

function covers(spans: readonly Span[], from: number, to: number): boolean {
  return spans.some((span) => span.from - blinkMs <= from && span.to + blinkMs >= to);
}
