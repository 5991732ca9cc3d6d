// SPDX-License-Identifier: Apache-2.0
/** Random classes, strands and sessions: the program goes where `wanwire explain` says. */
import t from 'tap';
import { decide } from '../../cli/explain/decide.js';
import { hash, homeOf } from '../../cli/explain/hash.js';
import { parsePacket } from '../../cli/explain/packet.js';
import { defaultRule, noMark } from '../../bpf/loader/layout.js';
import { below, pick, seeded, type Random } from './model-random.js';
import { ip, protocols, udp } from './packets.js';
import { filled, oneClass, TestPlane } from './plane.js';

const strands = [1, 2, 3, 4, 5];
const rounds = 400;
const seed = 6;

/** Up to four levels of strands, no strand twice; some slots of the first may be empty. */
function randomLevels(random: Random): number[][] {
  const left = [...strands];
  const levels = Array.from({ length: 1 + below(random, 4) }, () => {
    const own = left.splice(0, 1 + below(random, 2));
    return own.length === 0 ? undefined : filled(own);
  }).filter((level) => level !== undefined);
  if (random() < 0.1) levels[0]?.fill(0, 0, 32);
  return levels;
}

t.test('the program and its twin', (t) => {
  const random = seeded(seed);
  const plane = TestPlane.open(t);
  plane.setWire(1);
  for (const id of strands) plane.setStrand(id);
  const by = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const levels = randomLevels(random);
    const soft = below(random, levels.length + 1);
    const sla = below(random, 4);
    plane.apply({ ...oneClass(...levels), soft, sla });
    const states = strands.map(() => ({
      down: random() < 0.2,
      silent: random() < 0.2,
      avoid: random() < 0.4 ? 1 << below(random, 5) : 0,
    }));
    for (const [at, { down, silent, avoid }] of states.entries()) {
      plane.setDown(at + 1, down ? 1 : 0);
      plane.setSilent(at + 1, silent);
      plane.setAvoid(at + 1, avoid);
    }
    const port = 1 + below(random, 65_000);
    const six = random() < 0.5;
    const [source, destination] = six ? ['fd00::2', 'fd60::9'] : ['172.16.0.2', '10.60.0.9'];
    const inText = (address: string): string => (six ? `[${address}]` : address);
    const { flow, family } = parsePacket(
      `udp ${inText(source)}:${String(port)} > ${inText(destination)}:53`,
    );
    const tuple = {
      source,
      destination,
      protocol: protocols.udp,
      sourcePort: port,
      destinationPort: 53,
    };
    const frame = ip(tuple, udp(port, 53, Buffer.alloc(10)));
    const number = hash(flow, family);
    const cached = random() < 0.7;
    if (cached) {
      // Where it would begin; then it is put somewhere else.
      for (const id of strands) {
        plane.setDown(id, 0);
        plane.setSilent(id, false);
      }
      plane.send(frame);
      t.equal(plane.known(tuple).home, homeOf(levels, number));
      const strand =
        random() < 0.5
          ? plane.known(tuple).strand
          : pick(
              random,
              levels.flat().filter((id) => id > 0),
            );
      plane.setSession(tuple, { strand, slice: 0 });
      for (const [at, { down, silent }] of states.entries()) {
        plane.setDown(at + 1, down ? 1 : 0);
        plane.setSilent(at + 1, silent);
      }
    }
    const of = (strand: number) => states[strand - 1] ?? { down: true, silent: true, avoid: 0 };
    const wanted = decide({
      random: number,
      generation: plane.generation,
      pin: 0,
      session: plane.session(tuple),
      rules: { looked: [], rule: defaultRule, classId: 0, className: 'only', mark: noMark },
      levels: () => ({ slots: levels, soft, sla }),
      usable: (strand) => !of(strand).down && !of(strand).silent,
      avoid: (strand) => of(strand).avoid,
    });
    const verdict = plane.send(frame);
    const got = verdict === 'drop' ? 0 : plane.known(tuple).strand;
    by.set(wanted.by, (by.get(wanted.by) ?? 0) + 1);
    if (got === wanted.strand) continue;
    t.fail(
      `seed ${String(seed)}, round ${String(round)}: ${String(got)} is not ${String(wanted.strand)}`,
      {
        wanted,
        states,
        soft,
        sla,
        levels: levels.map((level) => [...new Set(level)]),
        session: plane.session(tuple),
      },
    );
  }
  t.match(Object.fromEntries(by), { slot: Number, session: Number, home: Number, none: Number });
  t.end();
});
