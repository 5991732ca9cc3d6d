// SPDX-License-Identifier: Apache-2.0
/** The certificate that is served now, as the Secret has it: every replica follows it. */
import type { Clock } from '../../api/chain/clock.js';
import type { Cluster } from '../../api/k8s/cluster.js';
import { informer, type Informer } from '../../api/k8s/informer.js';
import { secrets } from '../../api/k8s/resources.js';
import type { Logger } from '../../api/log/log.js';
import { textOf } from '../../api/identity/certificate.js';
import { endOf, materialIn, type SecretObject } from './material.js';

/** What a TLS server shows, in PEM. */
export interface Serving {
  readonly cert: string;
  readonly key: string;
  /** In milliseconds since 1970. */
  readonly endMs: number;
}

/** What it works with. */
export interface FollowerOptions {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly secret: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** See the head of this file. */
export class Follower implements Disposable {
  readonly #secret: Informer<SecretObject>;
  readonly #options: FollowerOptions;
  readonly #listeners = new Set<(serving: Serving) => void>();
  #serving: Serving | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    const { cluster, namespace, secret, clock, log } = options;
    const which = { namespace, fieldSelector: `metadata.name=${secret}` };
    this.#secret = informer<SecretObject>(cluster, secrets, { ...which, clock, log });
    this.#secret.onChange(({ type, object }) => {
      // Without the Secret the old one is served until the leader has made another.
      if (type !== 'deleted') this.#take(object);
    });
  }

  /** Nothing before the first one. */
  get serving(): Serving | undefined {
    return this.#serving;
  }

  /** The first one that has not ended; rejects with the signal's reason. */
  async first(signal?: AbortSignal): Promise<Serving> {
    const { clock } = this.#options;
    return await new Promise((resolve, reject) => {
      const look = (): void => {
        const serving = this.#serving;
        if (serving === undefined || serving.endMs <= clock.now()) return;
        this.#listeners.delete(look);
        signal?.removeEventListener('abort', stop);
        resolve(serving);
      };
      const stop = (): void => {
        this.#listeners.delete(look);
        reject(signal?.reason as Error);
      };
      if (signal?.aborted === true) {
        stop();
        return;
      }
      signal?.addEventListener('abort', stop, { once: true });
      this.#listeners.add(look);
      look();
    });
  }

  /** Told of each other one. */
  onChange(listener: (serving: Serving) => void): void {
    this.#listeners.add(listener);
  }

  /** Told of all that happens to the Secret; returns how to stop. */
  onSecret(listener: () => void): () => void {
    return this.#secret.onChange(listener);
  }

  [Symbol.dispose](): void {
    this.#listeners.clear();
    this.#secret[Symbol.dispose]();
  }

  #take(secret: SecretObject): void {
    const material = materialIn(secret);
    if (material === undefined) {
      this.#options.log.warn({ secret: secret.metadata.name }, 'the Secret holds no certificate');
      return;
    }
    const { certificate: cert, key } = textOf(material.serving);
    if (cert === this.#serving?.cert) return;
    this.#serving = { cert, key, endMs: endOf(material.serving.certificate) };
    for (const listener of [...this.#listeners]) listener(this.#serving);
  }
}
