// SPDX-License-Identifier: Apache-2.0
/**
 * The underlay's routes to single addresses and rules for single sources:
 * messages that make them, questions for them, and the kernel's answers.
 */
import type { Answer } from './batch.js';
import {
  AttrStream,
  formatRouteMessage,
  formatRuleMessage,
  MessageType,
  parseRouteMessage,
  parseRuleMessage,
  type RouteProtocol,
} from './codec.js';
import { flags, type Message } from './frame.js';
import { addressText, families, parsePrefix, prefixText, type Prefix } from './ip.js';
import type { HostRoute, Operation, SourceRule } from './operation.js';

/**
 * Routes and rules of the underlay carry it: one after that of wires' routes
 * (`ownProtocol`), which stand in the same table when a wire ends in the node's own namespace.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the package's enum knows only the registered ones
export const underlayProtocol = 88 as RouteProtocol;

/** The table that counts without any rule. */
export const mainTable = 254;

const ownProtocol: number = underlayProtocol;
const rtnhOnlink = 4;
const change = flags.request | flags.ack;

type Route = Extract<Operation, { op: 'add-host-route' | 'delete-host-route' }>;
type Rule = Extract<Operation, { op: 'add-source-rule' | 'delete-source-rule' }>;

/** Not exclusive: another's route to the same address stays, behind ours. */
export function hostRouteMessage({ op, route }: Route): Message {
  const { table, to, index, via, metric } = route;
  const { family, bytes, length } = parsed(to);
  const out = new AttrStream();
  // The gateway need not be in a network of the device, only behind it.
  const onlink = via === undefined ? {} : { flags: { __unknown: rtnhOnlink } };
  const isLinkScope = family === families.v4 && index !== 0 && via === undefined;
  formatRouteMessage(
    {
      kind: 'route',
      data: {
        family,
        dstLen: length,
        protocol: underlayProtocol,
        scope: isLinkScope ? 'LINK' : 'UNIVERSE',
        type: index === 0 ? 'UNREACHABLE' : 'UNICAST',
        ...onlink,
      },
      attrs: {
        dst: bytes,
        table,
        ...(index === 0 ? {} : { oif: index }),
        ...(via === undefined ? {} : { gateway: parsed(via).bytes }),
        ...(metric === 0 ? {} : { priority: metric }),
      },
    },
    out,
  );
  return op === 'add-host-route'
    ? { type: MessageType.NEWROUTE, flags: change | flags.create, body: out.bufs }
    : { type: MessageType.DELROUTE, flags: change, body: out.bufs };
}

/** Two equal rules would both be kept: look before. */
export function sourceRuleMessage({ op, rule }: Rule): Message {
  const { family, bytes, length } = parsed(rule.from);
  const { table, priority } = rule;
  const out = new AttrStream();
  const attrs = { src: bytes, table, priority, protocol: underlayProtocol };
  formatRuleMessage(
    { kind: 'rule', data: { family, srcLen: length, action: 'toTbl' }, attrs },
    out,
  );
  return op === 'add-source-rule'
    ? { type: MessageType.NEWRULE, flags: change | flags.create, body: out.bufs }
    : { type: MessageType.DELRULE, flags: change, body: out.bufs };
}

/** Ask for the routes and the rules of a family; routes are ours alone, in all tables. */
export function steeringQueries(family: number): readonly [Message, Message] {
  const routes = new AttrStream();
  const data = { family, protocol: underlayProtocol };
  formatRouteMessage({ kind: 'route', data, attrs: {} }, routes);
  const rules = new AttrStream();
  formatRuleMessage({ kind: 'rule', data: { family }, attrs: {} }, rules);
  const dump = flags.request | flags.dump;
  return [
    { type: MessageType.GETROUTE, flags: dump, body: routes.bufs },
    { type: MessageType.GETRULE, flags: dump, body: rules.bufs },
  ];
}

/** Our routes in an answer. */
export function hostRoutesOf({ objects }: Answer): readonly HostRoute[] {
  return objects.flatMap(({ data: bytes }) => {
    const { data, attrs } = parseRouteMessage(bytes);
    if (data.protocol !== underlayProtocol || attrs.dst === undefined) return [];
    const { gateway } = attrs;
    return [
      {
        table: attrs.table ?? data.table ?? 0,
        to: prefixText({ bytes: attrs.dst, length: data.dstLen ?? 0 }),
        index: data.type === 'UNICAST' ? (attrs.oif ?? 0) : 0,
        ...(gateway === undefined ? {} : { via: addressText(gateway) }),
        metric: attrs.priority ?? 0,
      },
    ];
  });
}

/** Our rules in an answer. */
export function sourceRulesOf({ objects }: Answer): readonly SourceRule[] {
  return objects.flatMap(({ data: bytes }) => {
    const { data, attrs } = parseRuleMessage(bytes);
    if (attrs.protocol !== ownProtocol || attrs.src === undefined) return [];
    return [
      {
        from: prefixText({ bytes: attrs.src, length: data.srcLen ?? 0 }),
        table: attrs.table ?? data.table ?? 0,
        priority: attrs.priority ?? 0,
      },
    ];
  });
}

function parsed(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new TypeError(`not a canonical address: ${text}`);
  return prefix;
}
