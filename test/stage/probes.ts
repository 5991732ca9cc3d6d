// SPDX-License-Identifier: Apache-2.0
/** How many packets of a link's device were probes and answers to the peer's: what counts packets there takes them off. */
import { existsSync } from 'node:fs';
import * as layout from '../../bpf/loader/layout.js';
import { index, pinnedMaps } from '../../cli/plane/maps.js';

/** So many probes may go while a link's counters are read: the mean is off by no more than half of them. */
const mostMeanwhile = 4;
const mostLooks = 20;

/**
 * Packets of links' devices so far, without probes: `counters` are those of the devices. Probes go on
 * while they are read, so it is right but for a few: on a busy machine the best of several looks is taken.
 */
export async function withoutProbes(
  directory: string,
  devices: readonly string[],
  counters: (device: string) => Promise<{
    readonly txPackets: number;
    readonly rxPackets: number;
  }>,
): Promise<readonly ProbePackets[]> {
  return Promise.all(
    devices.map(async (device) => {
      let best = { meanwhile: Infinity, found: { sent: NaN, received: NaN } };
      for (let look = 0; look < mostLooks && best.meanwhile > mostMeanwhile; look++) {
        const before = probePackets(directory).get(device) ?? none;
        const { txPackets, rxPackets } = await counters(device);
        const after = probePackets(directory).get(device) ?? none;
        const mean = (way: keyof ProbePackets): number =>
          Math.round((before[way] + after[way]) / 2);
        const found = { sent: txPackets - mean('sent'), received: rxPackets - mean('received') };
        const ways = [after.sent - before.sent, after.received - before.received];
        const meanwhile = Math.max(...ways);
        if (meanwhile < best.meanwhile) best = { meanwhile, found };
      }
      return best.found;
    }),
  );
}

const none: ProbePackets = { sent: 0, received: 0 };

/** Packets both ways. */
export interface ProbePackets {
  readonly sent: number;
  readonly received: number;
}

/** So far, by the device's name, by the plane whose pins are there; of strands that are there now. */
export function probePackets(directory: string): ReadonlyMap<string, ProbePackets> {
  const found = new Map<string, ProbePackets>();
  if (!existsSync(`${directory}/maps/quality`)) return found;
  using maps = pinnedMaps(directory);
  const names = maps
    .map('names')
    .entries()
    .map(([key, value]) => {
      const { text } = layout.name.decode(value);
      const json = Buffer.from(text.subarray(0, text.indexOf(0))).toString();
      return { ...layout.nameOf.decode(key), text: JSON.parse(json) as Record<string, string> };
    });
  const devices = new Map(
    names
      .filter(({ kind }) => kind === layout.kinds.link)
      .map(({ text }) => [text['name'], text['device'] ?? '']),
  );
  for (const { kind, id, text } of names) {
    if (kind !== layout.kinds.strand) continue;
    const value = maps.map('quality').lookup(index(id));
    if (value === undefined) continue;
    const counted = layout.quality.decode(value);
    const device = devices.get(text['link']) ?? '';
    const { sent, received } = found.get(device) ?? { sent: 0, received: 0 };
    found.set(device, {
      sent: sent + Number(counted.sent - counted.failed + counted.reflected),
      received: received + Number(counted.received + counted.reflected),
    });
  }
  return found;
}
