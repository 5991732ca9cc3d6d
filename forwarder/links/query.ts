// SPDX-License-Identifier: Apache-2.0
/** Asking the kernel for one end of a wire, and reading its answers. */
import type { Answer } from './batch.js';
import {
  AttrStream,
  formatLinkMessage,
  formatNeighborMessage,
  formatRouteMessage,
  formatAddressMessage,
  MessageType,
  parseAddressMessage,
  parseAttributes,
  parseLinkMessage,
  parseNeighborMessage,
  parseRouteMessage,
  parseRouteNextHop,
  putU32,
  type RouteAttrs,
} from './codec.js';
import type { FoundEnd, Neighbour, Route } from './end.js';
import { addressText, families, prefixText } from './ip.js';
import {
  addressMode,
  flags,
  halfMadeGroup,
  leastMetric,
  ownProtocol,
  sourceFilter,
  type Message,
} from './message.js';

/** A link by itself. */
export type FoundLink = Omit<FoundEnd, 'addresses' | 'failed' | 'routes' | 'neighbours'>;

const skipStatistics = putU32(8);
const mainTable = 254;
const operstateUp = 6;

/** Ask for the link of that name. */
export function linkQuery(name: string): Message {
  const out = new AttrStream();
  const attrs = { ifname: name, extMask: skipStatistics };
  formatLinkMessage({ kind: 'link', data: {}, attrs }, out);
  return { type: MessageType.GETLINK, flags: flags.request | flags.ack, body: out.bufs };
}

/** Ask for all links of the namespace. */
export function linksQuery(): Message {
  const out = new AttrStream();
  formatLinkMessage({ kind: 'link', data: {}, attrs: { extMask: skipStatistics } }, out);
  return dump(MessageType.GETLINK, out);
}

/** Ask for what belongs to the link with that index: addresses, routes of ours, neighbours. */
export function partsQueries(index: number): readonly [Message, Message, Message] {
  const addresses = new AttrStream();
  formatAddressMessage({ kind: 'address', data: { index }, attrs: {} }, addresses);
  const neighbours = new AttrStream();
  const attrs = { ifindex: putU32(index) };
  formatNeighborMessage({ kind: 'neighbor', data: {}, attrs }, neighbours);
  return [
    dump(MessageType.GETADDR, addresses),
    routesQuery({ oif: index }),
    dump(MessageType.GETNEIGH, neighbours),
  ];
}

/** Ask for routes of ours; of all links where none is named. */
export function routesQuery(attrs: { readonly oif?: number } = {}): Message {
  const routes = new AttrStream();
  const data = { table: mainTable, protocol: ownProtocol };
  formatRouteMessage({ kind: 'route', data, attrs }, routes);
  return dump(MessageType.GETROUTE, routes);
}

function dump(type: MessageType, out: AttrStream): Message {
  return { type, flags: flags.request | flags.dump, body: out.bufs };
}

/** The links in an answer. */
export function linksOf({ objects }: Answer): readonly FoundLink[] {
  return objects.map(({ data: bytes }) => {
    const { data, attrs } = parseLinkMessage(bytes);
    return {
      index: data.index ?? 0,
      name: attrs.ifname ?? '',
      mac: macText(attrs.address ?? Buffer.alloc(0)),
      alias: attrs.ifalias ?? '',
      halfMade: attrs.group === halfMadeGroup,
      mtu: attrs.mtu ?? 0,
      up: data.flags?.up ?? false,
      running: attrs.operstate === operstateUp,
      autoLinkLocal: makesLinkLocal(attrs.afSpec?.get(families.v6)),
      looseFilter: filtersLoosely(attrs.afSpec?.get(families.v4)),
      peer: attrs.link?.readUInt32LE(0) ?? 0,
    };
  });
}

/** Without IPv6 it makes none. */
function makesLinkLocal(inet6: Buffer | undefined): boolean {
  let mode = addressMode.none;
  parseAttributes(inet6 ?? Buffer.alloc(0), ({ type, data }) => {
    if (type === addressMode.attribute) mode = data.readUInt8(0);
  });
  return mode !== addressMode.none;
}

/** IFLA_INET_CONF is a row of numbers, the first of which is setting 1. */
function filtersLoosely(inet: Buffer | undefined): boolean {
  let value = 0;
  const { attribute, setting, loose } = sourceFilter;
  parseAttributes(inet ?? Buffer.alloc(0), ({ type, data }) => {
    if (type === attribute && data.length >= setting * 4)
      value = data.readUInt32LE((setting - 1) * 4);
  });
  return value === loose;
}

/** A link with its parts, from the answers to {@link partsQueries}. */
export function endOf(link: FoundLink, parts: readonly Answer[]): FoundEnd {
  const [addresses, routes, neighbours] = parts;
  const found = addresses?.objects.flatMap(({ data }) => addressOf(data, link.index)) ?? [];
  return {
    ...link,
    addresses: found.filter(({ failed }) => !failed).map(({ text }) => text),
    failed: found.filter(({ failed }) => failed).map(({ text }) => text),
    routes: routes?.objects.flatMap(({ data }) => routeOf(data, link.index)) ?? [],
    neighbours: neighbours?.objects.flatMap(({ data }) => neighbourOf(data, link.index)) ?? [],
  };
}

function addressOf(bytes: Buffer, index: number): { text: string; failed: boolean }[] {
  const { data, attrs } = parseAddressMessage(bytes);
  const address = attrs.local ?? attrs.address;
  if (data.index !== index || address === undefined) return [];
  const text = prefixText({ bytes: address, length: data.prefixlen ?? 0 });
  return [{ text, failed: (attrs.flags ?? data.flags)?.dadfailed ?? false }];
}

function routeOf(bytes: Buffer, index: number): Route[] {
  const { data, attrs } = parseRouteMessage(bytes);
  if (data.protocol !== ownProtocol) return [];
  const gateway = gatewayThrough(attrs, index);
  if (gateway === undefined) return [];
  const least = data.family === families.v4 ? leastMetric.v4 : leastMetric.v6;
  const metric = (attrs.priority ?? 0) - least;
  return [
    {
      to: destinationOf(data, attrs),
      ...(gateway === 'none' ? {} : { via: addressText(gateway) }),
      ...(metric === 0 ? {} : { metric }),
    },
  ];
}

/** Where routes of ours lead that do not go through the link with that index. */
export function takenBeside({ objects }: Answer, index: number): readonly string[] {
  return objects.flatMap(({ data: bytes }) => {
    const { data, attrs } = parseRouteMessage(bytes);
    const isOther = data.protocol === ownProtocol && gatewayThrough(attrs, index) === undefined;
    return isOther ? [destinationOf(data, attrs)] : [];
  });
}

function destinationOf({ family, dstLen = 0 }: RouteData, { dst }: RouteAttrs): string {
  const any = Buffer.alloc(family === families.v4 ? 4 : 16);
  return prefixText({ bytes: dst ?? any, length: dstLen });
}

type RouteData = ReturnType<typeof parseRouteMessage>['data'];

/** The gateway of a route through the link; IPv6 joins routes of one prefix and metric into one of several hops. */
export function gatewayThrough(attrs: RouteAttrs, index: number): Buffer | 'none' | undefined {
  if (attrs.oif === index) return attrs.gateway ?? 'none';
  let rest = attrs.multipath ?? Buffer.alloc(0);
  while (rest.length >= hopLength) {
    const { len = 0, ifindex } = parseRouteNextHop(rest.subarray(0, hopLength));
    // The one attribute of our hops is the gateway, after its own header.
    if (ifindex === index) return rest.subarray(hopLength + 4, len);
    if (len < hopLength) break;
    rest = rest.subarray(Math.ceil(len / 4) * 4);
  }
  return undefined;
}

const hopLength = 8;

function neighbourOf(bytes: Buffer, index: number): Neighbour[] {
  const { data, attrs } = parseNeighborMessage(bytes);
  const { dst, lladdr } = attrs;
  if (data.ifindex !== index || dst === undefined || lladdr === undefined) return [];
  if (data.state?.failed || data.state?.noarp) return [];
  const permanent = data.state?.permanent ?? false;
  return [{ ip: addressText(dst), mac: macText(lladdr), permanent }];
}

function macText(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
