// SPDX-License-Identifier: Apache-2.0
/** The phases of the demo, one after the other without a gap, and what happened between them. */
import { after, before, linkOf, others, type MeshRules } from './files.js';
import type { Mark } from './plot.js';
import type { Phase } from './tally.js';

/** The app's users; those the policy does not name are others. */
export const users = ['boss', 'minion', 'guest'] as const;

type May = Phase['may'];

/** Where each user's requests must be by the rules. */
export function byRules({ boss, minion }: MeshRules): May {
  return { boss: [linkOf(boss)], minion: [linkOf(minion)], guest: [linkOf(others)] };
}

/** All on one link: the other is cut. */
export function allOn(link: string): May {
  return Object.fromEntries(users.map((user) => [user, [link]]));
}

/** While one is changed into the other, either is right. */
export function either(one: May, other: May): May {
  return Object.fromEntries(
    users.map((user) => [user, [...new Set([...(one[user] ?? []), ...(other[user] ?? [])])]]),
  );
}

/** Where requests must be as the rules begin, and after the swap. */
export const rightBefore = byRules(before);
/** See {@link rightBefore}. */
export const rightAfter = byRules(after);

/** See the head of this file. */
export class Timeline {
  readonly beganMs = nowMs();
  readonly marks: Mark[] = [];
  readonly #phases: Phase[] = [];

  /** A phase in which nothing changes. */
  settled(name: string, may: May): void {
    this.#begin({ name, may, changing: false });
  }

  /** A phase in which something does; `text` stands in the plot. */
  changing(name: string, may: May, text = ''): void {
    this.#begin({ name, may, changing: true });
    if (text !== '') this.marks.push({ second: this.second(nowMs()), text });
  }

  /** All phases; the last one goes on until now. */
  get phases(): readonly Phase[] {
    return this.#phases.map((phase) => (phase.toMs === Infinity ? this.#closed(phase) : phase));
  }

  /** A phase by its name. */
  phase(name: string): Phase {
    const found = this.phases.find((one) => one.name === name);
    if (found === undefined) throw new Error(`there is no phase ${name}`);
    return found;
  }

  /** Seconds since the beginning. */
  second(atMs: number): number {
    return (atMs - this.beganMs) / 1000;
  }

  #begin(phase: Omit<Phase, 'fromMs' | 'toMs'>): void {
    const last = this.#phases.at(-1);
    const fromMs = nowMs();
    if (last !== undefined) this.#phases.splice(-1, 1, { ...last, toMs: fromMs });
    this.#phases.push({ ...phase, fromMs, toMs: Infinity });
  }

  #closed(phase: Phase): Phase {
    return { ...phase, toMs: nowMs() };
  }
}

/** Milliseconds since the epoch, as the app tells them. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
