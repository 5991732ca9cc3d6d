// SPDX-License-Identifier: Apache-2.0
/**
 * Removes interfaces of this forwarder that nobody knows any more, from every
 * namespace that a process is in. They are told by their alias, which names
 * the forwarder and its network namespace.
 *
 * Run once at the start, after `adopt`, before Requests are served.
 */
import type { Logger } from '../api/log/log.js';
import { findLinks } from './links/session.js';
import { aliasPrefix, type Reaper, type Wires } from './mechanisms/kernel/index.js';
import { openPlace, placeKey, type Namespaces } from './namespaces/namespaces.js';

/** Whose interfaces, and who deletes them. */
export interface SweepOptions {
  readonly forwarder: string;
  readonly namespaces: Namespaces;
  readonly wires: Wires;
  readonly reaper: Reaper;
  readonly log: Logger;
}

/** How many interfaces were removed; a namespace that cannot be looked into is left alone. */
export async function sweep(options: SweepOptions): Promise<number> {
  const { forwarder, namespaces, wires, reaper, log } = options;
  const prefix = aliasPrefix(forwarder);
  const isKnown = (id: string): boolean => wires.get(id) !== undefined;
  const going: Promise<void>[] = [];
  for (const place of await namespaces.all()) {
    try {
      using netns = await openPlace(place);
      for (const { name, alias } of await findLinks(netns)) {
        if (!alias.startsWith(prefix) || isKnown(alias.slice(prefix.length))) continue;
        log.info({ link: name, netns: placeKey(place.id), alias }, 'leftover swept');
        going.push(reaper.delete([{ place, name, alias }]));
      }
    } catch (reason) {
      log.debug({ netns: placeKey(place.id), err: reason }, 'namespace not looked into');
    }
  }
  const settled = await Promise.allSettled(going);
  return settled.filter(({ status }) => status === 'fulfilled').length;
}
