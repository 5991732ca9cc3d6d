// SPDX-License-Identifier: Apache-2.0
/** A wire's entries in the plane's maps. */
import type { Plane } from './plane.js';
import type { wireEntry } from './wire.js';

/** Let packets find the wire of that number; what says where it is comes last. */
export function enterWire(
  { tables }: Plane,
  number: number,
  entry: ReturnType<typeof wireEntry>,
): void {
  const { vni, peer, port } = entry;
  tables.wires.set({ value: number }, entry);
  tables.tunnels.set({ vni, peer }, { value: number });
  tables.ports.set({ value: port }, { value: number });
}

/** Take it out of every map; the interface index of its host end, if it was there. */
export function forgetWire(plane: Plane, number: number): number | undefined {
  const { tables } = plane;
  const entry = tables.wires.get({ value: number });
  if (entry !== undefined) {
    tables.ports.delete({ value: entry.port });
    tables.tunnels.delete({ vni: entry.vni, peer: entry.peer });
    tables.wires.set({ value: number }, {});
  }
  tables.wireRules.delete({ wire: number, bank: 0 }, { wire: number, bank: 1 });
  plane.setName('wire', number, undefined);
  return entry?.port;
}
