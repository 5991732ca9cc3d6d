// SPDX-License-Identifier: Apache-2.0
/**
 * Another site's registries as ours show them: names carry the site, and an
 * endpoint is where that site's manager is, at any of its control addresses.
 *
 * Answers are kept as long as the site's watches say so (`cached`), also while it is
 * away (`lasting`). An endpoint that is asked for by name while its site is away is
 * presumed to be there: a forwarder that was restarted finds the way of a wire that it
 * holds, and hears at the site itself that it is away. When an entry expires is left to the other site's clock: it tells us
 * what is gone.
 */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../api/chain/clock.js';
import { UnreachableError } from '../../api/errors/unreachable-error.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { peerUrl } from '../../api/grpc/address.js';
import type { Channel, Channels } from '../../api/grpc/channel.js';
import type { Logger } from '../../api/log/log.js';
import { cachedRegistries } from '../../api/registry/cached.js';
import { lasting, type Source } from '../../api/registry/lasting.js';
import type { Registries, Registry } from '../../api/registry/registry.js';
import { remoteRegistries } from '../../api/registry/remote.js';
import {
  endpointNaming,
  localName,
  nameAt,
  serviceNaming,
  type Naming,
} from '../../api/registry/site-name.js';

/** What a peer is asked with. */
export interface PeerOptions {
  readonly channels: Channels;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How one kind of entry is shown; `url` is where the site's manager is. */
interface Show<T> {
  readonly naming: Naming<T>;
  /** What to ask the other site for; nothing where it cannot have it. */
  readonly asked: (query: T, url: string) => T | undefined;
  readonly dressed: (entry: T, url: string) => T;
  /** What may be said without asking, of a query as we were asked it. */
  readonly presumed?: (query: T, url: string) => T | undefined;
}

/** See the head of this file. */
export class Peer implements Disposable {
  readonly registries: Registries & Disposable;
  readonly #site: string;
  readonly #options: PeerOptions;
  #url: string;
  #channel: Channel | undefined;
  #changed = new AbortController();
  #ended: Error | undefined;

  constructor(site: string, control: readonly string[], options: PeerOptions) {
    this.#site = site;
    this.#url = peerUrl(control);
    this.#options = { ...options, log: options.log.child({ site }) };
    const services = this.#shown<NetworkService>('services', {
      naming: serviceNaming,
      asked: (query) => query,
      dressed: (entry) => entry,
    });
    const endpoints = this.#shown<NetworkServiceEndpoint>('endpoints', {
      naming: endpointNaming,
      // A part of the URL is one of what we show, which the other site does not know.
      asked: (query, url) => (url.includes(query.url) ? { ...query, url: '' } : undefined),
      dressed: (entry, url) => ({ ...entry, url, expirationTime: undefined }),
      presumed: (query, url) => (localName(query.name) === '' ? undefined : { ...query, url }),
    });
    this.registries = cachedRegistries({ services, endpoints }, this.#options);
  }

  /** It listens at these now. */
  move(control: readonly string[]): void {
    const url = peerUrl(control);
    if (url === this.#url) return;
    this.#options.log.info({ url }, 'another site has moved');
    this.#url = url;
    this.#interrupt();
  }

  /** Watches end with `reason`. */
  end(reason: Error): void {
    this.#ended = reason;
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#interrupt();
    this.registries[Symbol.dispose]();
  }

  #interrupt(): void {
    const before = this.#changed;
    this.#changed = new AbortController();
    before.abort();
    this.#channel?.[Symbol.dispose]();
    this.#channel = undefined;
  }

  #shown<T extends { readonly name: string }>(
    kind: 'services' | 'endpoints',
    show: Show<T>,
  ): Registry<T> {
    const source = (): Source<T> => {
      if (this.#ended !== undefined) throw this.#ended;
      const url = this.#url;
      this.#channel ??= this.#options.channels.acquire(url);
      const remote = remoteRegistries(this.#channel)[kind];
      const registry = this.#translated(remote as unknown as Registry<T>, show, url);
      return { registry, changed: this.#changed.signal };
    };
    const refuse = (): Promise<never> => Promise.reject(this.#refusal());
    return { ...lasting(source), register: refuse, unregister: refuse };
  }

  #translated<T>(registry: Registry<T>, show: Show<T>, url: string): Registry<T> {
    const { naming, asked, dressed, presumed } = show;
    const explained = (reason: unknown): unknown => this.#explained(reason);
    const long = (name: string): string => nameAt(name, this.#site);
    return {
      ...registry,
      async *find(call, query, watch) {
        const question = asked(naming.renamed(query, localName), url);
        if (question === undefined) return;
        try {
          for await (const found of registry.find(call, question, watch)) {
            yield { ...found, entry: dressed(naming.renamed(found.entry, long), url) };
          }
        } catch (reason) {
          const unasked =
            watch || !(reason instanceof UnreachableError) ? undefined : presumed?.(query, url);
          if (unasked === undefined) throw explained(reason);
          yield { entry: unasked, deleted: false };
        }
      },
    };
  }

  #explained(reason: unknown): unknown {
    if (reason instanceof UnreachableError) {
      const text = `site ${this.#site} cannot be reached: ${reason.message}`;
      return new UnreachableError(text, { cause: reason });
    }
    if (!(reason instanceof WireError)) return reason;
    return new WireError(reason.code, `site ${this.#site}: ${reason.message}`, { cause: reason });
  }

  #refusal(): WireError {
    const text = `entries of site ${this.#site} are registered there`;
    return new WireError(status.PERMISSION_DENIED, text);
  }
}
