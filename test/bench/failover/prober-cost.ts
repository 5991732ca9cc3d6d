// SPDX-License-Identifier: Apache-2.0
/** What the prober takes of a processor for 100 strands at 30 ms, all answered at the other end of a link of 20 ms. */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPlane, type OpenedPlane } from '../../../bpf/loader/adopt.js';
import { bpfDirectory } from '../../../bpf/loader/bpffs.js';
import * as layout from '../../../bpf/loader/layout.js';
import { objectPath } from '../../../bpf/loader/objects.js';
import { defaultLab } from '../../../lab/default.js';
import { Lab } from '../../../lab/lab.js';
import type { Place } from '../../../lab/place.js';
import { builtFile } from '../built-file.js';
import type { Report } from '../report.js';

const strands = Array.from({ length: 100 }, (_, at) => at + 1);
const intervalMs = 30;
const rounds = 5;
const device = 'wan0';

/** `prober_cpu_percent`: with all that the kernel does to send. */
export async function proberCost(report: Report, secondsOfRound: number): Promise<void> {
  const name = `bench-${String(process.pid)}`;
  await using lab = await Lab.up(defaultLab(name));
  // On a straight cable the far end's answers would be made, and charged, while we send.
  await lab.set(`edge/${device}`, { delay: '10ms' });
  await using near = await Node.open(lab.node('edge'), `ww-${name}-near`, 1);
  await using far = await Node.open(lab.node('cloud'), `ww-${name}-far`, 2);
  far.reflect();
  near.reflect();
  const command = [builtFile('prober'), near.directory];
  const prober = near.place.spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(prober, 'exit');
  try {
    near.ask();
    await sleep(2_000);
    const percents: number[] = [];
    const before = near.counted();
    for (let round = 0; round < rounds; round++) {
      const [cpuNs, atMs] = [near.proberNs(), performance.now()];
      await sleep(secondsOfRound * 1_000);
      percents.push((near.proberNs() - cpuNs) / 1e4 / (performance.now() - atMs));
    }
    const after = near.counted();
    report.add({ figure: 'prober_cpu_percent', unit: '% of a core', ours: percents });
    const sent = after.sent - before.sent;
    const wanted = (rounds * secondsOfRound * 1e3 * strands.length) / intervalMs;
    report.note(
      `${String(sent)} probes, ${(sent / wanted).toFixed(3)} of what is asked; ${String(after.received - before.received)} answered`,
    );
  } finally {
    prober.kill();
    await ended;
  }
}

/** One end: a plane in a bpffs, and the stamps' programs at the device. Disposing it removes both. */
class Node implements AsyncDisposable {
  readonly place: Place;
  readonly directory: string;
  readonly #plane: OpenedPlane;
  readonly #side: number;

  private constructor(place: Place, directory: string, plane: OpenedPlane, side: number) {
    this.place = place;
    this.directory = directory;
    this.#plane = plane;
    this.#side = side;
  }

  static async open(place: Place, name: string, side: number): Promise<Node> {
    const directory = await bpfDirectory(name);
    const maxEntries = { sessions4: 64, sessions6: 64 };
    const plane = await openPlane(directory, objectPath('wire'), { maxEntries });
    const node = new Node(place, directory, plane, side);
    const tc = (...words: string[]): Promise<string> => place.exec('tc', ...words);
    await tc('qdisc', 'add', 'dev', device, 'clsact');
    for (const [way, program] of [
      ['egress', 'stamp_tx'],
      ['ingress', 'stamp_rx'],
    ] as const) {
      const pin = `${directory}/progs/${program}`;
      await tc('filter', 'add', 'dev', device, way, 'bpf', 'da', 'object-pinned', pin);
    }
    for (const at of strands) {
      await place.exec('ip', 'address', 'add', `${text(side, at)}/16`, 'dev', device);
    }
    return node;
  }

  /** Answer what comes by the strands. */
  reflect(): void {
    const plane = this.#plane;
    plane.map('control').store32(0, layout.control.offsets.stamp_port, layout.stampPort);
    for (const strand of strands) {
      const local = mapped(this.#side, strand);
      const remote = mapped(3 - this.#side, strand);
      const value = { local, remote, family: 4, peer: 1, link: 1, mtu: 1400 };
      plane.map('strands').update(u32(strand), layout.strand.encode(value));
      const of = layout.pathOf.encode({ strand, peer: 1 });
      plane.map('paths').update(layout.path.encode({ local, remote }), of);
    }
  }

  /** Have every strand probed. */
  ask(): void {
    const wish = layout.probe.encode({
      interval_us: intervalMs * 1e3,
      detect_us: 5 * intervalMs * 1e3,
      flags: layout.probeFlags.judge,
      size: layout.limits.stamp,
    });
    for (const strand of strands) this.#plane.map('probes').update(u32(strand), wish);
  }

  counted(): { readonly sent: number; readonly received: number } {
    const all = strands.map((strand) => {
      const value = this.#plane.map('quality').lookup(u32(strand));
      return layout.quality.decode(value ?? Buffer.alloc(layout.quality.size));
    });
    const sum = (of: (one: (typeof all)[number]) => bigint | number): number =>
      all.reduce((total, one) => total + Number(of(one)), 0);
    return { sent: sum((one) => one.sent), received: sum((one) => one.received) };
  }

  /** Processor time that the prober has had. */
  proberNs(): number {
    const pid = this.#plane.map('control').load32(0, layout.control.offsets.prober_pid);
    const [ns = ''] = readFileSync(`/proc/${String(pid)}/schedstat`, 'utf8').split(' ');
    return Number(ns);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#plane[Symbol.dispose]();
    await rm(this.directory, { recursive: true, force: true });
  }
}

function text(side: number, strand: number): string {
  return `10.77.${String(side)}.${String(strand)}`;
}

/** As an IPv6 address has it. */
function mapped(side: number, strand: number): Buffer {
  return Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 77, side, strand]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
