// SPDX-License-Identifier: Apache-2.0
/** Numbers as keys and values of maps. */

/** 32 bits. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
