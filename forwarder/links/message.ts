// SPDX-License-Identifier: Apache-2.0
/** Operations as route-netlink messages. Pure; held by `message.test.ts` as bytes. */
import {
  AttrStream,
  formatAddressMessage,
  formatInfo,
  formatLink,
  formatLinkAttrs,
  formatLinkMessage,
  formatNeighborMessage,
  formatRouteMessage,
  formatVethInfo,
  MessageType,
  putU32,
  type LinkAttrs,
  type RouteProtocol,
} from './codec.js';
import type { Neighbour, Route } from './end.js';
import { flags, type Message } from './frame.js';
import { hostRouteMessage, sourceRuleMessage } from './host-route.js';
import { families, parsePrefix, type Prefix } from './ip.js';
import type { LinkChange, NewEnd, Operation } from './operation.js';
import { vxlanMessage } from './vxlan.js';

export { flags, type Message };

/** Routes and neighbours of ours carry it (an `rtm_protocol`): 'W'. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the package's enum knows only the registered ones
export const ownProtocol = 87 as RouteProtocol;

/** The least metric of routes of ours. IPv6 ones go before the 1024 of others, instead of being joined with them. */
export const leastMetric = { v4: 0, v6: 512 } as const;

/** Ours alone: a link is in it until it has its alias, which the kernel does not take at once with its name. */
export const halfMadeGroup = 0x57_57_00_58;

const change = flags.request | flags.ack;

/** IFLA_INET6_ADDR_GEN_MODE and IN6_ADDR_GEN_MODE_* of linux/if_link.h. */
export const addressMode = { attribute: 8, none: 1 };

/** IFLA_INET_CONF of linux/if_link.h, IPV4_DEVCONF_RP_FILTER of linux/ip.h, and the loose one of its values. */
export const sourceFilter = { attribute: 1, setting: 8, loose: 2 };

/** The message for an operation; `farFd` is the descriptor of the namespace of a new veth's far end. */
export function message(operation: Operation, farFd = -1): Message {
  const out = new AttrStream();
  const done = (type: MessageType, more = 0): Message => ({
    type,
    flags: change | more,
    body: out.bufs,
  });
  switch (operation.op) {
    case 'add-veth':
      addVeth(out, operation.near, operation.far, farFd);
      return done(MessageType.NEWLINK, flags.create | flags.excl);
    case 'set-link': {
      const { up, ...attrs } = operation.change;
      const flag = up ? { flags: { up }, change: { up } } : {};
      const data = { index: operation.index, ...flag };
      formatLinkMessage({ kind: 'link', data, attrs: linkAttrs(attrs) }, out);
      return done(MessageType.SETLINK);
    }
    case 'delete-link':
      formatLinkMessage({ kind: 'link', data: { index: operation.index }, attrs: {} }, out);
      return done(MessageType.DELLINK);
    case 'delete-group':
      formatLinkMessage({ kind: 'link', data: {}, attrs: { group: operation.group } }, out);
      return done(MessageType.DELLINK);
    case 'add-address':
    case 'delete-address':
      address(out, operation.index, prefix(operation.address));
      return operation.op === 'add-address'
        ? done(MessageType.NEWADDR, flags.create | flags.replace)
        : done(MessageType.DELADDR);
    case 'add-route':
    case 'delete-route':
      route(out, operation.index, operation.route);
      // Neither exclusive nor replacing: another's route to the same prefix stays, behind ours.
      return operation.op === 'add-route'
        ? done(MessageType.NEWROUTE, flags.create)
        : done(MessageType.DELROUTE);
    case 'add-neighbour':
    case 'delete-neighbour':
      neighbour(out, operation.index, operation.neighbour);
      return operation.op === 'add-neighbour'
        ? done(MessageType.NEWNEIGH, flags.create | flags.replace)
        : done(MessageType.DELNEIGH);
    case 'add-vxlan':
      return vxlanMessage(operation.device);
    case 'add-host-route':
    case 'delete-host-route':
      return hostRouteMessage(operation);
    case 'add-source-rule':
    case 'delete-source-rule':
      return sourceRuleMessage(operation);
  }
}

/** The bytes of `02:00:5e:10:00:01`. */
export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

function linkAttrs({ mac, mtu, alias, group, ...change }: LinkChange): LinkAttrs {
  const ofFamilies = new Map<number, Buffer>();
  if (change.looseFilter) ofFamilies.set(families.v4, looseFilter());
  if (change.noLinkLocal) ofFamilies.set(families.v6, noAddresses());
  return {
    ...(mac === undefined ? {} : { address: macBytes(mac) }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(alias === undefined ? {} : { ifalias: alias }),
    ...(group === undefined ? {} : { group }),
    ...(ofFamilies.size === 0 ? {} : { afSpec: ofFamilies }),
  };
}

/** IFLA_INET_CONF: rp_filter loose. */
function looseFilter(): Buffer {
  const setting = new AttrStream();
  setting.push(sourceFilter.setting, putU32(sourceFilter.loose));
  const out = new AttrStream();
  out.push(sourceFilter.attribute, bytesOf(setting));
  return bytesOf(out);
}

/** IFLA_INET6_ADDR_GEN_MODE: none. */
function noAddresses(): Buffer {
  const out = new AttrStream();
  out.push(addressMode.attribute, Buffer.of(addressMode.none));
  return bytesOf(out);
}

function addVeth(out: AttrStream, near: NewEnd, far: NewEnd, farFd: number): void {
  const peer = new AttrStream();
  peer.emit(formatLink({ index: far.index }));
  peer.emit(formatLinkAttrs({ ifname: far.name, ...attrsOf(far), netNsFd: farFd }));
  const info = new AttrStream();
  info.emit(formatInfo({ kind: 'veth', data: joined(formatVethInfo({ peer: bytesOf(peer) })) }));
  const attrs = { ifname: near.name, ...attrsOf(near), linkinfo: bytesOf(info) };
  formatLinkMessage({ kind: 'link', data: { index: near.index }, attrs }, out);
}

function attrsOf({ mac, mtu, group = 0 }: NewEnd): LinkAttrs {
  return linkAttrs({ mac, mtu, ...(group === 0 ? {} : { group }) });
}

function address(out: AttrStream, index: number, { family, bytes, length }: Prefix): void {
  // Nobody else is on a wire: nothing to detect, and the address works at once.
  const nodad = { nodad: true as const };
  // A prefix route to the address itself says nothing.
  const host = length === bytes.length * 8 ? { noprefixroute: true as const } : {};
  const flags = family === families.v6 ? { flags: { ...nodad, ...host } } : {};
  formatAddressMessage(
    {
      kind: 'address',
      data: { family, prefixlen: length, index },
      attrs: { local: bytes, address: bytes, ...flags },
    },
    out,
  );
}

function route(out: AttrStream, oif: number, { to, via, metric = 0 }: Route): void {
  const { family, bytes, length } = prefix(to);
  const onlink = via === undefined ? {} : { flags: { __unknown: rtnhOnlink } };
  const priority = metric + (family === families.v6 ? leastMetric.v6 : leastMetric.v4);
  formatRouteMessage(
    {
      kind: 'route',
      data: {
        family,
        dstLen: length,
        table: mainTable,
        protocol: ownProtocol,
        scope: via === undefined && family === families.v4 ? 'LINK' : 'UNIVERSE',
        type: 'UNICAST',
        ...onlink,
      },
      attrs: {
        ...(length === 0 ? {} : { dst: bytes }),
        oif,
        ...(via === undefined ? {} : { gateway: prefix(via).bytes }),
        ...(priority === 0 ? {} : { priority }),
      },
    },
    out,
  );
}

const mainTable = 254;
const rtnhOnlink = 4;

function neighbour(out: AttrStream, ifindex: number, { ip, mac, permanent }: Neighbour): void {
  const { family, bytes } = prefix(ip);
  const state = permanent ? ({ permanent: true } as const) : ({ reachable: true } as const);
  formatNeighborMessage(
    {
      kind: 'neighbor',
      data: { family, ifindex, state },
      attrs: { dst: bytes, lladdr: macBytes(mac), protocol: Buffer.of(ownProtocol) },
    },
    out,
  );
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new TypeError(`not a canonical address: ${text}`);
  return parsed;
}

function bytesOf(stream: AttrStream): Buffer {
  return Buffer.concat(stream.bufs);
}

function joined(data: Parameters<AttrStream['emit']>[0]): Buffer {
  const stream = new AttrStream();
  stream.emit(data);
  return bytesOf(stream);
}
