// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { Pool } from './pool.js';
import { formatAddress, merged, parsePrefix } from './prefix.js';

const at = (text: string): bigint => parsePrefix(text, 'address').first;
const excluded = (...texts: string[]) => merged(texts.map((text) => parsePrefix(text, 'excluded')));
const take = (pool: Pool, ...without: string[]): string | undefined => {
  const address = pool.take(excluded(...without));
  return address === undefined ? undefined : formatAddress(address, pool.prefix.bits);
};

t.test('lowest first, network and broadcast included, until none is left', async (t) => {
  const pool = new Pool('10.0.0.0/30');
  t.same(
    [take(pool), take(pool), take(pool), take(pool)],
    ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3'],
  );
  t.equal(take(pool), undefined);
  t.equal(pool.used, 4);
  for (const text of ['10.0.0.2', '10.0.0.0', '10.0.0.1', '10.0.0.3']) pool.release(at(text));
  t.equal(pool.used, 0);
  t.equal(take(pool, '10.0.0.0/30'), undefined);
  t.equal(take(pool), '10.0.0.0');
});

t.test('what is excluded is passed over, also in pieces', async (t) => {
  const pool = new Pool('10.0.0.0/28');
  t.equal(take(pool, '10.0.0.0/31', '9.0.0.0/8', '10.0.0.3/32'), '10.0.0.2');
  t.equal(take(pool, '10.0.0.0/31', '10.0.0.3/32', '11.0.0.0/8'), '10.0.0.4');
  t.equal(take(pool, '10.0.0.0/29'), '10.0.0.8');
  t.equal(take(pool), '10.0.0.0');
  t.equal(take(pool, '10.0.0.0/28'), undefined);
});

t.test('claiming', async (t) => {
  const pool = new Pool('10.0.0.0/30');
  t.equal(pool.claim(at('10.0.0.1')), true);
  t.equal(pool.claim(at('10.0.0.1')), false);
  t.equal(pool.claim(at('10.0.0.4')), false);
  t.equal(pool.claim(at('9.255.255.255')), false);
  t.same(
    [take(pool), take(pool), take(pool), take(pool)],
    ['10.0.0.0', '10.0.0.2', '10.0.0.3', undefined],
  );
});

t.test('a huge pool costs nothing until used', async (t) => {
  const pool = new Pool('fd00::/8');
  t.equal(take(pool), 'fd00::');
  t.equal(take(pool, 'fd00::/64'), 'fd00:0:0:1::');
  t.equal(take(pool, 'fd00::/8'), undefined);
});

t.test('any order of taking and giving back keeps the books', async (t) => {
  const pool = new Pool('10.0.0.0/24');
  const held = new Set<bigint>();
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  for (let n = 0; n < 5_000; n++) {
    const some = [...held][random(held.size)];
    if (some !== undefined && random(2) === 0) {
      pool.release(some);
      held.delete(some);
    } else if (random(3) === 0) {
      const wanted = pool.prefix.first + BigInt(random(256));
      if (pool.claim(wanted) === held.has(wanted)) t.fail('claimed twice, or not though free');
      held.add(wanted);
    } else {
      const got = pool.take([]);
      let lowest = pool.prefix.first;
      while (held.has(lowest)) lowest++;
      if (got !== (lowest > pool.prefix.last ? undefined : lowest)) t.fail('not the lowest');
      if (got !== undefined) held.add(got);
    }
  }
  t.equal(pool.used, held.size);
});

t.test('a pool must be a prefix', async (t) => {
  t.throws(() => new Pool('10.0.0.0-9'), { code: 3, message: /IP pool: "10\.0\.0\.0-9"/ });
});
