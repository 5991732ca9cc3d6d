// SPDX-License-Identifier: Apache-2.0
/** Tells those who follow how good each link is: when its state changes, and every ten seconds where a figure did. */
import type { QualityNews } from '../operator/quality-answer.js';
import type { Link } from '../underlay/link.js';
import { figuresOf, type FigureStrand } from './figures.js';

/** What {@link LinkNews} looks at. */
export interface LinkNewsOptions {
  readonly links: () => readonly Link[];
  readonly strands: () => readonly FigureStrand[];
  readonly now: () => number;
}

const figuresEveryMs = 10_000;

/** See the head of this file. */
export class LinkNews {
  readonly #options: LinkNewsOptions;
  readonly #followers = new Set<(news: QualityNews) => void>();
  #toldMs = -Infinity;
  #states = '';
  #figures = '';

  constructor(options: LinkNewsOptions) {
    this.#options = options;
  }

  /** Hear what is so now, and what changes; until disposed. */
  follow(told: (news: QualityNews) => void): Disposable {
    this.#followers.add(told);
    told(this.#now());
    return { [Symbol.dispose]: () => void this.#followers.delete(told) };
  }

  /** Look whether there is anything to tell. */
  look(): void {
    if (this.#followers.size === 0) return;
    const news = this.#now();
    const states = JSON.stringify(news.links.map(({ name, state }) => [name, state]));
    if (states === this.#states) {
      if (news.at - this.#toldMs < figuresEveryMs && news.at >= this.#toldMs) return;
      if (JSON.stringify(news.links) === this.#figures) return;
    }
    this.#toldMs = news.at;
    this.#states = states;
    this.#figures = JSON.stringify(news.links);
    for (const told of this.#followers) told(news);
  }

  #now(): QualityNews {
    const { links, strands, now } = this.#options;
    const all = strands();
    return { at: now(), links: links().map((link) => linkNews(link, all)) };
  }
}

/** Of a link that no wire uses nothing is known but whether it is there. */
function linkNews({ config: { name }, up }: Link, all: readonly FigureStrand[]) {
  const own = all.filter(({ link }) => link === name);
  if (own.length === 0) {
    const state = up ? ('up' as const) : ('down' as const);
    return { name, state, rttMs: null, jitterMs: null, lossPercent: null };
  }
  const { state, rttMs = null, jitterMs = null, lossPercent = null } = figuresOf(own);
  return { name, state, rttMs, jitterMs, lossPercent };
}
