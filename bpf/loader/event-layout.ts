// SPDX-License-Identifier: Apache-2.0
/** `bpf/include/record.h` in TypeScript: what user space is told of sessions. See `layout.ts`. */
import { bytes, Struct, type StructOf, u16, u32, u64, u8 } from './struct.js';

/** enum ww_events: what of sessions somebody wants to hear. */
export const eventsWanted = { none: 0, all: 1, moves: 2 } as const;
/** enum ww_event_kind. */
export const eventKinds = { create: 1, move: 2, close: 3 } as const;
/** What happened to a session: a record of the ring buffer `events`. */
export const event = new Struct('ww_event', {
  at_ns: u64,
  generation: u32,
  wire: u32,
  source: bytes(16),
  destination: bytes(16),
  source_port: bytes(2),
  destination_port: bytes(2),
  protocol: u8,
  kind: u8,
  flags: u8,
  pad: u8,
  strand: u16,
  from: u16,
  class_id: u16,
  rule: u16,
  policy: u16,
  pad2: bytes(6),
});
/** How many records found no room: map `lost`. */
export const lost = new Struct('ww_lost', { counted: u32, told: u32 });

/** {@link event} as a value. */
export type Event = StructOf<typeof event>;
