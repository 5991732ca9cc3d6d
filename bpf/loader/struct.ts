// SPDX-License-Identifier: Apache-2.0
/**
 * C structs as values: fields in order, laid out as the C compiler does it.
 * Numbers are little-endian, as every host that we run on; 64-bit ones are
 * `bigint`, everything else `number`; byte arrays are `Uint8Array`.
 */

const sizes = { u8: 1, u16: 2, u32: 4, u64: 8, bytes: 1, u16s: 2, u64s: 8 } as const;

/** The type of a field, and how many of it. */
export interface Field {
  readonly kind: keyof typeof sizes;
  readonly count: number;
}

/** A number of 8 bits. */
export const u8 = { kind: 'u8', count: 1 } as const;
/** A number of 16 bits. */
export const u16 = { kind: 'u16', count: 1 } as const;
/** A number of 32 bits. */
export const u32 = { kind: 'u32', count: 1 } as const;
/** A number of 64 bits. */
export const u64 = { kind: 'u64', count: 1 } as const;
/** Bytes as they are, such as an address. */
export const bytes = (count: number) => ({ kind: 'bytes', count }) as const;
/** Several numbers of 16 bits. */
export const u16s = (count: number) => ({ kind: 'u16s', count }) as const;
/** Several numbers of 64 bits. */
export const u64s = (count: number) => ({ kind: 'u64s', count }) as const;

/** What a field is in JavaScript. */
type ValueOf<F extends Field> = F['kind'] extends 'bytes'
  ? Uint8Array
  : F['kind'] extends 'u16s'
    ? readonly number[]
    : F['kind'] extends 'u64s'
      ? readonly bigint[]
      : F['kind'] extends 'u64'
        ? bigint
        : number;

/** What a struct is in JavaScript. */
export type StructOf<T> =
  T extends Struct<infer F> ? { readonly [K in keyof F]: ValueOf<F[K]> } : never;

type Fields = Readonly<Record<string, Field>>;

/** A struct's layout, and its two directions. Fields that are not given are zero. */
export class Struct<F extends Fields> {
  /** Name in C. */
  readonly name: string;
  readonly size: number;
  /** Where each field begins. */
  readonly offsets: { readonly [K in keyof F]: number };
  readonly fields: F;

  constructor(name: string, fields: F) {
    this.name = name;
    this.fields = fields;
    const offsets: Record<string, number> = {};
    let end = 0;
    let largest = 1;
    for (const [key, { kind, count }] of Object.entries(fields)) {
      const size = sizes[kind];
      offsets[key] = Math.ceil(end / size) * size;
      end = offsets[key] + size * count;
      largest = Math.max(largest, size);
    }
    this.size = Math.ceil(end / largest) * largest;
    this.offsets = offsets as { readonly [K in keyof F]: number };
  }

  encode(value: { readonly [K in keyof F]?: ValueOf<F[K]> }): Buffer {
    const out = Buffer.alloc(this.size);
    for (const [key, field] of Object.entries(this.fields)) {
      const one = value[key] as unknown;
      if (one !== undefined) write(out, this.offsets[key] ?? 0, field, one);
    }
    return out;
  }

  decode(from: Uint8Array): { readonly [K in keyof F]: ValueOf<F[K]> } {
    const buffer = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
    const entries = Object.entries(this.fields).map(([key, field]) => [
      key,
      read(buffer, this.offsets[key] ?? 0, field),
    ]);
    return Object.fromEntries(entries) as { readonly [K in keyof F]: ValueOf<F[K]> };
  }
}

function write(out: Buffer, at: number, { kind, count }: Field, value: unknown): void {
  switch (kind) {
    case 'bytes':
      out.set((value as Uint8Array).subarray(0, count), at);
      return;
    case 'u16s':
      (value as readonly number[]).forEach((one, n) => out.writeUInt16LE(one, at + 2 * n));
      return;
    case 'u64s':
      (value as readonly bigint[]).forEach((one, n) => out.writeBigUInt64LE(one, at + 8 * n));
      return;
    case 'u64':
      out.writeBigUInt64LE(value as bigint, at);
      return;
    default:
      out.writeUIntLE(value as number, at, sizes[kind]);
  }
}

function read(from: Buffer, at: number, { kind, count }: Field): unknown {
  const each = <T>(get: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => get(n));
  switch (kind) {
    case 'bytes':
      return from.subarray(at, at + count);
    case 'u16s':
      return each((n) => from.readUInt16LE(at + 2 * n));
    case 'u64s':
      return each((n) => from.readBigUInt64LE(at + 8 * n));
    case 'u64':
      return from.readBigUInt64LE(at);
    default:
      return from.readUIntLE(at, sizes[kind]);
  }
}
