// SPDX-License-Identifier: Apache-2.0
/** A ring buffer's records: in order, a part at a time, left alone at rest; and its handles' lives. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { systemClock } from '../../api/chain/clock.js';
import { BpfObject } from '../../bpf/loader/object.js';
import { objectPath } from '../../bpf/loader/objects.js';
import { RingBuffer, type RingOptions } from '../../bpf/loader/ring.js';
import { ManualClock } from '../doubles/manual-clock.js';
import { bpffs, compileText } from './objects.js';
import { typescript } from './typescript.js';

/** Each run writes a record of 8 bytes: a number that grows, and one of 4 bytes. */
const text = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} records SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} number SEC(".maps");
SEC("tc") int write(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *next = bpf_map_lookup_elem(&number, &zero);

	if (!next)
		return 1;
	++*next;
	return bpf_ringbuf_output(&records, next, 8, 0) || bpf_ringbuf_output(&records, next, 4, 0);
}
char LICENSE[] SEC("license") = "Dual MIT/GPL";
`;

function writer(t: Test) {
  const object = BpfObject.open(compileText(t, text));
  t.teardown(() => object[Symbol.dispose]());
  const pinDirectory = bpffs(t);
  object.load({ pinDirectory });
  const write = (count: number): number =>
    object.program('write').testRun(Buffer.alloc(64), { repeat: count }).retval;
  const heard: (readonly [numbers: number[], full: boolean])[] = [];
  const open = (options: Partial<RingOptions> = {}): RingBuffer => {
    const ring = RingBuffer.open(join(pinDirectory, 'records'), {
      recordSize: 8,
      clock: systemClock,
      onRecords: (records, full) => {
        const numbers = Array.from({ length: records.length / 8 }, (_, n) =>
          Number(records.readBigUInt64LE(8 * n)),
        );
        heard.push([numbers, full]);
      },
      ...options,
    });
    t.teardown(() => ring[Symbol.dispose]());
    return ring;
  };
  const until = async (count: number): Promise<void> => {
    while (heard.flatMap(([numbers]) => numbers).length < count) await sleep(1);
  };
  return { write, heard, open, until, pinDirectory };
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);

t.test('in order, a part at a time; those of another size are passed over', async (t) => {
  const { write, heard, open, until } = writer(t);
  t.equal(write(10), 0);
  const ring = open({ most: 4 });
  await sleep(20);
  t.same(heard, [], 'it begins at rest');
  ring.read();
  ring.read();
  await until(10);
  t.same(heard, [
    [range(1, 4), true],
    [range(5, 8), true],
    [range(9, 10), false],
  ]);
  write(1);
  await until(11);
  ring.rest();
  write(1);
  await sleep(60);
  t.equal(heard.length, 4, 'at rest it reads nothing');
  ring.read();
  await until(12);
});

t.test('many records cost one wake-up', async (t) => {
  const { write, heard, open, until } = writer(t);
  // Its rest ends when we say so, however long we take.
  const clock = new ManualClock();
  const ring = open({ restMs: 300, clock });
  ring.read();
  write(1);
  await until(1);
  for (let n = 0; n < 50; n++) {
    write(1);
    await sleep(1);
  }
  await clock.advance(299);
  t.equal(heard.length, 1, 'it rests');
  await clock.advance(1);
  await until(51);
  t.equal(heard.length, 2);
});

t.test(
  'what one has not read is for the next, also when it ends in its own callback',
  async (t) => {
    const { write, heard, open, until } = writer(t);
    write(6);
    const first = open({
      most: 2,
      onRecords: (records) => {
        heard.push([[records.length], false]);
        first[Symbol.dispose]();
      },
    });
    first.read();
    while (heard.length === 0) await sleep(1);
    heard.length = 0;
    open().read();
    await until(4);
    t.same(heard[0]?.[0], range(3, 6));
  },
);

t.test('a map that is no ring buffer, and none', (t) => {
  const { pinDirectory } = writer(t);
  const options = { recordSize: 8, clock: systemClock, onRecords: () => undefined };
  t.throws(() => RingBuffer.open(join(pinDirectory, 'number'), options), /open ring buffer/);
  t.throws(() => RingBuffer.open(join(pinDirectory, 'none'), options), /open ring buffer/);
  t.end();
});

const life = fileURLToPath(new URL('life.ts', import.meta.url));
const made = ['open', 'load pinned', 'close object'];

for (const steps of [
  [...made, 'ring'],
  [...made, 'ring', 'read ring'],
  [...made, 'ring', 'close ring', 'close ring', 'read ring', 'rest ring', 'forget', 'collect'],
  [...made, 'ring', 'read ring', 'rest ring', 'read ring', 'close ring', 'forget', 'collect'],
  [...made, 'ring', 'read ring', 'forget', 'collect'],
  [...made, 'worker', 'collect', 'worker that is ended'],
]) {
  t.test(steps.slice(made.length).join(', '), async (t) => {
    const node = [
      process.execPath,
      '--expose-gc',
      ...typescript,
      life,
      objectPath('wire'),
      bpffs(t),
    ];
    // Rejects unless it exits with 0, by itself.
    const options = ['-u', 'NODE_OPTIONS', ...node, ...steps];
    const { stdout, stderr } = await promisify(execFile)('env', options);
    t.equal(stdout, '0\n', 'left to the collector');
    t.equal(stderr, '');
  });
}
