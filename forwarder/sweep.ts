// SPDX-License-Identifier: Apache-2.0
/**
 * Removes interfaces of this forwarder that nobody knows any more, from every
 * namespace that a process is in. They are told by their alias, which names
 * the forwarder and its network namespace. One that has no alias yet is either
 * being made, which takes a moment, or its forwarder was killed just then.
 *
 * Run once at the start, after `adopt`, before Requests are served.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../api/log/log.js';
import { findLinks, findNamed } from './links/session.js';
import { aliasPrefix, type DoomedEnd, type Reaper, type Wires } from './mechanisms/kernel/index.js';
import { openPlace, placeKey, type Namespaces, type Place } from './namespaces/namespaces.js';

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
  const leftovers: DoomedEnd[] = [];
  const halfMade: HalfMade[] = [];
  const prefix = aliasPrefix(forwarder);
  const isKnown = (id: string): boolean => wires.get(id) !== undefined;
  // All are found before any is deleted: one end takes the other along.
  for (const place of await namespaces.all()) {
    try {
      using netns = await openPlace(place);
      for (const { name, alias, ...link } of await findLinks(netns)) {
        if (link.halfMade && alias === '') halfMade.push({ place, name, index: link.index });
        if (!alias.startsWith(prefix) || isKnown(alias.slice(prefix.length))) continue;
        log.info({ link: name, netns: placeKey(place.id), alias }, 'leftover swept');
        leftovers.push({ place, name, alias });
      }
    } catch (reason) {
      log.debug({ netns: placeKey(place.id), err: reason }, 'namespace not looked into');
    }
  }
  for (const { place, name } of await stillHalfMade(halfMade)) {
    log.info({ link: name, netns: placeKey(place.id) }, 'half-made leftover swept');
    leftovers.push({ place, name, alias: '' });
  }
  const settled = await Promise.allSettled(leftovers.map((end) => reaper.delete([end])));
  return settled.filter(({ status }) => status === 'fulfilled').length;
}

interface HalfMade {
  readonly place: Place;
  readonly name: string;
  readonly index: number;
}

/** Far more than a forwarder takes to give a link its alias. */
const makingMs = 1_000;

async function stillHalfMade(seen: readonly HalfMade[]): Promise<readonly HalfMade[]> {
  if (seen.length === 0) return [];
  await sleep(makingMs);
  const still = await Promise.all(seen.map(isStillHalfMade));
  return seen.filter((_, at) => still[at]);
}

async function isStillHalfMade({ place, name, index }: HalfMade): Promise<boolean> {
  try {
    using netns = await openPlace(place);
    const [link] = await findNamed(netns, [name]);
    return link?.halfMade === true && link.alias === '' && link.index === index;
  } catch {
    // Gone with its namespace, or not ours to look into.
    return false;
  }
}
