// SPDX-License-Identifier: Apache-2.0
/** Maps of every kind that the data plane has: one entry, many, all, words in memory. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { BpfMap } from '../../bpf/loader/map.js';
import { BpfObject } from '../../bpf/loader/object.js';
import { sandbox } from '../netns/sandbox.js';
import { Inside } from './inside.js';
import { u32 } from './number.js';
import { bpffs, compile } from './objects.js';

function key16(value: number): Buffer {
  return Buffer.concat([u32(value), Buffer.alloc(12, 5)]);
}

function loaded(t: Test, ...options: readonly string[]): BpfObject {
  const object = BpfObject.open(compile('count', ...options));
  t.teardown(() => {
    object[Symbol.dispose]();
  });
  return object;
}

t.test('one entry at a time', (t) => {
  const object = loaded(t);
  object.load();
  const map = object.map('hash');
  t.match(map, { name: 'hash', type: 1, keySize: 16, valueSize: 4, maxEntries: 64 });
  t.equal(map.possibleCpus, 1);
  t.equal(map.lookup(key16(1)), undefined);
  map.update(key16(1), u32(10), 'create');
  t.throws(
    () => {
      map.update(key16(1), u32(11), 'create');
    },
    { name: 'KernelError', errnoName: 'EEXIST', message: /update map hash/ },
  );
  map.update(key16(1), u32(11), 'exist');
  t.same(map.lookup(key16(1)), u32(11));
  t.throws(() => {
    map.update(key16(2), u32(1), 'exist');
  }, /: ENOENT /);
  t.equal(map.delete(key16(1)), true);
  t.equal(map.delete(key16(1)), false);
  t.end();
});

t.test('keys and values of other sizes are refused before the kernel reads beside them', (t) => {
  const object = loaded(t);
  object.load();
  const map = object.map('hash');
  const key = /hash key: 3 is not valid: want 16 bytes/;
  t.throws(() => map.lookup(Buffer.alloc(3)), key);
  t.throws(() => map.delete(Buffer.alloc(3)), key);
  t.throws(() => {
    map.deleteBatch([key16(1), Buffer.alloc(3)]);
  }, key);
  t.throws(() => {
    map.update(key16(1), Buffer.alloc(5));
  }, /hash value: 5 is not valid: want 4 bytes/);
  t.throws(() => {
    map.updateBatch([key16(1)], [u32(1), u32(2)]);
  }, /values: 2 is not valid: want one for each of 1 keys/);
  t.end();
});

for (const name of ['hash', 'lru', 'prefixes'] as const) {
  t.test(`${name}: many at a time`, (t) => {
    const object = loaded(t);
    object.load();
    const map = object.map(name);
    const key = (n: number): Buffer =>
      name === 'prefixes' ? Buffer.concat([u32(32), u32(n)]) : key16(n);
    const value = (n: number): Buffer => Buffer.concat([u32(n), Buffer.alloc(map.valueSize - 4)]);
    t.same(map.entries(), []);
    t.same(map.keys(), []);
    map.updateBatch([], []);
    map.deleteBatch([]);
    const numbers = Array.from({ length: 50 }, (_, n) => n * 3);
    map.updateBatch(numbers.map(key), numbers.map(value));
    const read = new Map(map.entries().map(([k, v]) => [k.toString('hex'), v]));
    t.equal(read.size, 50);
    for (const n of numbers) t.same(read.get(key(n).toString('hex')), value(n));
    t.same(
      map
        .keys()
        .map((k) => k.toString('hex'))
        .sort(),
      [...read.keys()].sort(),
    );
    const { keys, values } = map.packed();
    t.equal(keys.length, 50 * map.keySize);
    t.equal(values.length, 50 * map.valueSize);
    // Every third number is there, so two of three are missing, first and last ones too.
    map.deleteBatch(Array.from({ length: 120 }, (_, n) => key(n - 3)));
    t.equal(map.entries().length, 50 - 39);
    t.equal(map.lookup(key(117))?.readUInt32LE(), 117);
    t.equal(map.lookup(key(114)), undefined);
    t.end();
  });
}

t.test('a map that is full says so, and keeps what went in', (t) => {
  const object = loaded(t);
  object.setMaxEntries('hash', 4);
  object.load();
  const map = object.map('hash');
  const keys = [1, 2, 3, 4, 5, 6].map(key16);
  t.throws(
    () => {
      map.updateBatch(
        keys,
        keys.map(() => u32(1)),
      );
    },
    { errnoName: 'E2BIG', message: /update 6 entries map hash/ },
  );
  t.equal(map.entries().length, 4);
  t.end();
});

t.test('per-CPU maps have a value for each CPU', (t) => {
  const object = loaded(t);
  object.load();
  const map = object.map('per_cpu');
  t.equal(map.valueSize, 12);
  const size = map.possibleCpus * 16;
  const value = Buffer.alloc(size);
  for (let cpu = 0; cpu < map.possibleCpus; cpu++) value.writeUInt32LE(cpu + 1, cpu * 16);
  map.updateBatch([u32(1), u32(2)], [value, value]);
  map.update(u32(3), value);
  t.same(map.lookup(u32(1)), value);
  t.same(
    map.entries().map(([, found]) => found),
    [value, value, value],
  );
  t.throws(
    () => {
      map.update(u32(1), Buffer.alloc(12));
    },
    new RegExp(`want ${String(size)} bytes`),
  );
  t.end();
});

t.test('a type without batches is gone through one by one', (t) => {
  const object = loaded(t, '-DDEVICES');
  object.load();
  const map = object.map('devices');
  // The loopback interface is in every namespace.
  map.updateBatch([u32(4), u32(9)], [u32(1), u32(1)]);
  t.same(
    map
      .keys()
      .map((key) => key.readUInt32LE())
      .sort(),
    [4, 9],
  );
  map.deleteBatch([u32(3), u32(4), u32(5)]);
  t.same(map.entries(), [[u32(9), u32(1)]]);
  t.end();
});

t.test('words of an array in memory', (t) => {
  const pins = bpffs(t);
  const object = loaded(t);
  object.load({ pinDirectory: pins });
  const map = object.map('control');
  using reader = BpfMap.open(join(pins, 'control'));
  map.store32(0, 4, 0xffff_fffe);
  map.store32(0, 12, 3);
  t.equal(reader.load32(0, 4), 0xffff_fffe);
  t.equal(map.load32(0, 0), 0);
  t.same(map.lookup(u32(0)), Buffer.from('00000000feffffff0000000003000000', 'hex'));
  t.throws(() => {
    map.store32(1, 0, 1);
  }, /control index: 1 is not valid: want 0 to 0/);
  t.throws(() => map.load32(-1, 0), /control index/);
  t.throws(
    () => map.load32(0, 16),
    /control offset: 16 is not valid: want a multiple of 4 below 16/,
  );
  t.throws(() => map.load32(0, 2), /control offset/);
  t.throws(() => object.map('counters').load32(0, 0), {
    name: 'KernelError',
    message: /load from map counters: .*mmap/,
  });
  t.end();
});

t.test('a table is read while another process changes it: what stays is told once', async (t) => {
  const pins = bpffs(t);
  const object = loaded(t);
  object.setMaxEntries('hash', 20_000);
  object.load({ pinDirectory: pins });
  const map = object.map('hash');
  const stay = Array.from({ length: 3_000 }, (_, n) => key16(n));
  map.updateBatch(
    stay,
    stay.map(() => u32(0)),
  );
  const other = await Inside.start(t, (await sandbox(t)).path);
  await other.do({ do: 'churn', pin: join(pins, 'hash'), from: 10_000 });
  const sizes = new Set<number>();
  // The other process may have to wait for its turn.
  const lastMs = performance.now() + 30_000;
  for (let round = 0; round < 100 || (sizes.size < 2 && performance.now() < lastMs); round++) {
    const told = map.keys().map((key) => key.readUInt32LE());
    sizes.add(told.length);
    if (new Set(told).size !== told.length) t.fail('one was told twice');
    if (told.filter((n) => n < 3_000).length !== 3_000) t.fail('one that stays was not told');
  }
  t.ok(Number(await other.do({ do: 'rest' })) > 0);
  t.ok(sizes.size > 1, 'it did change');
});

t.test('a hundred thousand entries, there and back', (t) => {
  const object = loaded(t);
  object.setMaxEntries('hash', 100_000);
  object.load();
  const map = object.map('hash');
  const keys = Array.from({ length: 100_000 }, (_, n) => key16(n));
  map.updateBatch(
    keys,
    keys.map((_, n) => u32(n)),
  );
  const wrong = map.entries().filter(([key, value]) => key.readUInt32LE() !== value.readUInt32LE());
  t.same(wrong, []);
  t.equal(map.keys().length, 100_000);
  t.end();
});
