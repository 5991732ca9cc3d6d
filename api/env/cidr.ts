// SPDX-License-Identifier: Apache-2.0
/** Prefixes, alone and in groups: each group gives a client one pair of addresses. */
import ipaddr from 'ipaddr.js';
import { parseList } from './list.js';
import { variable } from './table.js';

/** The network of a prefix in its usual spelling: `172.16.1.101/31` is `172.16.1.100/31`. */
export function parsePrefix(value: string): string {
  // ipaddr.js also takes addresses of fewer parts, which Go and the kernel do not.
  const four = /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/.test(value) && ipaddr.IPv4.isValidCIDR(value);
  if (four) return `${ipaddr.IPv4.networkAddressFromCIDR(value).toString()}${mask(value)}`;
  const six = value.includes(':') && !value.includes('%') && ipaddr.IPv6.isValidCIDR(value);
  if (six) return `${ipaddr.IPv6.networkAddressFromCIDR(value).toString()}${mask(value)}`;
  throw new Error(`has no prefix in ${JSON.stringify(value)}`);
}

function mask(value: string): string {
  return `/${String(Number(value.slice(value.indexOf('/') + 1)))}`;
}

/** `[a,b],[c],d` as groups; what stands outside of brackets is a group of its own. */
export function parseCidrGroups(value: string): readonly (readonly string[])[] {
  const rest = value.replaceAll(/\s/g, '');
  if (rest === '') return [];
  const groups: string[][] = [];
  const item = /(?:\[([^[\]]*)\]|([^,[\]]+))(,|$)/y;
  while (item.lastIndex < rest.length) {
    const at = item.lastIndex;
    const found = item.exec(rest);
    if (found === null) throw new Error(`has no group at ${JSON.stringify(rest.slice(at))}`);
    const prefixes = found[1] === undefined ? [found[2] ?? ''] : [...parseList(found[1])];
    if (prefixes.length === 0) throw new Error('has an empty group');
    groups.push(prefixes.map(parsePrefix));
  }
  if (rest.endsWith(',')) throw new Error('ends in a comma');
  return groups;
}

/** Groups of prefixes. */
export const cidrGroups = variable(
  'groups of prefixes such as [172.16.0.0/16],[2001:db8::/112]',
  parseCidrGroups,
);

/** A comma list of prefixes. */
export const prefixes = variable(
  'a comma list of prefixes such as 10.0.0.0/8,fd00::/8',
  (value): readonly string[] => parseList(value).map(parsePrefix),
  { mayBeEmpty: true },
);
