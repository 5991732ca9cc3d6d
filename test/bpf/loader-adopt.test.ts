// SPDX-License-Identifier: Apache-2.0
/** The state contract: what a life of the forwarder finds in a directory of pins. */
import { lstatSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { layoutVersion } from '../../bpf/loader/layout.js';
import { BpfMap } from '../../bpf/loader/map.js';
import { openPlane } from '../../bpf/loader/adopt.js';
import { Program } from '../../bpf/loader/program.js';
import { sandbox, type Sandbox } from '../netns/sandbox.js';
import { Inside } from './inside.js';
import { bpffs, compile, compileAnew, folder } from './objects.js';
import { u32 } from './number.js';

interface Opened {
  readonly adopted: string;
  readonly maps: readonly string[];
  readonly tag: string;
}

interface Stage {
  readonly directory: string;
  readonly node: Sandbox;
  readonly loader: Inside;
  readonly open: (object: string) => Promise<Opened>;
  readonly attach: (pin: string, how: 'tcx' | 'clsact') => Promise<unknown>;
  /** The programs that are attached, as the kernel tells. */
  readonly tags: () => Promise<(string | undefined)[]>;
}

async function stage(t: Test): Promise<Stage> {
  const directory = join(bpffs(t), 'forwarder');
  const node = await sandbox(t);
  await node.ip('link', 'add', 'ww-n', 'type', 'veth', 'peer', 'name', 'ww-h');
  const [link] = await node.ip('link', 'show', 'ww-n');
  const ifindex = link?.ifindex ?? 0;
  const loader = await Inside.start(t, node.path);
  const links = join(directory, 'links');
  return {
    directory,
    node,
    loader,
    open: async (object) => (await loader.do({ do: 'plane', directory, object })) as Opened,
    attach: (name, how) => {
      const pin = join(links, name);
      return loader.do({ do: 'attach', as: 'wire', ifindex, hook: 'ingress', pin, how });
    },
    tags: async () => (await loader.attachments(links)).map(({ program }) => program?.tag),
  };
}

t.test('a new plane: maps, programs and folders of our own, for nobody else', async (t) => {
  const directory = join(bpffs(t), 'forwarder');
  using plane = await openPlane(directory, compile('count'), { maxEntries: { hash: 5 } });
  t.equal(plane.adopted, 'new');
  t.same(plane.mapNames, ['control', 'counters', 'hash', 'lru', 'per_cpu', 'prefixes']);
  t.equal(plane.map('hash').maxEntries, 5);
  t.equal(plane.map('control').load32(0, 0), layoutVersion);
  t.equal(plane.program('count').testRun(Buffer.alloc(64)).retval, -1);
  t.throws(() => plane.map('nope'), /map: "nope" is not valid: want one of control, /);
  t.throws(() => plane.program('nope'), /program: "nope" is not valid: want one of count, other/);
  for (const name of ['', 'maps', 'progs', 'links']) {
    t.equal(lstatSync(join(directory, name)).mode & 0o777, 0o700);
  }
  plane[Symbol.dispose]();
  t.throws(() => plane.map('hash').lookup(Buffer.alloc(16)), /EBADF/);
});

t.test('the same object: nothing is loaded, everything is as it was', async (t) => {
  const { open, attach, directory, loader } = await stage(t);
  const object = compile('count');
  const first = await open(object);
  t.equal(first.adopted, 'new');
  await loader.do({ do: 'load', as: 'wire', object, pins: join(directory, 'maps') });
  await attach('wire', 'tcx');
  using program = Program.open(join(directory, 'progs', 'count'));
  using hash = BpfMap.open(join(directory, 'maps', 'hash'));
  hash.update(Buffer.alloc(16), u32(5));
  await loader.kill();

  using again = await openPlane(directory, object, { maxEntries: { hash: 3 } });
  t.equal(again.adopted, 'same');
  t.equal(again.program('count').id, program.id, 'the very program');
  t.equal(again.map('hash').id, hash.id);
  t.equal(again.map('hash').maxEntries, 64, 'a map that is there stays as it is');
  t.same(again.map('hash').lookup(Buffer.alloc(16)), u32(5));
});

t.test('another object: on the same maps, at every interface, by one step each', async (t) => {
  const { open, attach, directory, tags, loader } = await stage(t);
  const old = compile('count', '-DSLOT=1');
  const { tag } = await open(old);
  await loader.do({ do: 'load', as: 'wire', object: old, pins: join(directory, 'maps') });
  await attach('wire', 'tcx');
  t.same(await tags(), [tag]);
  using hash = BpfMap.open(join(directory, 'maps', 'hash'));
  hash.update(Buffer.alloc(16), u32(5));

  const next = await open(compile('count', '-DSPARE'));
  t.equal(next.adopted, 'swapped');
  t.not(next.tag, tag);
  t.same(await tags(), [next.tag]);
  t.same(readdirSync(join(directory, 'progs')).sort(), ['count', 'other']);
  using after = BpfMap.open(join(directory, 'maps', 'hash'));
  t.equal(after.id, hash.id);
  t.same(after.lookup(Buffer.alloc(16)), u32(5));
  const again = await open(compileAnew(t, 'count', '-DSPARE'));
  t.equal(again.adopted, 'same', 'built again, the same');
});

t.test('clsact filters are swapped as well', async (t) => {
  const { open, attach, directory, tags, loader } = await stage(t);
  const old = compile('count');
  await open(old);
  await loader.do({ do: 'load', as: 'wire', object: old, pins: join(directory, 'maps') });
  await attach('wire', 'clsact');
  const next = await open(compile('count', '-DSPARE'));
  t.same(await tags(), [next.tag]);
});

t.test('a life that ended in the middle of a swap is put right by the next', async (t) => {
  const { open, attach, directory, tags, loader } = await stage(t);
  const old = compile('count');
  const object = compile('count', '-DSPARE');
  await open(old);
  await loader.do({ do: 'load', as: 'wire', object: old, pins: join(directory, 'maps') });
  await attach('wire', 'tcx');
  // As it is when the new programs are pinned, and no link is updated yet.
  rmSync(join(directory, 'object'));
  await loader.do({ do: 'load', as: 'new', object, pins: join(directory, 'maps') });
  rmSync(join(directory, 'progs', 'count'));
  const next = await open(object);
  t.equal(next.adopted, 'swapped');
  t.same(await tags(), [next.tag]);
  rmSync(join(directory, 'progs', 'count'));
  t.match(await open(object), { adopted: 'swapped' }, 'a program that is gone is loaded again');
});

t.test('pins of devices that are gone are forgotten', async (t) => {
  const { open, attach, directory, loader, node } = await stage(t);
  const object = compile('count');
  await open(object);
  await loader.do({ do: 'load', as: 'wire', object, pins: join(directory, 'maps') });
  for (const how of ['tcx', 'clsact'] as const) await attach(how, how);
  const links = join(directory, 'links');
  await open(object);
  t.same(readdirSync(links), ['clsact', 'tcx']);
  await node.ip('link', 'del', 'ww-n');
  t.equal((await open(object)).adopted, 'same');
  t.same(readdirSync(links), []);
});

t.test('maps of another version', async (t) => {
  const { open, attach, directory, loader } = await stage(t);
  const object = compile('count');
  await open(object);
  await loader.do({ do: 'load', as: 'wire', object, pins: join(directory, 'maps') });
  await attach('wire', 'tcx');
  const pin = join(directory, 'maps', 'control');
  {
    using control = BpfMap.open(pin);
    control.store32(0, 0, 77);
  }
  await t.rejects(open(object), /layout 77, this one has \d+\), and 1 interfaces use them/);
  t.match(await loader.attachments(join(directory, 'links')), [{ alive: true }]);

  await loader.do({ do: 'detach', links: join(directory, 'links') });
  using hash = BpfMap.open(join(directory, 'maps', 'hash'));
  t.equal((await open(object)).adopted, 'new', 'no packet meets them: made anew');
  using control = BpfMap.open(pin);
  t.equal(control.load32(0, 0), layoutVersion);
  using fresh = BpfMap.open(join(directory, 'maps', 'hash'));
  t.not(fresh.id, hash.id);
});

t.test('bad directories and objects', async (t) => {
  const object = compile('count');
  const dir = folder(t);
  await t.rejects(openPlane(join(dir, 'x'), object), {
    message: /BPF directory: .* is not valid: want a directory in a bpffs/,
  });
  const directory = join(bpffs(t), 'forwarder');
  const none = join(dir, 'none.bpf.o');
  await t.rejects(openPlane(directory, none), { name: 'KernelError', message: /read BPF object/ });
  writeFileSync(join(dir, 'text'), 'text');
  await t.rejects(openPlane(directory, join(dir, 'text')), { name: 'KernelError' });
  await t.rejects(openPlane(directory, compile('refused')), { name: 'VerifierError' });
  t.same(readdirSync(join(directory, 'maps')), []);
  t.same(readdirSync(join(directory, 'progs')), []);
  using plane = await openPlane(directory, object);
  t.equal(plane.adopted, 'new', 'a failure leaves nothing in the way');
});
