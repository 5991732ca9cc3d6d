// SPDX-License-Identifier: Apache-2.0
/**
 * `bpf/include/choose.h` in TypeScript: a flow's hash, the same in both
 * directions and on both nodes, and the way through a class's slots that begins at it.
 */
import { limits } from '../../bpf/loader/layout.js';
import type { FlowKey } from '../../forwarder/operator/flow.js';

const all = (1n << 64n) - 1n;
const factor = 0xd6e8feb86659fd93n;

/** 32 bits of a flow. */
export function hash(flow: FlowKey, family: 4 | 6): number {
  const a = end(flow.source, flow.source_port, family);
  const b = end(flow.destination, flow.destination_port, family);
  const [low, high] = a < b ? [a, b] : [b, a];
  return Number(mix((mix(low) + high + (BigInt(flow.protocol) << 56n)) & all) >> 32n);
}

function mix(value: bigint): bigint {
  const once = ((value ^ (value >> 32n)) * factor) & all;
  const twice = ((once ^ (once >> 32n)) * factor) & all;
  return twice ^ (twice >> 32n);
}

/** One end as a number; numbers are as the host reads the packet's bytes. */
function end(address: Uint8Array, port: Uint8Array, family: 4 | 6): bigint {
  const bytes = Buffer.from(address);
  const number = BigInt(Buffer.from(port).readUInt16LE(0));
  if (family === 4) return (BigInt(bytes.readUInt32LE(12)) << 16n) | number;
  return (mix(bytes.readBigUInt64LE(0) ^ number) + bytes.readBigUInt64LE(8)) & all;
}

/** Where a flow found its strand. */
export interface Slot {
  readonly strand: number;
  /** From 0: the class's own links, then what comes after them. */
  readonly level: number;
  readonly slot: number;
  /** Slots that were passed over: what stands in them cannot be used, or is avoided. */
  readonly passed: number;
}

/** What else decides on the way. */
export interface Way {
  readonly usable: (strand: number) => boolean;
  /** Whether it is held back from such sessions. */
  readonly avoided: (strand: number) => boolean;
  /** How many levels may be taken because a strand is avoided; 0 is all. */
  readonly soft: number;
  /** Where the session is; 0 is nowhere. */
  readonly stay: number;
}

/**
 * The first slot whose strand can be used and is not avoided; if that is none,
 * the slot of the strand where the session is, or the first that can be used at
 * all. Nothing where none can.
 */
export function walk(
  levels: readonly (readonly number[])[],
  random: number,
  { usable, avoided, soft, stay }: Way,
): Slot | undefined {
  const asked = levels.slice(0, soft === 0 ? undefined : soft);
  const better = first(asked, random, (strand) => usable(strand) && !avoided(strand));
  if (better !== undefined) return better;
  const staying = usable(stay) ? first(levels, random, (strand) => strand === stay) : undefined;
  return staying ?? first(levels, random, usable);
}

/** The strand that comes first, usable or not; 0 is none. */
export function homeOf(levels: readonly (readonly number[])[], random: number): number {
  return first(levels, random, (strand) => strand !== 0)?.strand ?? 0;
}

function first(
  levels: readonly (readonly number[])[],
  random: number,
  fits: (strand: number) => boolean,
): Slot | undefined {
  const { slots } = limits;
  const start = random % slots;
  // Odd: it comes by all slots of a level.
  const stride = Math.floor(random / slots) | 1;
  for (let passed = 0; passed < levels.length * slots; passed++) {
    const level = Math.floor(passed / slots);
    const slot = (start + passed * stride) % slots;
    const strand = levels[level]?.[slot] ?? 0;
    if (fits(strand)) return { strand, level, slot, passed };
  }
  return undefined;
}
