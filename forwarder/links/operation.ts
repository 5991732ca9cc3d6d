// SPDX-License-Identifier: Apache-2.0
/** What can be done to links, as values: planned, printed, tested, and only then sent. */
import type { Neighbour, Route } from './end.js';

/** One end of a veth to be made. */
export interface NewEnd {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  /** 0 where not given. */
  readonly group?: number;
}

/** What of a link is to be changed. */
export interface LinkChange {
  readonly mac?: string;
  readonly mtu?: number;
  readonly alias?: string;
  readonly up?: true;
  /** The kernel is to make no link-local address. */
  readonly noLinkLocal?: true;
  /** rp_filter 2. */
  readonly looseFilter?: true;
  readonly group?: number;
}

/** A VXLAN device whose tunnels are told packet by packet (`external`). */
export interface NewVxlan {
  readonly name: string;
  /** UDP. */
  readonly port: number;
  readonly mtu: number;
}

/** A route of the underlay to one address: by one device, or (index 0) to nowhere. */
export interface HostRoute {
  readonly table: number;
  /** An address with its full length. */
  readonly to: string;
  readonly index: number;
  /** The gateway's address; on-link without. */
  readonly via?: string;
  /** The lowest counts. */
  readonly metric: number;
}

/** Which routing table counts for packets from one address. */
export interface SourceRule {
  /** An address with its full length. */
  readonly from: string;
  readonly table: number;
  readonly priority: number;
}

/** One message to the kernel. */
export type Operation =
  | { readonly op: 'add-veth'; readonly near: NewEnd; readonly far: NewEnd }
  | { readonly op: 'set-link'; readonly index: number; readonly change: LinkChange }
  | { readonly op: 'delete-link'; readonly index: number }
  | { readonly op: 'delete-group'; readonly group: number }
  | {
      readonly op: 'add-address' | 'delete-address';
      readonly index: number;
      readonly address: string;
    }
  | { readonly op: 'add-route' | 'delete-route'; readonly index: number; readonly route: Route }
  | {
      readonly op: 'add-neighbour' | 'delete-neighbour';
      readonly index: number;
      readonly neighbour: Neighbour;
    }
  | { readonly op: 'add-vxlan'; readonly device: NewVxlan }
  | { readonly op: 'add-host-route' | 'delete-host-route'; readonly route: HostRoute }
  | { readonly op: 'add-source-rule' | 'delete-source-rule'; readonly rule: SourceRule };

/** One line for logs, errors and golden tests. */
export function describe(operation: Operation): string {
  switch (operation.op) {
    case 'add-veth': {
      const { near, far } = operation;
      return `add veth ${ends(near)} peer ${ends(far)}`;
    }
    case 'set-link': {
      const change = Object.entries(operation.change).map(([name, value]) =>
        value === true ? name : `${name} ${String(value)}`,
      );
      return `set link ${String(operation.index)} ${change.join(' ')}`;
    }
    case 'delete-link':
      return `delete link ${String(operation.index)}`;
    case 'delete-group':
      return `delete links of group ${String(operation.group)}`;
    case 'add-address':
    case 'delete-address':
      return `${words(operation.op)} ${operation.address}`;
    case 'add-route':
    case 'delete-route': {
      const { to, via, metric = 0 } = operation.route;
      const by = via === undefined ? '' : ` via ${via}`;
      return `${words(operation.op)} ${to}${by}${metric === 0 ? '' : ` metric ${String(metric)}`}`;
    }
    case 'add-neighbour':
    case 'delete-neighbour': {
      const { ip, mac, permanent } = operation.neighbour;
      return `${words(operation.op)} ${ip} at ${mac}${permanent ? ' permanent' : ''}`;
    }
    case 'add-vxlan': {
      const { name, port, mtu } = operation.device;
      return `add vxlan ${name} (port ${String(port)}, mtu ${String(mtu)})`;
    }
    case 'add-host-route':
    case 'delete-host-route':
      return `${words(operation.op)} ${hostRouteText(operation.route)}`;
    case 'add-source-rule':
    case 'delete-source-rule':
      return `${words(operation.op)} ${sourceRuleText(operation.rule)}`;
  }
}

/** Equal where two host routes are the same. */
export function hostRouteText({ table, to, index, via, metric }: HostRoute): string {
  const by = via === undefined ? '' : ` via ${via}`;
  const how = index === 0 ? 'unreachable' : `link ${String(index)}${by}`;
  return `${to} ${how} metric ${String(metric)} table ${String(table)}`;
}

/** Equal where two source rules are the same. */
export function sourceRuleText({ from, table, priority }: SourceRule): string {
  return `${String(priority)}: from ${from} table ${String(table)}`;
}

function ends({ name, index, mac, mtu }: NewEnd): string {
  return `${name} (index ${String(index)}, ${mac}, mtu ${String(mtu)})`;
}

function words(op: string): string {
  return op.replaceAll('-', ' ');
}
