// SPDX-License-Identifier: Apache-2.0
/**
 * Sysctls of the devices that links are on. They stay when we end: nobody can
 * tell who set them.
 *
 * IPv4: the higher of the setting for all devices and the device's own counts,
 * so only the devices' are written, and only where what counts would lose packets.
 *
 * IPv6: a gateway that was silent is not asked for again as long as there is
 * another route, which for us is the one to nowhere, but every so many seconds (60).
 */
import { contains } from '../links/ip.js';
import type { Setting } from '../links/setting.js';
import type { Device } from './device.js';

/** Accept what comes in if the sender is reachable at all: answers to one link's packets may come in by another. */
const loose = '2';

/** What is to be written for these devices; `read` gives a present value, or nothing where there is no such setting. */
export function settingsFor(
  devices: readonly Device[],
  read: (name: string) => string | undefined,
): readonly Setting[] {
  return devices.flatMap(({ name, ...device }) => {
    const counts = (what: string): number =>
      Math.max(Number(read(path('all', what)) ?? 0), Number(read(path(name, what)) ?? 0));
    const settings: Setting[] = [];
    if (counts('rp_filter') === 1) settings.push({ name: path(name, 'rp_filter'), value: loose });
    const probing = `net/ipv6/conf/${name}/router_probe_interval`;
    if (Number(read(probing) ?? 0) > 1) settings.push({ name: probing, value: '1' });
    // Beside another link in one network, each must answer for its own addresses alone.
    if (devices.some((other) => other.name !== name && isBeside(device, other))) {
      const own = { arp_ignore: 1, arp_announce: 2 };
      for (const [what, least] of Object.entries(own)) {
        if (counts(what) < least) settings.push({ name: path(name, what), value: String(least) });
      }
    }
    return settings;
  });
}

function path(device: string, what: string): string {
  return `net/ipv4/conf/${device}/${what}`;
}

/** Whether an address of one lies in a network of the other. ARP is IPv4's alone. */
function isBeside(one: Pick<Device, 'addresses'>, other: Pick<Device, 'addresses'>): boolean {
  return one.addresses.some(
    ({ prefix }) =>
      prefix.bytes.length === 4 &&
      other.addresses.some((there) => contains(there.prefix, prefix) && there.prefix.length < 32),
  );
}
