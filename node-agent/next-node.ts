// SPDX-License-Identifier: Apache-2.0
/**
 * Which node looks after which: all that speak of Sites and policies stand in a ring, in the order of
 * their names, and each follows the Node object of the next. So what a node has said that is gone is
 * taken away by one other, nobody has to be elected, and nothing is asked again and again.
 */
import type { Clock } from '../api/chain/clock.js';
import { informer, type Informer } from '../api/k8s/informer.js';
import { nodes } from '../api/k8s/resources.js';
import type { Cluster, KubeObject } from '../api/k8s/types.js';
import type { Logger } from '../api/log/log.js';

/** What {@link NextNode} needs. */
export interface NextNodeOptions {
  readonly cluster: Cluster;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when there is something new of the next node. */
  readonly changed: () => void;
}

/** See the head of this file; until disposed. */
export class NextNode implements Disposable {
  readonly #options: NextNodeOptions;
  #name: string | undefined;
  #followed: Informer<KubeObject> | undefined;

  constructor(options: NextNodeOptions) {
    this.#options = options;
  }

  /** The next of these nodes, where there is no such Node any more. */
  gone(speaking: ReadonlySet<string>): string | undefined {
    this.#follow(after(this.#options.node, speaking));
    const [name, followed] = [this.#name, this.#followed];
    if (name === undefined || followed?.isCurrent !== true) return undefined;
    return followed.get({ name }) === undefined ? name : undefined;
  }

  [Symbol.dispose](): void {
    this.#followed?.[Symbol.dispose]();
  }

  #follow(name: string | undefined): void {
    if (name === this.#name) return;
    this.#followed?.[Symbol.dispose]();
    this.#name = name;
    this.#followed = undefined;
    if (name === undefined) return;
    const { cluster, clock, log, changed } = this.#options;
    const fieldSelector = `metadata.name=${name}`;
    this.#followed = informer<KubeObject>(cluster, nodes, { fieldSelector, clock, log });
    this.#followed.onChange(changed);
    this.#followed.onCurrent(changed);
    void this.#followed.synced.catch(() => undefined);
  }
}

/** Round the ring; nothing where it is alone. */
function after(node: string, speaking: ReadonlySet<string>): string | undefined {
  const others = [...speaking].filter((name) => name !== node).sort();
  return others.find((name) => name > node) ?? others[0];
}
