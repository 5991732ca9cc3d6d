// SPDX-License-Identifier: Apache-2.0
/** What the kernel tells by multicast of links, addresses, routes and rules. Pure; held by `news.test.ts`. */
import { getString, MessageType, parseAttributes, parseMessages } from '../links/codec.js';
import { underlayProtocol } from '../links/host-route.js';
import { stateOf } from './device.js';

/** Group N of RTNLGRP_* is bit N - 1: links, addresses, routes and rules of both families. */
export const newsGroups = [1, 5, 7, 8, 9, 11, 19].reduce((bits, n) => bits | (1 << (n - 1)), 0);

/** One thing that changed. */
export type News =
  | {
      readonly what: 'link';
      readonly index: number;
      readonly name: string;
      readonly up: boolean;
      /** It is no more. */
      readonly gone: boolean;
    }
  | { readonly what: 'address'; readonly index: number }
  /** Through these devices; none where it leads nowhere. */
  | { readonly what: 'route'; readonly indexes: readonly number[] }
  /** Somebody took away what is ours. */
  | { readonly what: 'loss' };

const types: Readonly<Record<number, (data: Buffer) => News[]>> = {
  [MessageType.NEWLINK]: (data) => linkNews(data, false),
  [MessageType.DELLINK]: (data) => linkNews(data, true),
  [MessageType.NEWADDR]: addressNews,
  [MessageType.DELADDR]: addressNews,
  [MessageType.NEWROUTE]: (data) => routeNews(data, false),
  [MessageType.DELROUTE]: (data) => routeNews(data, true),
  [MessageType.DELRULE]: ruleNews,
};
const attribute = { name: 3, oif: 4, hops: 9, ruleProtocol: 21 };
const head = { link: 16, route: 12, rule: 12 };
const hop = { length: 8, index: 4 };
const own: number = underlayProtocol;
const bridge = 7; // AF_BRIDGE: a port's own news, not the link's

/** Read one datagram. */
export function readNews(datagram: Buffer): readonly News[] {
  return parseMessages(datagram).flatMap(({ type, data }) => types[type]?.(data) ?? []);
}

function linkNews(data: Buffer, gone: boolean): News[] {
  if (data.readUInt8(0) === bridge) return [];
  let name = '';
  parseAttributes(data.subarray(head.link), (one) => {
    if (one.type === attribute.name) name = getString(one.data);
  });
  return [{ what: 'link', index: data.readInt32LE(4), name, up: !gone && stateOf(data).up, gone }];
}

function addressNews(data: Buffer): News[] {
  return [{ what: 'address', index: data.readUInt32LE(4) }];
}

function routeNews(data: Buffer, gone: boolean): News[] {
  if (data.readUInt8(5) === own) return gone ? [{ what: 'loss' }] : [];
  const indexes: number[] = [];
  parseAttributes(data.subarray(head.route), (one) => {
    if (one.type === attribute.oif) indexes.push(one.data.readUInt32LE(0));
    if (one.type === attribute.hops) indexes.push(...hopsOf(one.data));
  });
  return [{ what: 'route', indexes }];
}

function hopsOf(hops: Buffer): number[] {
  const indexes: number[] = [];
  for (let rest = hops; rest.length >= hop.length;) {
    indexes.push(rest.readUInt32LE(hop.index));
    rest = rest.subarray(Math.max(hop.length, (rest.readUInt16LE(0) + 3) & ~3));
  }
  return indexes;
}

function ruleNews(data: Buffer): News[] {
  const protocols: number[] = [];
  parseAttributes(data.subarray(head.rule), ({ type, data: value }) => {
    if (type === attribute.ruleProtocol) protocols.push(value.readUInt8(0));
  });
  return protocols.includes(own) ? [{ what: 'loss' }] : [];
}
