// SPDX-License-Identifier: Apache-2.0
/**
 * The WAN links of this node: what they are now, told when they change, and
 * the ways of outer packets over them. Works in the process's own namespace.
 *
 * A lost carrier is told within the event that tells of it; everything else is
 * looked at again, once for all events of a turn, and told when the ways that
 * depend on it are right: a link that comes up has its routes.
 *
 * What it makes (routes, rules, the tunnel device) carries packets without us
 * and stays when the process ends; the next one finds it and changes only what differs.
 */
import type { SiteLink } from '../../api/site/types.js';
import type { Logger } from '../../api/log/log.js';
import { listen } from '../../bpf/netns/listen.js';
import { Netns } from '../../bpf/netns/netns.js';
import { readSetting, writeSetting } from '../links/setting.js';
import { devices } from './device.js';
import type { Link } from './link.js';
import { newsGroups, readNews, type News } from './news.js';
import { resolve } from './resolve.js';
import { settingsFor } from './settings.js';
import { steer } from './steer.js';
import { dropTunnels, tunnelDevice, type TunnelDevice } from './tunnel.js';
import { steeringOf, type Numbers, type Placed, type Routing, type Way } from './ways.js';

/** Whose underlay it is, and of what. */
export interface UnderlayOptions extends Partial<Numbers> {
  readonly log: Logger;
  /** Names our devices: two forwarders of one namespace need two names. */
  readonly forwarder: string;
  readonly links: readonly SiteLink[];
}

const defaults: Numbers = { firstTable: 8700, rulePriority: 8700 };
/** After a look that failed, if nothing else makes us look. */
const againMs = 1_000;
const loopback = 1;

/** See the head of this file. Dispose to stop looking; all that was made stays. */
export class Underlay implements Disposable {
  readonly #options: UnderlayOptions;
  readonly #netns: Netns;
  readonly #listener: Disposable;
  readonly #ids = new Map<string, number>();
  readonly #callbacks: (() => void)[] = [];
  /** Of devices, while a look is under way: what it may not have seen. */
  readonly #late = new Map<number, boolean>();
  #config: readonly SiteLink[] = [];
  #links: readonly Link[] = [];
  #placed: ReadonlyMap<number, Placed> = new Map();
  #ways: readonly Way[] | undefined;
  #routing: Routing = 'none';
  #refused = '';
  #turn: Promise<unknown> = Promise.resolve();
  #isLookWanted = false;
  #again: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(options: UnderlayOptions, netns: Netns) {
    this.#options = options;
    this.#netns = netns;
    this.#listener = listen({
      groups: newsGroups,
      onMessages: (datagram) => {
        this.#hear(readNews(datagram));
      },
      onLost: () => {
        options.log.warn({}, 'news of links were lost: looking again');
        this.#lookSoon();
      },
    });
  }

  /** Look at the links, and begin to listen. */
  static async start(options: UnderlayOptions): Promise<Underlay> {
    const underlay = new Underlay(options, await Netns.open(''));
    try {
      await underlay.setLinks(options.links);
      return underlay;
    } catch (reason) {
      underlay[Symbol.dispose]();
      throw reason;
    }
  }

  /** All links of the site, in its order, as they are now. */
  get links(): readonly Link[] {
    return this.#links;
  }

  /** How outer packets find their link at present. */
  get routing(): Routing {
    return this.#routing;
  }

  /** The site's links are others now; a link that keeps its name keeps its id. */
  setLinks(links: readonly SiteLink[]): Promise<void> {
    return this.#inLine(async () => {
      const names = new Set(links.map(({ name }) => name));
      for (const name of this.#ids.keys()) if (!names.has(name)) this.#ids.delete(name);
      for (const name of names) if (!this.#ids.has(name)) this.#ids.set(name, this.#freeId());
      this.#config = links;
      await this.#look();
    });
  }

  /**
   * Be called whenever {@link links} changed: within the event that tells of a lost carrier,
   * but for a link that came up only once its ways are there.
   */
  onChange(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /** The VXLAN device of all strands, made or found; a port that is taken is an error that names the port and who has it. */
  tunnelDevice(port: number): Promise<TunnelDevice> {
    return this.#inLine(() => tunnelDevice(this.#netns, this.#options.forwarder, port));
  }

  /** Remove tunnel devices of ours but those of these ports. */
  keepTunnels(ports: readonly number[]): Promise<void> {
    return this.#inLine(() => dropTunnels(this.#netns, this.#options.forwarder, ports));
  }

  /**
   * Make outer packets of each pair leave by its link or not at all; what was routed
   * before and is not listed is no more. What the kernel refuses of it is logged.
   */
  route(ways: readonly Way[]): Promise<void> {
    return this.#inLine(async () => {
      this.#ways = ways;
      await this.#steer(this.#placed);
    });
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#again);
    this.#listener[Symbol.dispose]();
    this.#netns[Symbol.dispose]();
  }

  #hear(news: readonly News[]): void {
    const lost = new Map<number, Partial<Link>>();
    let isRelevant = false;
    for (const one of news) {
      if (!this.#concerns(one)) continue;
      isRelevant = true;
      if (one.what !== 'link') continue;
      this.#late.set(one.index, one.up);
      const link = this.#links.find(({ ifindex }) => ifindex === one.index);
      if (link === undefined) continue;
      const isOff = one.gone || one.name !== link.config.device;
      if (isOff) lost.set(link.id, { up: false, ifindex: 0 });
      else if (!one.up) lost.set(link.id, { up: false });
    }
    this.#publish(this.#links.map((link) => ({ ...link, ...lost.get(link.id) })));
    if (isRelevant) this.#lookSoon();
  }

  #concerns(news: News): boolean {
    const isOurs = (index: number): boolean =>
      this.#links.some(({ ifindex }) => ifindex === index && index !== 0);
    switch (news.what) {
      case 'link':
        return isOurs(news.index) || this.#config.some(({ device }) => device === news.name);
      case 'address':
        return isOurs(news.index) || news.index === loopback;
      case 'route':
        return news.indexes.some(isOurs);
      case 'loss':
        return this.#ways !== undefined;
    }
  }

  /** Many events of one turn make one look; those that come while it looks, another. */
  #lookSoon(): void {
    if (this.#isLookWanted || this.#isClosed) return;
    this.#isLookWanted = true;
    setImmediate(() => {
      this.#inLine(() => this.#look()).catch((reason: unknown) => {
        if (this.#isClosed) return;
        this.#options.log.error({ err: reason }, 'links cannot be looked at: trying again');
        clearTimeout(this.#again);
        this.#again = setTimeout(() => {
          this.#lookSoon();
        }, againMs).unref();
      });
    });
  }

  async #look(): Promise<void> {
    this.#isLookWanted = false;
    if (this.#isClosed) return;
    this.#late.clear();
    const { found, loopback } = await devices(
      this.#netns,
      this.#config.map(({ device }) => device),
    );
    const links = this.#config.map((config) => {
      const id = this.#ids.get(config.name) ?? 0;
      const before = this.#links.find((link) => link.id === id);
      return resolve(id, config, found.get(config.device), loopback, before);
    });
    this.#set([...found.values()]);
    const placed = links.map((link) => [link.id, { link, device: found.get(link.config.device) }]);
    this.#placed = new Map(placed as [number, Placed][]);
    await this.#steer(this.#placed);
    // What was heard since is newer than what was seen.
    this.#publish(
      links.map((link) => ({ ...link, up: link.up && this.#late.get(link.ifindex) !== false })),
    );
  }

  #set(found: Parameters<typeof settingsFor>[0]): void {
    for (const setting of settingsFor(found, readSetting)) {
      try {
        writeSetting(setting);
        this.#options.log.info({ ...setting }, 'setting of a link');
      } catch (reason) {
        this.#options.log.warn(
          { ...setting, err: reason },
          'setting of a link cannot be written: packets may be lost',
        );
      }
    }
  }

  async #steer(placed: ReadonlyMap<number, Placed>): Promise<void> {
    if (this.#ways === undefined) return;
    const numbers = { ...defaults, ...this.#options };
    const { routing, ...wanted } = steeringOf(this.#ways, placed, numbers);
    const { done, refused } = await steer(this.#netns, wanted);
    this.#routing = routing;
    if (done.length > 0) this.#options.log.debug({ done, routing }, 'ways of links');
    const text = refused.join('; ');
    if (text !== '' && text !== this.#refused) {
      this.#options.log.error({ refused }, 'ways of links were refused: strands may not work');
    }
    this.#refused = text;
  }

  #publish(links: readonly Link[]): void {
    if (JSON.stringify(links) === JSON.stringify(this.#links)) return;
    for (const link of links) {
      const { up, ifindex, addresses, gateways, mtu, config } = link;
      const before = this.#links.find(({ id }) => id === link.id);
      if (JSON.stringify(before) === JSON.stringify(link)) continue;
      const fields = { link: config.name, device: config.device, up, ifindex, mtu };
      this.#options.log.info({ ...fields, ...addresses, gateways }, 'link');
    }
    this.#links = links;
    for (const callback of this.#callbacks) callback();
  }

  #freeId(): number {
    const used = new Set(this.#ids.values());
    let id = 1;
    while (used.has(id)) id++;
    return id;
  }

  #inLine<T>(act: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(act);
    this.#turn = run.catch(() => undefined);
    return run;
  }
}
