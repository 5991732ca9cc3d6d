// SPDX-License-Identifier: Apache-2.0
/**
 * Looks at a forwarder's pinned maps again and again: which links it has, and which strands can be
 * used. Names are read once a second, states at every look. While there is nothing to look at
 * nothing is told.
 */
import { strand, type Strand } from '../../bpf/loader/layout.js';
import { index, pinnedMaps, type Maps } from '../plane/maps.js';
import { readPlane } from '../plane/read.js';
import type { Plane } from '../plane/types.js';
import type { Look } from './link-book.js';

/** How it is looked. */
export interface LinkWatchOptions {
  /** Where the maps are pinned; asked for anew each second. */
  readonly maps: () => Maps;
  readonly onLook: (look: Look) => void;
  readonly everyMs?: number;
}

const usualEveryMs = 50;
const namesEveryMs = 1_000;

/** The maps of a directory. */
export function mapsOf(directory: string): () => Maps {
  return () => pinnedMaps(directory);
}

/** See the head of this file. It looks until it is disposed. */
export class LinkWatch implements Disposable {
  readonly #options: LinkWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #maps: Maps | undefined;
  #plane: Pick<Plane, 'links' | 'strands'> | undefined;
  #named = -Infinity;

  constructor(options: LinkWatchOptions) {
    this.#options = options;
    this.look();
    this.#timer = setInterval(() => this.look(), options.everyMs ?? usualEveryMs);
  }

  /** Look now. */
  look(): void {
    try {
      this.#look();
    } catch {
      // The forwarder makes its maps anew, or has not made them yet: the next second will tell.
      this.#forget();
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#forget();
  }

  #look(): void {
    const now = performance.now();
    const fresh = now - this.#named < namesEveryMs;
    if (!fresh) {
      this.#forget();
      this.#named = now;
      this.#maps = this.#options.maps();
      this.#plane = readPlane(this.#maps).plane;
    }
    if (this.#maps === undefined || this.#plane === undefined) return;
    const { links, strands } = this.#plane;
    const map = this.#maps.map('strands');
    this.#options.onLook({
      at: Date.now(),
      links: links.map(({ name, class: of }) => ({ name, class: of })),
      strands: strands.map(({ id, name, link, peer }) => {
        const value = map.lookup(index(id));
        return { name, link, peer, up: value !== undefined && isUsed(strand.decode(value)) };
      }),
    });
  }

  #forget(): void {
    this.#maps?.[Symbol.dispose]();
    this.#maps = undefined;
    this.#plane = undefined;
  }
}

/** Not used, or left alone by some class: then a session may rightly be elsewhere. */
function isUsed({ down, silent, avoid }: Strand): boolean {
  return (down | silent | avoid) === 0;
}
