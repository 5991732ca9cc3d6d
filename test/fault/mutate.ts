// SPDX-License-Identifier: Apache-2.0
/**
 * Field-level mutation of protobuf messages: a valid call's bytes are read as a
 * tree of fields by their wire types alone (a length-delimited field that reads
 * as a message is one), one to three fields are changed, and the tree is written again. Most results still
 * decode, which is the point: they reach the chain, not only the decoder.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** One field: a number, a nested message, or bytes. */
type Value = bigint | Field[] | Uint8Array;
interface Field {
  number: number;
  value: Value;
}

/** Numbers in [0, 1) from a seed: a failing run can be had again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Texts that have broken such programs before. */
const nasty: readonly Uint8Array[] = [
  '',
  ' ',
  '\0',
  '../../etc',
  'a'.repeat(16),
  'x'.repeat(70_000),
  '-1',
  '4294967296',
  '10.0.0.0/33',
  '0.0.0.0/0',
  '::/0',
  '::1/129',
  'fe80::1%eth0/64',
  '300.1.1.1/24',
  'inode://4/1',
  'inode://18446744073709551616/-1',
  'inode://x/y',
  'unix:///nowhere',
  'tcp://[::1]:99999',
  'tcp://192.0.2.1:1',
  'KERNEL',
  'VXLAN',
  'REMOTE',
  'ETHERNET',
  'lo',
  '.',
  'nsm 1',
  '{{.a',
  '{{ range . }}',
  '__proto__',
  'constructor',
  '\u202e\u0000\ufffd',
].map(bytes);

const numbers: readonly bigint[] = [
  0n,
  1n,
  2n,
  127n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** A changed copy of a message; `random` decides what changes. */
export function mutate(message: Uint8Array, random: () => number): Uint8Array {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  // A few are no messages any more: the decoder has its turn too.
  if (random() < 0.08) return scramble(message, random);
  const tree = read(message, 0) ?? [];
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    const fields = all(tree);
    if (fields.length === 0) break;
    const [list, at] = pick(fields);
    const field = list[at];
    if (field === undefined) break;
    change(list, field, at, pick, random);
  }
  return write(tree);
}

function change(
  list: Field[],
  field: Field,
  at: number,
  pick: <T>(from: readonly T[]) => T,
  random: () => number,
): void {
  const dice = random();
  if (dice < 0.15) list.splice(at, 1);
  else if (dice < 0.25) list.splice(at, 0, structuredClone(field));
  else if (dice < 0.3) for (let n = 0; n < 300; n++) list.push(structuredClone(field));
  else if (dice < 0.35) field.number = pick([1, 2, 3, 9, 15, 1000]);
  else if (dice < 0.4) list.push({ number: 100 + Math.floor(random() * 100), value: pick(nasty) });
  else if (typeof field.value === 'bigint') field.value = pick(numbers);
  else if (field.value instanceof Uint8Array) field.value = pick(nasty);
  else if (dice < 0.6) field.value = [];
  else field.value = random() < 0.5 ? pick(nasty) : [...field.value, ...field.value];
}

function scramble(message: Uint8Array, random: () => number): Uint8Array {
  const copy = Uint8Array.from(message);
  if (random() < 0.5) return copy.subarray(0, Math.floor(random() * copy.length));
  for (let n = 0; n < 4; n++) copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256);
  return copy;
}

function all(tree: Field[]): [Field[], number][] {
  return tree.flatMap((field, at): [Field[], number][] => [
    [tree, at],
    ...(Array.isArray(field.value) ? all(field.value) : []),
  ]);
}

/** The tree of a message, or nothing where the bytes are none (or are plain text, which reads better as such). */
function read(message: Uint8Array, depth: number): Field[] | undefined {
  if (depth > 8) return undefined;
  const tree: Field[] = [];
  try {
    const reader = new BinaryReader(message);
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      if (wireType === WireType.Varint)
        tree.push({ number, value: BigInt.asUintN(64, BigInt(reader.uint64())) });
      else if (wireType === WireType.LengthDelimited) {
        const value = Uint8Array.from(reader.bytes());
        const text = value.length === 0 || value.every((byte) => byte >= 32 && byte < 127);
        tree.push({ number, value: (text ? undefined : read(value, depth + 1)) ?? value });
      } else return undefined;
    }
    return tree;
  } catch {
    return undefined;
  }
}

function write(tree: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { number, value } of tree) {
    if (typeof value === 'bigint') writer.tag(number, WireType.Varint).uint64(value);
    else
      writer
        .tag(number, WireType.LengthDelimited)
        .bytes(value instanceof Uint8Array ? value : write(value));
  }
  return writer.finish();
}
