// SPDX-License-Identifier: Apache-2.0
/** Labels of all links of a site, and the time at which each may tell something new. */
import type { Clock, Timer } from '../../api/chain/clock.js';
import { LinkLabels, type LinkFigures, type QualityLabels } from './link-labels.js';

/** See the head of this file. */
export class LinkQualities implements Disposable {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #links = new Map<string, LinkLabels>();
  #timer: Timer | undefined;

  /** `changed` is called when a label has. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** What is told of a link. */
  labelsOf(link: string): QualityLabels {
    return this.#links.get(link)?.labels ?? {};
  }

  /** Know how all links are; one that is not among them is forgotten. */
  learn(all: readonly LinkFigures[]): void {
    const names = new Set(all.map(({ name }) => name));
    for (const name of this.#links.keys()) if (!names.has(name)) this.#links.delete(name);
    const now = this.#clock.now();
    const due = all.flatMap((figures) => {
      const link = this.#links.get(figures.name) ?? new LinkLabels();
      this.#links.set(figures.name, link);
      return link.learn(figures, now) ?? [];
    });
    this.#timer?.cancel();
    this.#timer = undefined;
    if (due.length === 0) return;
    const nextMs = Math.min(...due);
    if (nextMs > 0) {
      this.#timer = this.#clock.after(nextMs, () => this.learn(all));
      return;
    }
    for (const link of this.#links.values()) link.tell(now);
    this.#changed();
    this.learn(all);
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }
}
