// SPDX-License-Identifier: Apache-2.0
/** The nftables table for what gateways wish. Pure; held by `table.test.ts` as text. */
import { createHash } from 'node:crypto';
import { families, parsePrefix } from '../links/ip.js';
import type { GatewayWish } from './wish.js';

/** A table as nft reads it, and by what it is recognised. */
export interface Table {
  readonly text: string;
  /** Its comment: another text has another. */
  readonly comment: string;
}

const kinds = [
  { set: 'clients4', nat: 'nat4', type: 'ipv4_addr', ip: 'ip', family: families.v4 },
  { set: 'clients6', nat: 'nat6', type: 'ipv6_addr', ip: 'ip6', family: families.v6 },
] as const;

/** Our table's name: the forwarder's with what nft does not take in names spelt out. */
export function tableName(forwarder: string): string {
  const plain = forwarder.replaceAll(
    /[^A-Za-z0-9]/g,
    (char) => `_${char.charCodeAt(0).toString(16)}_`,
  );
  return `wanwire_${plain.slice(0, longestName)}`;
}

const longestName = 200; // the kernel takes 255 in all

/** What makes an end of the table. */
export function removal(name: string): string {
  // Added first, so that there is one to delete.
  return `add table inet ${name}\ndelete table inet ${name}\n`;
}

/**
 * The table for these wishes, in the place of the one that is there; nothing
 * where none of them wishes NAT. Clients keep their addresses among themselves
 * and towards interfaces of ours.
 */
export function tableFor(name: string, wishes: readonly GatewayWish[]): Table | undefined {
  if (!wishes.some(({ nat }) => nat)) return undefined;
  const all = wishes.flatMap(({ prefixes }) => prefixes);
  const translated = wishes.flatMap(({ nat, prefixes }) => (nat ? prefixes : []));
  const sets: string[] = [];
  const rules: string[] = [];
  for (const { set, nat, type, ip, family } of kinds) {
    const sources = ofFamily(translated, family);
    if (sources.length === 0) continue;
    sets.push(setText(set, type, ofFamily(all, family)), setText(nat, type, sources));
    rules.push(`\t\t${ip} saddr @${nat} ${ip} daddr != @${set} oifname != "ww*" masquerade\n`);
  }
  const chain = [
    '\tchain postrouting {\n',
    '\t\ttype nat hook postrouting priority srcnat; policy accept;\n',
    ...rules,
    '\t}\n',
  ];
  const body = [...sets, ...chain].join('');
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 32);
  const comment = `wanwire:${digest}`;
  return {
    comment,
    text: `${removal(name)}table inet ${name} {\n\tcomment "${comment}"\n${body}}\n`,
  };
}

function setText(name: string, type: string, prefixes: readonly string[]): string {
  const elements = `elements = { ${prefixes.join(', ')} };`;
  return `\tset ${name} { type ${type}; flags interval; auto-merge; ${elements} }\n`;
}

function ofFamily(prefixes: readonly string[], family: number): readonly string[] {
  const own = prefixes.filter((text) => parsePrefix(text)?.family === family);
  return [...new Set(own)].sort();
}
