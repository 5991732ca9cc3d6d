// SPDX-License-Identifier: Apache-2.0
/** What the pinned maps hold that decides of one flow of one wire. Nothing is written. */
import * as layout from '../../bpf/loader/layout.js';
import type { FlowKey } from '../../forwarder/operator/flow.js';
import { index, type Maps } from '../plane/maps.js';
import { sessionKey } from '../plane/sessions.js';
import type { ClassLevels } from './decide.js';
import type { Packet } from './packet.js';

/** See the head of this file. */
export interface State {
  readonly wire: layout.Wire;
  /** A strand's number, usable or not; 0 is none. */
  readonly pin: number;
  /** Key and value, where one is cached. */
  readonly session: CachedSession | undefined;
  readonly usable: (strand: number) => boolean;
  /** Its bits. */
  readonly avoid: (strand: number) => number;
  readonly levels: (classId: number) => ClassLevels | undefined;
}

/** A cached session as the maps have it. */
export interface CachedSession {
  readonly map: 'sessions4' | 'sessions6';
  readonly key: Buffer;
  readonly value: Buffer;
}

const { limits } = layout;

/** Read it. */
export function stateOf(
  maps: Pick<Maps, 'map'>,
  number: number,
  generation: number,
  { flow }: Pick<Packet, 'flow'>,
): State {
  const wire = layout.wire.decode(
    maps.map('wires').lookup(index(number)) ?? Buffer.alloc(layout.wire.size),
  );
  const usable = (strand: number): boolean => {
    const value = strand === 0 ? undefined : maps.map('strands').lookup(index(strand));
    if (value === undefined) return false;
    const { down, silent, peer } = layout.strand.decode(value);
    return down === 0 && silent === 0 && peer === wire.peer;
  };
  const avoid = (strand: number): number => {
    const value = maps.map('strands').lookup(index(strand));
    return value === undefined ? 0 : layout.strand.decode(value).avoid;
  };
  return {
    wire,
    pin: pinOf(maps, number, flow),
    session: sessionOf(maps, number, flow),
    usable,
    avoid,
    levels: (class_id) => {
      const { peer, policy } = wire;
      const key = layout.classOf.encode({ bank: generation & 1, peer, policy, class_id });
      const value = maps.map('classes').lookup(key);
      if (value === undefined) return undefined;
      const { levels, soft, sla, slots: all } = layout.classSlots.decode(value);
      const slots = Array.from({ length: levels }, (_, level) =>
        all.slice(level * limits.slots, (level + 1) * limits.slots),
      );
      return { slots, soft, sla };
    },
  };
}

function pinOf(maps: Pick<Maps, 'map'>, wire: number, flow: FlowKey): number {
  const control = maps.map('control').lookup(index(0));
  // The programs ask no further either.
  if (control === undefined || layout.control.decode(control).pins === 0) return 0;
  const value = maps.map('pins').lookup(layout.flow.encode({ ...flow, wire }));
  return value === undefined ? 0 : layout.pin.decode(value).strand;
}

function sessionOf(
  maps: Pick<Maps, 'map'>,
  wire: number,
  flow: FlowKey,
): CachedSession | undefined {
  const { map, key } = sessionKey(wire, flow);
  const value = maps.map(map).lookup(key);
  return value === undefined ? undefined : { map, key, value };
}
