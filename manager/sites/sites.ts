// SPDX-License-Identifier: Apache-2.0
/**
 * The manager's own site and its peers, as the site's files say now.
 *
 * A peer that is changed keeps its watches, which are opened again where it is now;
 * those of a peer that is removed end. Without files there are no other sites.
 */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import { parseAddress, placeOf } from '../../api/grpc/address.js';
import type { Channels } from '../../api/grpc/channel.js';
import { isOwnControl } from '../../api/grpc/control.js';
import type { Logger } from '../../api/log/log.js';
import type { Registries } from '../../api/registry/registry.js';
import type { NetworkServiceDocument, Site } from '../../api/site/types.js';
import { Peer } from './peer.js';

/** What of a site's files the manager goes by. */
export interface SiteText {
  readonly site: Pick<Site, 'name' | 'control' | 'peers'> &
    Partial<Pick<Site, 'trustDomain' | 'identities'>>;
  readonly networkServices: readonly NetworkServiceDocument[];
}

/** The site's files, followed; `SiteWatch` of api/site is one. */
export interface SiteSource {
  readonly current: SiteText;
  onChange(changed: (files: SiteText) => void): void;
}

/** What peers are asked with. */
export interface SitesOptions {
  /** Nothing where there is no site file. */
  readonly source: SiteSource | undefined;
  /** Needed where there is one. */
  readonly ask?: { readonly channels: Channels };
  readonly clock: Clock;
  readonly log: Logger;
}

/** See the head of this file. */
export class Sites implements Disposable {
  readonly #options: SitesOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #isOwnControl: (hostPort: string) => boolean;

  constructor(options: SitesOptions) {
    this.#options = options;
    this.#isOwnControl = isOwnControl(options.source);
    options.source?.onChange(() => {
      this.#follow();
    });
  }

  /** The name of our own site. */
  get own(): string | undefined {
    return this.#options.source?.current.site.name;
  }

  /** Whether a call that came in there is another site's. */
  isControl(listenUrl: string | undefined): boolean {
    if (listenUrl?.startsWith('tcp:') !== true) return false;
    return this.#isOwnControl(placeOf(parseAddress(listenUrl)));
  }

  /** What another site has registered, under the names we know it by; NOT_FOUND names the sites there are. */
  registriesOf(site: string): Registries {
    const known = this.#peers.get(site);
    if (known !== undefined) return known.registries;
    const control = this.#controlOf(site);
    const { ask, clock, log } = this.#options;
    if (control === undefined || ask === undefined) throw this.#unknown(site);
    const peer = new Peer(site, control, { ...ask, clock, log });
    this.#peers.set(site, peer);
    return peer.registries;
  }

  [Symbol.dispose](): void {
    for (const peer of this.#peers.values()) peer[Symbol.dispose]();
    this.#peers.clear();
  }

  #follow(): void {
    for (const [site, peer] of [...this.#peers]) {
      const control = this.#controlOf(site);
      if (control !== undefined) {
        peer.move(control);
        continue;
      }
      this.#peers.delete(site);
      peer.end(this.#unknown(site));
    }
  }

  #controlOf(site: string): readonly string[] | undefined {
    const peers = this.#options.source?.current.site.peers ?? [];
    return peers.find((peer) => peer.site === site)?.control;
  }

  #unknown(site: string): WireError {
    const named = JSON.stringify(site);
    if (this.own === undefined) {
      const text = `site ${named} is not known: this manager has no site file (WANWIRE_SITE_FILE)`;
      return new WireError(status.NOT_FOUND, text);
    }
    const peers = this.#options.source?.current.site.peers.map((peer) => peer.site) ?? [];
    const listed = peers.length === 0 ? 'no others' : peers.join(', ');
    const text = `site ${named} is not known: this is site ${this.own}, whose file (spec.peers) names ${listed}`;
    return new WireError(status.NOT_FOUND, text);
  }
}
