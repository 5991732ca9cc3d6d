// SPDX-License-Identifier: Apache-2.0
/** The hash and the walk; `test/netns/explain.test.ts` has the loaded program's word for both. */
import t from 'tap';
import { hash, homeOf, walk, type Way } from './hash.js';
import { parsePacket } from './packet.js';

const of = (text: string): number => {
  const { flow, family } = parsePacket(text);
  return hash(flow, family);
};

t.equal(
  of('tcp 172.16.0.3:40000 > 10.60.0.9:8000'),
  of('tcp 10.60.0.9:8000 > 172.16.0.3:40000'),
  'the same in both directions',
);
t.equal(of('udp [fd00::3]:1 > [fd01::1]:2'), of('udp [fd01::1]:2 > [fd00::3]:1'), 'also of IPv6');
t.not(of('tcp 172.16.0.3:1 > 10.60.0.9:80'), of('udp 172.16.0.3:1 > 10.60.0.9:80'));
t.not(of('tcp 172.16.0.3:1 > 10.60.0.9:80'), of('tcp 172.16.0.3:80 > 10.60.0.9:1'), 'ports count');

t.test('ports of one client come by all slots alike', (t) => {
  for (const [from, to] of [
    ['172.16.0.3', '10.60.0.9'],
    ['[fd00::3]', '[fd01::1]'],
  ]) {
    const counts = new Array<number>(64).fill(0);
    for (let port = 20_000; port < 26_400; port++) {
      const slot = of(`tcp ${String(from)}:${String(port)} > ${String(to)}:80`) % 64;
      counts[slot] = (counts[slot] ?? 0) + 1;
    }
    t.ok(Math.min(...counts) > 50 && Math.max(...counts) < 160, counts.join(' '));
  }
  t.end();
});

const way = (of: Partial<Way>): Way => ({
  usable: (strand) => strand !== 0,
  avoided: () => false,
  soft: 0,
  stay: 0,
  ...of,
});

t.test('what is avoided is passed over while there is something better', (t) => {
  const levels = [1, 2, 3].map((strand) => new Array<number>(64).fill(strand));
  const avoid = (...all: readonly number[]) => ({ avoided: (one: number) => all.includes(one) });
  const strand = (of: Partial<Way>) => walk(levels, 99, way(of))?.strand;
  t.equal(strand({}), 1);
  t.equal(strand(avoid(1)), 2);
  t.equal(strand({ ...avoid(1), soft: 1 }), 1, 'not the last resort');
  t.equal(strand({ ...avoid(1, 2), soft: 2, stay: 2 }), 2, 'where it is');
  t.equal(strand({ ...avoid(1, 2), soft: 2, stay: 9 }), 1, 'which is none of its class');
  const usable = (one: number): boolean => one === 3;
  t.equal(strand({ usable, ...avoid(3), soft: 2, stay: 1 }), 3, 'the last resort');
  t.equal(homeOf(levels, 99), 1);
  t.equal(homeOf([], 99), 0);
  t.end();
});

t.test('the walk', (t) => {
  const own = Array.from({ length: 64 }, (_, slot) => slot + 1);
  const next = new Array<number>(64).fill(100);
  t.strictSame(
    walk([own, next], 64 * 5 + 7, way({})),
    { strand: 8, level: 0, slot: 7, passed: 0 },
    'begins at the lowest bits',
  );
  const seen = new Set<number>();
  const usable = (strand: number): boolean => {
    seen.add(strand);
    return strand === 100;
  };
  const found = walk([own, next], 64 * 6 + 7, way({ usable }));
  t.equal(seen.size, 65, 'comes by each slot of a level once');
  t.match(found, { strand: 100, level: 1, passed: 64 }, 'and then by those of the next');
  t.equal(walk([own], 3, way({ usable: () => false })), undefined, 'and ends');
  t.equal(walk([], 3, way({})), undefined);
  t.match(
    walk([own], 0xffff_ffff, way({ usable: (strand) => strand === 1 })),
    { slot: 0 },
    'numbers beyond 32 bits are as those of 32',
  );
  t.end();
});
