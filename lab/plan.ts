// SPDX-License-Identifier: Apache-2.0
/**
 * What a lab is made of: namespaces, places, LANs and cables, with the names and
 * numbers of their devices.
 *
 * Every link is a veth from the site's node into a namespace of the lab's own
 * (`wires`), for the whole life of the lab. There its end is joined to the other
 * end of the cable, which is another site's, or a port of a network's bridge (in
 * a namespace of its own). So a link can be shaped, pulled and mended without its
 * device in the node changing anything but its carrier.
 */
import { mtuRange } from './file/units.js';
import type { LabFile, LabLink, LabSite } from './types.js';

/** A namespace that somebody of a site is in. */
export interface PlacePlan {
  /** `edge`, `edge/client`. */
  readonly place: string;
  readonly kind: 'node' | 'client' | 'server';
  readonly netns: string;
}

/** One end of a cable. */
export interface EndPlan {
  /** What it belongs to: a site, or a network. */
  readonly side: string;
  /** `edge/wan0`, or the network's name. */
  readonly link: string;
  /** The device that belongs to the site, or is the bridge's port. */
  readonly device: string;
  readonly netns: string;
  readonly addresses: readonly string[];
  readonly mtu: number;
  /** The other end of that veth, in the lab's own namespace. */
  readonly hidden: string;
  /** The hidden device's index: the cable's two differ in the last bit. */
  readonly index: number;
  /** The relay's device for this end, while there is a relay; its index is the hidden one's with bit 16 set. */
  readonly tap: string;
}

/** Two ends; direction 0 leads from the first to the second. */
export interface CablePlan {
  /** Names its state; such as `c0`. */
  readonly id: string;
  readonly ends: readonly [EndPlan, EndPlan];
  /** The second end is a bridge's port. */
  readonly network: string | undefined;
  /** What the directions' aims are called: of each end its side; of a network with one other site that site too. */
  readonly names: readonly [readonly string[], readonly string[]];
  /** What the file says of the links at its ends. */
  readonly links: readonly LabLink[];
}

/** A site's LAN: the node's device `lan0`, and a server's `eth0` for each server. */
export interface LanPlan {
  readonly node: string;
  readonly addresses: readonly string[];
  readonly servers: readonly { readonly netns: string; readonly addresses: readonly string[] }[];
  /** Where its bridge is, if it needs one: a single server's cable is straight. */
  readonly bridge: string | undefined;
}

/** See the head of this file. */
export interface Plan {
  readonly name: string;
  /** The namespace where the cables' hidden ends are. */
  readonly wires: string;
  readonly places: readonly PlacePlan[];
  /** Namespaces with a bridge in each, named after the network. */
  readonly bridges: readonly string[];
  readonly cables: readonly CablePlan[];
  readonly lans: readonly LanPlan[];
}

/** The first index of a hidden end; those of the kernel's own choosing are below. */
const firstIndex = 0x400;
/** Of an index: the other end of the cable; this end at the relay. bpf/progs/cable.bpf.c has the same. */
const [otherEnd, atRelay] = [1, 0x10000];

/** The index of an end's TAP. */
export function tapIndex(end: EndPlan): number {
  return end.index ^ atRelay;
}

/** What a checked file asks for. */
export function planOf({ metadata: { name }, spec: { sites } }: LabFile): Plan {
  const prefix = `ww-${name}`;
  const cables = cablesOf(sites, prefix);
  const lans = sites.filter(({ lan }) => lan !== undefined).map((site) => lanOf(site, prefix));
  const networks = new Set(cables.flatMap(({ network }) => network ?? []));
  return {
    name,
    wires: `${prefix}.wires`,
    places: sites.flatMap((site) => placesOf(site, prefix)),
    bridges: [
      ...[...networks].map((network) => bridgeOf(prefix, network)),
      ...lans.flatMap(({ bridge }) => bridge ?? []),
    ],
    cables,
    lans,
  };
}

/** Every namespace there is to be. */
export function namespacesOf({ wires, bridges, places }: Plan): string[] {
  return [wires, ...bridges, ...places.map(({ netns }) => netns)];
}

function placesOf({ name, clients = [], servers = [] }: LabSite, prefix: string): PlacePlan[] {
  const behind = (kind: 'client' | 'server') => (who: { readonly name: string }) => ({
    place: `${name}/${who.name}`,
    kind,
    netns: `${prefix}-${name}-${who.name}`,
  });
  return [
    { place: name, kind: 'node', netns: `${prefix}-${name}` },
    ...clients.map(behind('client')),
    ...servers.map(behind('server')),
  ];
}

/** No site's or client's name has a dot in it. */
function bridgeOf(prefix: string, network: string): string {
  return `${prefix}.net-${network}`;
}

function lanOf({ name, lan, servers = [] }: LabSite, prefix: string): LanPlan {
  return {
    node: `${prefix}-${name}`,
    addresses: lan?.addresses ?? [],
    servers: servers.map((server) => ({
      netns: `${prefix}-${name}-${server.name}`,
      addresses: server.addresses,
    })),
    bridge: servers.length === 1 ? undefined : `${prefix}.lan-${name}`,
  };
}

interface Attached {
  readonly site: string;
  readonly link: LabLink;
}

function cablesOf(sites: readonly LabSite[], prefix: string): CablePlan[] {
  const all: Attached[] = sites.flatMap(({ name, links }) =>
    links.map((link) => ({ site: name, link })),
  );
  const cables: CablePlan[] = [];
  for (const [at, near] of all.entries()) {
    const { cable, network } = near.link;
    const far = all.findIndex(
      ({ link }, other) => other !== at && cable !== undefined && link.cable === cable,
    );
    // The other end has made it.
    if (far >= 0 && far < at) continue;
    const number = cables.length;
    const partner = all[far];
    const second =
      partner === undefined
        ? portEnd(network ?? '', number, near.link, prefix)
        : siteEnd(partner, number, 1, partner.link.mtu ?? near.link.mtu, prefix);
    const others = new Set(
      all
        .filter(({ link, site }) => link.network === network && site !== near.site)
        .map(({ site }) => site),
    );
    const only = partner === undefined && others.size === 1 ? [...others] : [];
    cables.push({
      id: `c${String(number)}`,
      ends: [siteEnd(near, number, 0, near.link.mtu ?? partner?.link.mtu, prefix), second],
      names: [[near.site], [second.side, ...only]],
      network: partner === undefined ? network : undefined,
      links: [near.link, ...(partner === undefined ? [] : [partner.link])],
    });
  }
  return cables;
}

function siteEnd(
  { site, link }: Attached,
  number: number,
  side: 0 | 1,
  mtu: number = mtuRange.plain,
  prefix: string,
): EndPlan {
  return {
    side: site,
    link: `${site}/${link.name}`,
    device: link.name,
    netns: `${prefix}-${site}`,
    addresses: link.addresses,
    mtu,
    ...hidden(number, side),
  };
}

function portEnd(
  network: string,
  number: number,
  { mtu = mtuRange.plain }: LabLink,
  prefix: string,
): EndPlan {
  return {
    side: network,
    link: network,
    device: `port${String(number)}`,
    netns: bridgeOf(prefix, network),
    addresses: [],
    mtu,
    ...hidden(number, 1),
  };
}

function hidden(number: number, side: 0 | 1) {
  const letter = side === 0 ? 'a' : 'b';
  return {
    hidden: `c${String(number)}${letter}`,
    tap: `t${String(number)}${letter}`,
    index: (firstIndex + 2 * number) ^ (side * otherEnd),
  };
}
