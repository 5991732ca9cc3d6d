// SPDX-License-Identifier: Apache-2.0
/**
 * Which of the things that may be asked of this forwarder is otherwise than before. Each change is
 * counted as it is made, after it can be seen: nobody looks at everything to find it.
 */
import { randomBytes } from 'node:crypto';

/** What has a version: `GET /wires`, `/policies`, `/links` (and `/quality`), `/moves`. */
export const topics = ['wires', 'policies', 'links', 'moves'] as const;
/** One of {@link topics}. */
export type Topic = (typeof topics)[number];
/** Of each: another one, also in another life of the forwarder, where the answer may be another. */
export type Versions = Readonly<Record<Topic, string>>;

/** What one who follows the changes has; disposed, nothing more is told. */
export interface ChangeFollowing extends Disposable {
  /** As of now. */
  readonly versions: Versions;
}

/** See the head of this file. */
export class Changes {
  readonly #life = randomBytes(4).toString('hex');
  readonly #counts = new Map<Topic, number>();
  readonly #followers = new Set<() => void>();
  readonly #begin: () => Disposable | undefined;
  #begun: Disposable | undefined;

  /** `begin` is called when somebody follows, for what costs something to be followed; ended when nobody does. */
  constructor(begin: () => Disposable | undefined = () => undefined) {
    this.#begin = begin;
  }

  /** It is otherwise now. */
  count(topic: Topic): void {
    this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + 1);
    for (const follower of [...this.#followers]) follower();
  }

  version(topic: Topic): string {
    return `${this.#life}-${String(this.#counts.get(topic) ?? 0)}`;
  }

  /** Hear of each change from now on, which may be many at once: until disposed. */
  follow(changed: () => void): ChangeFollowing {
    // A function of its own for each: the same one may be given twice.
    const follower = (): void => changed();
    // What it begins with is counted before anybody hears.
    if (this.#followers.size === 0) this.#begun = this.#begin();
    this.#followers.add(follower);
    const versions = (): Versions =>
      Object.fromEntries(topics.map((topic) => [topic, this.version(topic)])) as Versions;
    return {
      get versions() {
        return versions();
      },
      [Symbol.dispose]: () => {
        if (!this.#followers.delete(follower) || this.#followers.size > 0) return;
        this.#begun?.[Symbol.dispose]();
        this.#begun = undefined;
      },
    };
  }
}
