// SPDX-License-Identifier: Apache-2.0
/** A link of the site's file on the device that is there. Pure; held by `resolve.test.ts`. */
import type { SiteLink } from '../../api/site/types.js';
import { addressText, contains, families, parsePrefix, type Prefix } from '../links/ip.js';
import type { Device, DeviceAddress } from './device.js';
import type { Link } from './link.js';

/** One text a family. */
type Pair = Link['addresses'];

/**
 * The link as it is. What a device that is down or gone cannot say stays as it
 * was said last: the kernel takes addresses and routes away with the device, and
 * a strand between the same addresses is the same strand when it comes back.
 */
export function resolve(
  id: number,
  config: SiteLink,
  device: Device | undefined,
  loopback: readonly DeviceAddress[],
  before: Link | undefined,
): Link {
  const up = device?.up ?? false;
  const last = up || before?.config.device !== config.device ? undefined : before;
  const addresses = addressesOf(config, device, loopback);
  const gateways = gatewaysOf(config, device);
  const mtu = Math.min(config.mtu ?? Infinity, device?.mtu ?? last?.mtu ?? Infinity);
  return {
    id,
    config,
    ifindex: device?.index ?? 0,
    up,
    ...(device?.bare && { bare: true }),
    addresses: { ...kept(last?.addresses, config.addresses), ...addresses },
    gateways: { ...kept(last?.gateways, config.gateways), ...gateways },
    mtu: Number.isFinite(mtu) ? mtu : 0,
  };
}

/** How packets for an address go by the device: by the most exact of its routes, the file's gateway in the place of its default routes. */
export function hopTo(
  to: Prefix,
  { gateways }: Pick<Link, 'gateways'>,
  device: Pick<Device, 'routes'>,
): { readonly via?: string } {
  const [exact] = device.routes
    .filter((route) => route.to.length > 0 && contains(route.to, to))
    .toSorted((a, b) => b.to.length - a.to.length || a.metric - b.metric);
  const gateway = to.family === families.v4 ? gateways.v4 : gateways.v6;
  // Without any: a line with nothing but the other end on it.
  const via = exact === undefined ? gateway : exact.via;
  return via === undefined || via === addressText(to.bytes) ? {} : { via };
}

function addressesOf(
  config: SiteLink,
  device: Device | undefined,
  loopback: readonly DeviceAddress[],
): Pair {
  const own = device?.addresses ?? [];
  if (config.addresses.length > 0) {
    // One that nobody has cannot be sent from.
    const there = new Set([...own, ...(device === undefined ? [] : loopback)].map((a) => a.text));
    return byFamily(config.addresses.filter((text) => there.has(text)));
  }
  return byFamily(own.filter(({ isLasting }) => isLasting).map(({ text }) => text));
}

function gatewaysOf(config: SiteLink, device: Device | undefined): Pair {
  const defaults = (device?.routes ?? [])
    .filter(({ to }) => to.length === 0)
    .toSorted((a, b) => a.metric - b.metric)
    .flatMap(({ via }) => via ?? []);
  return { ...byFamily(defaults), ...byFamily(config.gateways) };
}

/** Of what was known, what the file still allows. */
function kept(before: Pair | undefined, given: readonly string[]): Pair {
  if (before === undefined) return {};
  return given.length === 0
    ? before
    : byFamily(Object.values(before).filter((a) => given.includes(a)));
}

function byFamily(texts: readonly string[]): Pair {
  const v4 = texts.find((text) => familyOf(text) === families.v4);
  const v6 = texts.find((text) => familyOf(text) === families.v6);
  return { ...(v4 === undefined ? {} : { v4 }), ...(v6 === undefined ? {} : { v6 }) };
}

function familyOf(text: string): number | undefined {
  return parsePrefix(text)?.family;
}
