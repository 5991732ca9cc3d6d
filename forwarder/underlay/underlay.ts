// SPDX-License-Identifier: Apache-2.0
/**
 * The WAN links of this node: what they are now, told when they change, and
 * the ways of outer packets over them. Works in the process's own namespace.
 *
 * What it makes (routes, rules, the tunnel device) carries packets without us
 * and stays when the process ends; the next one finds it and changes only what differs.
 */
import type { SiteLink } from '../../api/site/types.js';
import type { Logger } from '../../api/log/log.js';
import type { Link } from './link.js';

/** How outer packets find their link. */
export type Routing = 'host-routes' | 'source-rules' | 'none';

/** A pair of outer addresses that is to go by one link. */
export interface Way {
  readonly link: Pick<Link, 'id'>;
  readonly local: string;
  readonly remote: string;
}

/** Whose underlay it is, and of what. */
export interface UnderlayOptions {
  readonly log: Logger;
  /** Names our devices: two forwarders of one namespace need two names. */
  readonly forwarder: string;
  readonly links: readonly SiteLink[];
  /** The routing table of link N has this number plus N. */
  readonly firstTable?: number;
  /** The priority of our routing rules. */
  readonly rulePriority?: number;
}

/** See the head of this file. Dispose to stop looking; all that was made stays. */
export class Underlay implements Disposable {
  /** Look at the links, and begin to listen. */
  static async start(options: UnderlayOptions): Promise<Underlay> {
    return Promise.reject(new Error(`not yet: ${options.forwarder}`));
  }

  /** All links of the site, in its order, as they are now. */
  get links(): readonly Link[] {
    return [];
  }

  /** How outer packets find their link at present. */
  get routing(): Routing {
    return 'none';
  }

  /** The site's links are others now; a link that keeps its name keeps its id. */
  async setLinks(links: readonly SiteLink[]): Promise<void> {
    return Promise.reject(new Error(`not yet: ${String(links.length)}`));
  }

  /**
   * Be called whenever {@link links} changed: within the event that tells of a lost carrier,
   * but for a link that came up only once its ways are there.
   */
  onChange(callback: () => void): void {
    void callback;
  }

  /** The VXLAN device of all strands, made or found; a port that is taken is an error that names the port and who has it. */
  async tunnelDevice(port: number): Promise<{ readonly ifindex: number; readonly name: string }> {
    return Promise.reject(new Error(`not yet: ${String(port)}`));
  }

  /** Remove tunnel devices of ours but those of these ports. */
  async keepTunnels(ports: readonly number[]): Promise<void> {
    return Promise.reject(new Error(`not yet: ${String(ports.length)}`));
  }

  /** Make outer packets of each pair leave by its link or not at all; what was routed before and is not listed is no more. */
  async route(ways: readonly Way[]): Promise<void> {
    return Promise.reject(new Error(`not yet: ${String(ways.length)}`));
  }

  [Symbol.dispose](): void {
    // not yet
  }
}
