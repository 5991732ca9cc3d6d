// SPDX-License-Identifier: Apache-2.0
/** What the values of a lab's file ask of each other. */
import { BlockList, isIPv6 } from 'node:net';
import type { LabFile, LabLink, LabSite, ShapeText } from '../types.js';
import { mtuRange } from './units.js';
import type { Path } from './yaml.js';

/** The value at a path is not valid; `of` says whether its key is meant. */
export type Wrong = (path: Path, want: string, of?: 'key' | 'value') => void;

interface End {
  readonly path: Path;
  readonly site: string;
  readonly link: LabLink;
}

/** Tell every rule that is broken. */
export function checkRules({ metadata, spec }: LabFile, wrong: Wrong): void {
  const sites = spec.sites.map((site, at) => ({ site, path: ['spec', 'sites', at] as const }));
  const ends = sites.flatMap(({ site, path }) =>
    site.links.map((link, at) => ({ path: [...path, 'links', at], site: site.name, link })),
  );
  once(
    sites.map(({ site, path }) => ({ path: [...path, 'name'], key: site.name })),
    'a name that no other site has',
    wrong,
  );
  for (const { site, path } of sites) checkSite(site, path, wrong);
  checkNamespaces(metadata.name, sites, wrong);
  for (const end of ends) checkLink(end, wrong);
  for (const cable of new Set(ends.map(({ link }) => link.cable))) {
    if (cable !== undefined)
      checkCable(
        ends.filter(({ link }) => link.cable === cable),
        wrong,
      );
  }
  const names = new Set(spec.sites.map(({ name }) => name));
  for (const { path, link, site } of ends) {
    if (link.network === undefined) continue;
    if (names.has(link.network)) {
      wrong([...path, 'network'], 'a name that no site has, for --toward names both');
    }
    const others = new Set(
      ends.filter((other) => other.link.network === link.network).map((other) => other.site),
    );
    others.delete(site);
    const only = others.size === 1 ? [...others] : [];
    checkToward(link, path, [link.network, ...only, site], wrong);
  }
  checkAddresses(ends, wrong);
}

/** A key is to stand once; the second one is told. */
function once(
  items: readonly { readonly path: Path; readonly key: string }[],
  want: string,
  wrong: Wrong,
): void {
  const seen = new Set<string>();
  for (const { path, key } of items) {
    if (seen.has(key)) wrong(path, want);
    seen.add(key);
  }
}

function checkSite({ links, clients = [], servers = [], lan }: LabSite, path: Path, wrong: Wrong) {
  once(
    links.map(({ name }, at) => ({ path: [...path, 'links', at, 'name'], key: name })),
    'a device that no other link of the site has',
    wrong,
  );
  const people = [
    ...clients.map(({ name }, at) => ({ path: [...path, 'clients', at, 'name'], key: name })),
    ...servers.map(({ name }, at) => ({ path: [...path, 'servers', at, 'name'], key: name })),
  ];
  once(people, 'a name that no other client or server of the site has', wrong);
  for (const [at, server] of servers.entries()) {
    if (lan === undefined) {
      wrong([...path, 'servers', at], 'a lan at the site: lan: {addresses: [10.60.0.1/24]}');
      continue;
    }
    if (server.addresses.length === 0) {
      wrong([...path, 'servers', at, 'addresses'], 'at least one address');
    }
    for (const [of, address] of server.addresses.entries()) {
      const there = lan.addresses.some((own) => subnet(own)(address) && ip(own) !== ip(address));
      const want = `another address in the site's lan (${lan.addresses.join(', ')})`;
      if (!there) wrong([...path, 'servers', at, 'addresses', of], want);
    }
  }
}

/** Namespaces are named after site and client, and two of them must not meet: `a-b` and client `b` of `a`. */
function checkNamespaces(
  lab: string,
  sites: readonly { readonly site: LabSite; readonly path: Path }[],
  wrong: Wrong,
): void {
  const nodes = new Set(sites.map(({ site }) => site.name));
  for (const { site, path } of sites) {
    for (const group of ['clients', 'servers'] as const) {
      for (const [at, { name }] of (site[group] ?? []).entries()) {
        const both = `${site.name}-${name}`;
        const want = `another name: ww-${lab}-${both} is the namespace of site ${both}`;
        if (nodes.has(both)) wrong([...path, group, at, 'name'], want);
      }
    }
  }
}

function checkLink({ path, link }: End, wrong: Wrong): void {
  if ((link.cable === undefined) === (link.network === undefined)) {
    wrong(path, 'either cable (two ends) or network (any number)', 'key');
  }
  if (link.mtu !== undefined && link.mtu < mtuRange.leastWithIPv6) {
    const want = `at least ${String(mtuRange.leastWithIPv6)}, or no IPv6 address: the kernel deletes those`;
    if (link.addresses.some((address) => isIPv6(ip(address)))) wrong([...path, 'mtu'], want);
  }
}

function checkCable(ends: readonly End[], wrong: Wrong): void {
  const [first, second] = ends;
  if (first === undefined) return;
  if (second === undefined) {
    wrong([...first.path, 'cable'], 'a cable that a link of another site names too');
    return;
  }
  for (const { path, link } of ends.slice(2)) {
    const want = `another cable: ${String(link.cable)} has its two ends at ${first.site} and ${second.site} (use network for more)`;
    wrong([...path, 'cable'], want);
  }
  if (first.site === second.site) wrong([...second.path, 'cable'], 'an end at another site');
  const sites = [first.site, second.site];
  for (const { path, link } of [first, second]) checkToward(link, path, sites, wrong);
  if (second.link.mtu !== undefined && (first.link.mtu ?? second.link.mtu) !== second.link.mtu) {
    wrong([...second.path, 'mtu'], `${String(first.link.mtu)}, as at the cable's other end`);
  }
  for (const field of ['delay', 'jitter', 'loss', 'rate'] as const) {
    const other = first.link[field];
    if (other === undefined || (second.link[field] ?? other) === other) continue;
    const want = `${other}, as at the cable's other end (one way: toward: {${first.site}: {${field}: ...}})`;
    wrong([...second.path, field], want);
  }
  for (const site of sites) checkSame(first, second, site, wrong);
}

/** What one end says of a direction, the other must not gainsay. */
function checkSame(first: End, second: End, site: string, wrong: Wrong): void {
  const other: ShapeText = first.link.toward?.[site] ?? {};
  const own: ShapeText = second.link.toward?.[site] ?? {};
  for (const field of ['delay', 'jitter', 'loss', 'rate'] as const) {
    if (other[field] === undefined || (own[field] ?? other[field]) === other[field]) continue;
    wrong([...second.path, 'toward', site, field], `${other[field]}, as at the cable's other end`);
  }
}

function checkToward(link: LabLink, path: Path, ways: readonly string[], wrong: Wrong): void {
  for (const way of Object.keys(link.toward ?? {})) {
    if (!ways.includes(way)) wrong([...path, 'toward', way], ways.join(' or '), 'key');
  }
}

/** On one cable or network an address stands once. */
function checkAddresses(ends: readonly End[], wrong: Wrong): void {
  once(
    ends.flatMap(({ path, link }) =>
      link.addresses.map((address, at) => ({
        path: [...path, 'addresses', at],
        key: JSON.stringify([link.cable, link.network, canonical(ip(address))]),
      })),
    ),
    'an address that no other link there has',
    wrong,
  );
}

function ip(address: string): string {
  return address.split('/')[0] ?? '';
}

function canonical(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname : address;
}

function subnet(address: string): (other: string) => boolean {
  const family = (text: string) => (isIPv6(text) ? 'ipv6' : 'ipv4');
  const list = new BlockList();
  list.addSubnet(ip(address), Number(address.split('/')[1]), family(ip(address)));
  return (other) => list.check(ip(other), family(ip(other)));
}
