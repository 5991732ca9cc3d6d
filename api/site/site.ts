// SPDX-License-Identifier: Apache-2.0
/** Reads a `kind: Site` document: its pieces, and whether they go together. */
import { dirname, resolve } from 'node:path';
import { hostAddress } from './addresses.js';
import { contains, overlaps, parsePrefix } from '../ipam/prefix.js';
import type { Piece, SiteDocument } from './document.js';
import { metadata } from './fields.js';
import { repeated } from './repeated.js';
import { identity, type IdentityText, link, type LinkText } from './site-schema.js';
import { peer, type PeerText, siteSpec } from './site-schema.js';
import type { LinkQuality, Site, SiteGateway } from './types.js';

/** The Site; nothing where it has a mistake. */
export function readSite(document: SiteDocument): Site | undefined {
  const name = document.read(metadata, ['metadata'])?.name;
  const spec = document.read(siteSpec, ['spec']);
  const links = document.items(link, ['spec', 'links']);
  const peers = document.items(peer, ['spec', 'peers']);
  const identities = document.items(identity, ['spec', 'identities']);
  checkIdentities(document, identities);
  checkLinks(document, links);
  checkPeers(document, peers, name);
  if (spec?.links.length === 0) document.wrong(['spec', 'links'], 'at least one link');
  repeated(
    spec?.control.map((text, at) => ({ text, at })) ?? [],
    ({ text }) => text,
    ({ at }) => document.wrong(['spec', 'control', at], 'each address once'),
  );
  if (spec?.gateway !== undefined) checkGateway(document, spec.gateway);
  if (name === undefined || spec === undefined || document.mistakes.length > 0) return undefined;
  const { control, vxlanPort, gateway } = spec;
  return {
    name,
    trustDomain: spec.trustDomain ?? name,
    control,
    links: links.map(({ value }) => ({
      ...value,
      addresses: value.addresses ?? [],
      gateways: value.gateways ?? [],
      rateMbps: value.rateMbps,
      mtu: value.mtu,
      capGB: value.capGB,
      quality: toQuality(value.quality),
    })),
    peers: peers.map(({ value: { site, control: at, trustDomain, trustBundle } }) => ({
      ...{ site, control: at, trustDomain },
      trustBundle: trustBundle && resolve(dirname(document.file), trustBundle),
    })),
    identities: identities.map(({ value: { id, uid, gid, executable, cgroup } }) => ({
      ...{ id, uid, gid, executable, cgroup },
    })),
    gateway,
    vxlanPort,
  };
}

function toQuality(text: LinkText['quality']): LinkQuality | undefined {
  if (text === undefined) return undefined;
  const { intervalMs, detectionMs, holdDownMs, returnPerSecond } = text;
  return { intervalMs, detectionMs, holdDownMs, returnPerSecond };
}

/** Names that a document's links have, also of links with a mistake. */
export function linkNames(document: SiteDocument, field: 'name' | 'class'): ReadonlySet<string> {
  const names = document.indices(['spec', 'links']).map((at) => {
    const given = document.raw(['spec', 'links', at, field]);
    return given === undefined && field === 'class' ? 'best-effort' : given;
  });
  return new Set(names.filter((one) => typeof one === 'string'));
}

type Links = readonly Piece<LinkText>[];

function checkLinks(document: SiteDocument, links: Links): void {
  for (const field of ['name', 'device'] as const) {
    repeated(
      links,
      ({ value }) => value[field],
      ({ path }, _, first) =>
        document.wrong([...path, field], `one that ${fieldText(first)} does not have`),
    );
  }
  const addresses = links.flatMap(({ path, value }) =>
    (value.addresses ?? []).map((text, at) => ({ path: [...path, 'addresses', at], text })),
  );
  repeated(
    addresses,
    ({ text }) => text,
    ({ path }) => document.wrong(path, 'an address that no other link has'),
  );
  for (const { path, value } of links) {
    onePerFamily(document, [...path, 'addresses'], value.addresses ?? []);
    onePerFamily(document, [...path, 'gateways'], value.gateways ?? []);
    checkGateways(document, path, value);
    checkQuality(document, path, value);
  }
}

function checkQuality(document: SiteDocument, path: Piece<LinkText>['path'], link: LinkText) {
  if (link.capGB !== undefined && link.billing !== 'metered') {
    document.wrong([...path, 'capGB'], 'none for a flat link: `billing: metered` beside it');
  }
  const { intervalMs, detectionMs } = link.quality ?? {};
  if (intervalMs === undefined || detectionMs === undefined) return;
  if (detectionMs >= 2 * intervalMs) return;
  const least = `at least twice intervalMs (${String(2 * intervalMs)}): one lost probe is no outage`;
  document.wrong([...path, 'quality', 'detectionMs'], least);
}

function checkGateways(document: SiteDocument, path: Piece<LinkText>['path'], link: LinkText) {
  const families = new Set(link.addresses?.map(familyOf));
  for (const [at, gateway] of (link.gateways ?? []).entries()) {
    const where = [...path, 'gateways', at];
    if (link.addresses?.includes(gateway) === true) {
      document.wrong(where, 'the address of another machine');
    } else if (families.size > 0 && !families.has(familyOf(gateway))) {
      document.wrong(where, `a next hop for ${(link.addresses ?? []).join(', ')}`);
    }
  }
}

function onePerFamily(
  document: SiteDocument,
  path: Piece<unknown>['path'],
  texts: readonly string[],
) {
  repeated(
    texts.map((text, at) => ({ text, at })),
    ({ text }) => String(familyOf(text)),
    ({ at, text }) =>
      document.wrong([...path, at], `at most one of IPv${String(familyOf(text))} for each link`),
  );
}

function familyOf(text: string): 4 | 6 | undefined {
  return hostAddress(text)?.family;
}

function checkPeers(
  document: SiteDocument,
  peers: readonly Piece<PeerText>[],
  own: string | undefined,
): void {
  for (const { path, value } of peers) {
    if (value.site === own) document.wrong([...path, 'site'], 'the name of another site');
  }
  repeated(
    peers,
    ({ value }) => value.site,
    ({ path }, _, first) =>
      document.wrong([...path, 'site'], `a site that ${fieldText(first)} does not name`),
  );
  repeated(
    peers.flatMap(({ path, value }) =>
      value.control.map((text, at) => ({ path: [...path, 'control', at], text })),
    ),
    ({ text }) => text,
    ({ path }) => document.wrong(path, 'each address once: two sites cannot share one'),
  );
}

/** A rule that asks for nothing would give everybody its ID. */
function checkIdentities(document: SiteDocument, identities: readonly Piece<IdentityText>[]): void {
  for (const { path, value } of identities) {
    const { id: _, ...asked } = value;
    if (Object.values(asked).some((one) => one !== undefined)) continue;
    document.wrong(path, 'at least one of uid, gid, executable and cgroup beside the id');
  }
}

function checkGateway(document: SiteDocument, { prefixes, routes }: SiteGateway): void {
  const all = prefixes.flatMap((group, at) =>
    group.map((text, of) => {
      const single = typeof document.raw(['spec', 'gateway', 'prefixes', at]) === 'string';
      const path = ['spec', 'gateway', 'prefixes', at, ...(single ? [] : [of])];
      return { path, text, prefix: parsePrefix(text, '') };
    }),
  );
  for (const [at, { path, prefix }] of all.entries()) {
    const other = all
      .slice(0, at)
      .find((one) => one.prefix.bits === prefix.bits && overlaps(one.prefix, prefix));
    if (other !== undefined) document.wrong(path, `addresses that are not in ${other.text}`);
    if (prefix.last === prefix.first) document.wrong(path, 'a prefix of more than one address');
  }
  for (const [at, text] of routes.entries()) {
    const route = parsePrefix(text, '');
    const taken = all.find(({ prefix }) => contains(prefix, route));
    const path = ['spec', 'gateway', 'routes', at];
    if (taken !== undefined) document.wrong(path, `no addresses of wires (${taken.text})`);
  }
  repeated(
    routes.map((text, at) => ({ text, at })),
    ({ text }) => text,
    ({ at }) => document.wrong(['spec', 'gateway', 'routes', at], 'each route once'),
  );
}

function fieldText({ path }: Piece<unknown>): string {
  return `${String(path.at(-2))}[${String(path.at(-1))}]`;
}
