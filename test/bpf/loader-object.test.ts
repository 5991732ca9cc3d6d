// SPDX-License-Identifier: Apache-2.0
/** Object files and programs: parsed, adjusted, loaded, pinned, run, and refused in words. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { features, need, supports } from '../../bpf/loader/features.js';
import { gracePeriod } from '../../bpf/loader/grace.js';
import { addon } from '../../bpf/loader/addon.js';
import { BpfMap } from '../../bpf/loader/map.js';
import { BpfObject } from '../../bpf/loader/object.js';
import { Program } from '../../bpf/loader/program.js';
import { VerifierError } from '../../bpf/loader/verifier-error.js';
import { u32 } from './number.js';
import { bpffs, compile, folder } from './objects.js';

/** ICMP echo over IPv4, as far as the fixture looks. */
const echo = Buffer.concat([
  Buffer.alloc(12, 2),
  Buffer.from('0800', 'hex'),
  Buffer.from('4500005400004000400100000a0000010a000002', 'hex'),
  Buffer.from('0800000000010001', 'hex'),
  Buffer.alloc(56),
]);

t.test('an object is loaded, and its program counts and answers', (t) => {
  using object = BpfObject.open(compile('count'));
  t.same(object.programNames, ['count', 'other']);
  t.same(object.mapNames.toSorted(), ['control', 'counters', 'hash', 'lru', 'per_cpu', 'prefixes']);
  object.setRodata('slot', u32(3));
  object.setRodata('answer', u32(2));
  object.setMaxEntries('hash', 7);
  object.load();
  const program = object.program('count');
  t.match(program, { name: 'count', tag: /^[0-9a-f]{16}$/, id: Number });
  t.equal(object.program('count'), program, 'the same one again');
  t.equal(object.map('hash').maxEntries, 7);
  const first = program.testRun(echo);
  t.equal(first.retval, 2);
  t.same(first.packet, echo);
  t.equal(program.testRun(echo, { repeat: 9 }).retval, 2);
  t.same(object.map('counters').lookup(u32(3)), Buffer.from('0a00000000000000', 'hex'));
  t.equal(object.program('other').testRun(echo, { ifindex: 1 }).retval, -1, 'signed');
  t.equal(program.testRun(echo, { sizeOut: 20 }).packet.length, 20, 'no more than was asked for');
  t.end();
});

t.test('maps that are pinned are used, others are pinned; programs outlive the object', (t) => {
  const pins = bpffs(t);
  const path = compile('count');
  {
    using object = BpfObject.open(path);
    object.load({ pinDirectory: pins });
    object.map('hash').update(Buffer.alloc(16, 1), u32(77));
    object.program('count').pin(join(pins, 'program'));
  }
  t.same(readdirSync(pins).includes('prefixes'), true);
  using again = BpfObject.open(path);
  again.load({ pinDirectory: pins });
  t.same(again.map('hash').lookup(Buffer.alloc(16, 1)), u32(77));
  using program = Program.open(join(pins, 'program'));
  t.equal(program.tag, again.program('count').tag);
  t.not(program.id, again.program('count').id);
  program.testRun(echo);
  t.same(again.map('counters').lookup(u32(0))?.readBigUInt64LE(), 1n, 'both use the same map');

  using other = BpfObject.open(compile('count'));
  other.setMaxEntries('hash', 65);
  t.throws(
    () => {
      other.load({ pinDirectory: pins });
    },
    { name: 'KernelError', errnoName: 'EINVAL', message: /hash.*parameter mismatch/ },
  );
  t.end();
});

t.test('an object that wishes to be pinned is pinned only where it is told', (t) => {
  const pins = bpffs(t);
  const path = compile('count', '-DPINNED');
  using object = BpfObject.open(path);
  object.load();
  t.notOk(existsSync('/sys/fs/bpf/counters'));
  using other = BpfObject.open(path);
  other.load({ pinDirectory: pins });
  t.ok(existsSync(join(pins, 'counters')));
  t.end();
});

t.test('a program that the verifier refuses tells why, in one line and at length', (t) => {
  const pins = bpffs(t);
  using object = BpfObject.open(compile('refused'));
  try {
    object.load({ pinDirectory: pins });
    t.fail('it was loaded');
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    t.equal(error.program, 'careless');
    t.match(error.message, /^program careless was refused by the verifier: .*invalid access/);
    t.notMatch(error.message, /\n/);
    t.match(error.log, /r0 = \*\(u8 \*\)[\s\S]*processed \d+ insns/);
  }
  t.throws(() => object.program('fine'), { name: 'KernelError', errnoName: 'ENOENT' });
  t.same(readdirSync(pins), [], 'nothing is left');
  t.end();
});

t.test('bad files and names', (t) => {
  const dir = folder(t);
  const no = join(dir, 'none.bpf.o');
  t.throws(() => BpfObject.open(no), { name: 'KernelError', errnoName: 'ENOENT', message: no });
  const text = join(dir, 'text.bpf.o');
  writeFileSync(text, 'no ELF at all');
  t.throws(() => BpfObject.open(text), { name: 'KernelError', errnoName: 'ENOEXEC' });
  t.throws(() => BpfObject.open(process.execPath), { name: 'KernelError', errnoName: 'ENOEXEC' });

  using object = BpfObject.open(compile('count'));
  t.throws(() => object.program('count'), /: ENOENT /, 'not loaded yet');
  t.throws(() => {
    object.setMaxEntries('nope', 1);
  }, /"nope" is not valid: want one of .*prefixes/);
  t.throws(() => {
    object.setRodata('nope', u32(1));
  }, /: ENOENT /);
  t.throws(
    () => {
      object.setRodata('slot', Buffer.alloc(8));
    },
    { errnoName: 'EINVAL', message: /slot .* to 8 bytes/ },
  );
  object.load();
  t.throws(() => object.program('nope'), /want one of count, other/);
  t.throws(() => object.map('nope'), /want one of /);
  t.throws(() => {
    object.setRodata('slot', u32(1));
  }, /: EBUSY /);
  t.throws(() => {
    object.setMaxEntries('hash', 3);
  }, /: EBUSY /);
  t.throws(
    () => {
      object.program('count').pin(join(dir, 'no-bpffs'));
    },
    { name: 'KernelError', message: /pin program count to / },
  );
  t.throws(() => object.program('count').testRun(Buffer.alloc(3)), /: EINVAL /);
  t.throws(() => object.program('count').testRun(echo, { ifindex: 99_999 }), /: ENODEV /);
  t.notOk(existsSync(join(dir, 'no-bpffs')));
  t.end();
});

t.test('a pin of another kind is not taken for what it is not', (t) => {
  const pins = bpffs(t);
  using object = BpfObject.open(compile('count'));
  object.load({ pinDirectory: pins });
  const program = join(pins, 'program');
  object.program('count').pin(program);
  t.throws(() => BpfMap.open(program), { errnoName: 'EINVAL', message: /open map / });
  t.throws(() => Program.open(join(pins, 'hash')), /: EINVAL /);
  t.throws(() => BpfMap.open(join(pins, 'none')), /: ENOENT /);
  t.end();
});

t.test('what the kernel has', (t) => {
  // Each is in every kernel that these tests run on, or the probe is wrong.
  t.same(
    features.filter((one) => one !== 'tcx' && !supports(one)),
    [],
  );
  t.doesNotThrow(() => {
    need('mmapableArrays', 'lpmTries', 'tunnelLocalAddress');
  });
  t.throws(() => addon.probe(77), { message: 'No such file or directory' });
  t.end();
});

t.test('running programs are waited for, also where membarrier is not allowed', async (t) => {
  await gracePeriod();
  await addon.grace(true);
  t.pass('both came to an end');
});
