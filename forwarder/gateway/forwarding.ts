// SPDX-License-Identifier: Apache-2.0
/**
 * The node as a router. It stays one when nobody wishes it any more: others may
 * rely on it by then, and nobody can tell.
 */
import { families, parsePrefix } from '../links/ip.js';
import type { Setting } from '../links/setting.js';
import type { GatewayWish } from './wish.js';

/** Present settings, below /proc/sys. */
export interface Settings {
  readonly read: (name: string) => string | undefined;
  /** The names in a folder. */
  readonly list: (folder: string) => readonly string[];
}

const forward4 = 'net/ipv4/ip_forward';
const devices6 = 'net/ipv6/conf';
const forward6 = `${devices6}/all/forwarding`;

/** What is to be written, in order, for packets of all wishes to be forwarded. */
export function forwardingFor(
  wishes: readonly GatewayWish[],
  { read, list }: Settings,
): readonly Setting[] {
  const prefixes = wishes.flatMap((wish) => wish.prefixes);
  const has = (family: number): boolean =>
    prefixes.some((text) => parsePrefix(text)?.family === family);
  const settings: Setting[] = [];
  if (has(families.v4) && read(forward4) !== '1') settings.push({ name: forward4, value: '1' });
  if (has(families.v6) && read(forward6) !== '1') {
    // A router forgets what it learned from other routers, unless it was told before to go on listening to them.
    const learning = list(devices6)
      .filter((device) => !['all', 'default', 'lo'].includes(device))
      .map((device) => `${devices6}/${device}/accept_ra`)
      .filter((name) => read(name) === '1');
    settings.push(...learning.map((name) => ({ name, value: '2' })));
    settings.push({ name: forward6, value: '1' });
  }
  return settings;
}
