// SPDX-License-Identifier: Apache-2.0
/** A network device that a link is on, as the kernel has it: asked for and read. */
import { constants } from 'node:os';
import { KernelError } from '../../api/errors/kernel-error.js';
import type { Netns } from '../../bpf/netns/netns.js';
import type { Answer } from '../links/batch.js';
import {
  AttrStream,
  formatAddressMessage,
  formatRouteMessage,
  MessageType,
  parseAddressMessage,
  parseLinkMessage,
  parseRouteMessage,
  type RouteAttrs,
} from '../links/codec.js';
import { flags, type Message } from '../links/frame.js';
import { mainTable, underlayProtocol } from '../links/host-route.js';
import { addressText, families, type Prefix } from '../links/ip.js';
import { gatewayThrough, linkQuery } from '../links/query.js';
import { ask } from '../links/session.js';

/** An address that can be sent from now. */
export interface DeviceAddress {
  readonly text: string;
  readonly prefix: Prefix;
  /** Good for other networks; neither about to be given up, nor for a while only. */
  readonly isLasting: boolean;
}

/** A route of others through the device, in the main table. */
export interface DeviceRoute {
  readonly to: Prefix;
  /** On-link without. */
  readonly via: string | undefined;
  readonly metric: number;
}

/** See the head of this file. */
export interface Device {
  readonly index: number;
  readonly name: string;
  /** Somebody has set it up; it takes routes. */
  readonly isSet: boolean;
  /** Set up, and with a carrier. */
  readonly up: boolean;
  /** Its frames begin with IP: a tunnel, a modem. */
  readonly bare?: true;
  readonly mtu: number;
  readonly addresses: readonly DeviceAddress[];
  readonly routes: readonly DeviceRoute[];
}

const { EAFNOSUPPORT, EINTR, ENODEV, ENOENT, ENXIO, EOPNOTSUPP } = constants.errno;
const bit = { up: 1, running: 0x40, lowerUp: 0x1_0000 };
const typeAt = 2; // struct ifinfomsg
const flagsAt = 8;
/** ARPHRD_ETHER, ARPHRD_LOOPBACK. */
const withEthernet: readonly number[] = [1, 772];
const temporary = 0x01; // IFA_F_SECONDARY, of an IPv6 address
const attempts = 4;
const loopback = 1;

/** What the kernel says of a link's state, in the head of its message. */
export function stateOf(message: Buffer): { readonly isSet: boolean; readonly up: boolean } {
  const bits = message.readUInt32LE(flagsAt);
  const isSet = (bits & bit.up) !== 0;
  // A carrier alone may wait for somebody's consent (802.1X).
  return { isSet, up: isSet && (bits & bit.lowerUp) !== 0 && (bits & bit.running) !== 0 };
}

/** The devices of those names that are there, and the addresses of the loopback device, which any of them may use. */
export async function devices(
  netns: Netns,
  names: readonly string[],
): Promise<{
  readonly found: ReadonlyMap<string, Device>;
  readonly loopback: readonly DeviceAddress[];
}> {
  for (let attempt = 1; ; attempt++) {
    const links = headsOf(await ask(netns, names.map(linkQuery)), names);
    const indexes = [...links.map(({ index }) => index), loopback];
    const answers = await ask(netns, [...indexes.flatMap(partsQueries), ...names.map(linkQuery)]);
    const parts = answers.slice(0, answers.length - names.length);
    const [bad] = parts.filter(({ errno, interrupted }) => interrupted || !isNone(errno));
    // Of a device that came, went or lost its addresses between two answers, half would be told.
    const isTorn =
      JSON.stringify(headsOf(answers.slice(parts.length), names)) !== JSON.stringify(links);
    if ((isTorn || bad !== undefined) && attempt < attempts) continue;
    if (bad !== undefined) {
      throw new KernelError(bad.errno === 0 ? EINTR : bad.errno, 'read the links', bad.text);
    }
    const per = parts.length / indexes.length;
    const partsOf = (at: number) => parts.slice(at * per, (at + 1) * per);
    const found = links.map((link, at) => [link.name, deviceOf(link, partsOf(at))] as const);
    return {
      found: new Map(found),
      loopback: deviceOf({ index: loopback }, partsOf(links.length)).addresses,
    };
  }
}

function deviceOf<T extends Pick<Device, 'index'>>(
  head: T,
  [addresses, ...routes]: readonly Answer[],
): T & Pick<Device, 'addresses' | 'routes'> {
  const { index } = head;
  return {
    ...head,
    addresses: addresses?.objects.flatMap(({ data }) => addressOf(data, index)) ?? [],
    routes: routes.flatMap(({ objects }) => objects.flatMap(({ data }) => routeOf(data, index))),
  };
}

type Head = Omit<Device, 'addresses' | 'routes'>;

function headsOf(answers: readonly Answer[], names: readonly string[]): readonly Head[] {
  return answers.flatMap((answer, at) => headOf(answer, names[at] ?? ''));
}

function headOf({ errno, text, objects }: Answer, name: string): Head[] {
  if (errno === ENODEV) return [];
  const [object] = objects;
  if (errno !== 0 || object === undefined) {
    throw new KernelError(errno, `read link ${name}`, text);
  }
  const { data, attrs } = parseLinkMessage(object.data);
  const isBare = !withEthernet.includes(object.data.readUInt16LE(typeAt));
  const bare = isBare ? ({ bare: true } as const) : {};
  return [{ name, index: data.index ?? 0, mtu: attrs.mtu ?? 0, ...stateOf(object.data), ...bare }];
}

/** A family that the kernel does not have has nothing. */
function isNone(errno: number): boolean {
  return [0, EAFNOSUPPORT, EOPNOTSUPP, ENOENT, ENXIO].includes(errno);
}

function partsQueries(index: number): readonly Message[] {
  const addresses = new AttrStream();
  formatAddressMessage({ kind: 'address', data: { index }, attrs: {} }, addresses);
  const routes = [families.v4, families.v6].map((family) => {
    const out = new AttrStream();
    const data = { family, table: mainTable };
    formatRouteMessage({ kind: 'route', data, attrs: { oif: index } }, out);
    return dump(MessageType.GETROUTE, out);
  });
  return [dump(MessageType.GETADDR, addresses), ...routes];
}

function dump(type: MessageType, out: AttrStream): Message {
  return { type, flags: flags.request | flags.dump, body: out.bufs };
}

function addressOf(bytes: Buffer, index: number): DeviceAddress[] {
  const { data, attrs } = parseAddressMessage(bytes);
  const address = attrs.local ?? attrs.address;
  if (data.index !== index || address === undefined) return [];
  const state = attrs.flags ?? data.flags ?? {};
  // Until nobody else is known to have it, it is not ours.
  if (state.dadfailed || (state.tentative && !state.optimistic)) return [];
  const family = address.length === 4 ? families.v4 : families.v6;
  const isTemporary = family === families.v6 && (bytes.readUInt8(2) & temporary) !== 0;
  return [
    {
      text: addressText(address),
      prefix: { family, bytes: address, length: data.prefixlen ?? 0 },
      isLasting: data.scope === globalScope && !state.deprecated && !isTemporary,
    },
  ];
}

const globalScope = 0;

function routeOf(bytes: Buffer, index: number): DeviceRoute[] {
  const { data, attrs } = parseRouteMessage(bytes);
  if (data.protocol === underlayProtocol || data.type !== 'UNICAST') return [];
  const via = gatewayOf(attrs, index);
  if (via === undefined) return [];
  const family = data.family === families.v4 ? families.v4 : families.v6;
  const any = Buffer.alloc(family === families.v4 ? 4 : 16);
  return [
    {
      to: { family, bytes: attrs.dst ?? any, length: data.dstLen ?? 0 },
      via: via === 'none' ? undefined : addressText(via),
      metric: attrs.priority ?? 0,
    },
  ];
}

function gatewayOf(attrs: RouteAttrs, index: number): Buffer | 'none' | undefined {
  const via = gatewayThrough(attrs, index);
  // IPv4 by an IPv6 gateway (RTA_VIA): nothing that an address of the link's family could say.
  if (via === 'none') return attrs.via === undefined ? via : undefined;
  // One of several hops may be on-link.
  return via?.length === 0 ? 'none' : via;
}
