// SPDX-License-Identifier: Apache-2.0
/** The manager's own identity, from its own authority: it asks nobody. */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Identity, IdentitySource } from '../../api/identity/types.js';
import type { Logger } from '../../api/log/log.js';
import type { Svids } from './svids.js';

/** What {@link ownSource} works with. */
export interface OwnSourceOptions {
  readonly svids: Svids;
  /** Path of its SPIFFE ID, as it is now. */
  readonly path: () => string;
  /** Told when that is another one. */
  readonly onRules: (listener: () => void) => () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A source that has an identity from the first moment. */
export async function ownSource(options: OwnSourceOptions): Promise<IdentitySource> {
  const source = new OwnSource(options);
  await source.look();
  return source;
}

class OwnSource implements IdentitySource {
  readonly #options: OwnSourceOptions;
  readonly #listeners = new Set<() => void>();
  readonly #off: readonly (() => void)[];
  #identity: Identity | undefined;

  constructor(options: OwnSourceOptions) {
    this.#options = options;
    const again = (): void => {
      this.look().catch((reason: unknown) => {
        options.log.error({ err: reason }, 'the manager has no new identity');
      });
    };
    this.#off = [options.svids.onChange(again), options.onRules(again)];
  }

  async look(): Promise<void> {
    const { svids, path } = this.#options;
    const svid = await svids.current(path());
    const { bundles } = svids;
    if (svid === this.#identity?.svid && bundles === this.#identity.bundles) return;
    this.#identity = { svid, bundles };
    for (const listener of [...this.#listeners]) listener();
  }

  current(): Identity {
    const identity = this.#identity;
    if (identity !== undefined && identity.svid.notAfterMs > this.#options.clock.now()) {
      return identity;
    }
    const text = 'the identity of this manager has ended: its log says why there is no new one';
    throw new WireError(status.UNAVAILABLE, text);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    for (const off of this.#off) off();
    this.#listeners.clear();
  }
}
