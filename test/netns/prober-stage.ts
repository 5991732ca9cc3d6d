// SPDX-License-Identifier: Apache-2.0
/**
 * Two nodes, one cable with IPv4 and IPv6 on it, the plane's programs at both
 * ends: what the prober of the first finds. The far one needs no process; it
 * answers until it is told not to.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { openPlane, type OpenedPlane } from '../../bpf/loader/adopt.js';
import * as layout from '../../bpf/loader/layout.js';
import { objectPath } from '../../bpf/loader/objects.js';
import { u32 } from '../bpf/number.js';
import { bpffs } from '../bpf/objects.js';
import { mapped } from '../bpf/packets.js';
import { Place } from '../bpf/two-nodes.js';

const exec = promisify(execFile);
/** The program under test. */
export const proberProgram = createRequire(import.meta.url).resolve('#prober');

/** How many strands a {@link ProberStage} can have of each family. */
export const mostStrands = 100;

const ends = {
  4: (side: number, at: number) => `10.77.${String(side)}.${String(at + 1)}`,
  6: (side: number, at: number) => `fd77:${String(side)}::${(at + 1).toString(16)}`,
} as const;

/** After how long nobody answers, where nothing is said: more than a busy machine is silent by itself. */
export const detectMs = 250;

/** What the prober is asked for; a strand of 20 ms that may be found silent where nothing is said. */
export type Asked = Partial<layout.Probe>;
const usual = {
  interval_us: 20_000,
  detect_us: detectMs * 1_000,
  flags: layout.probeFlags.judge,
  size: layout.limits.stamp,
};

/** CLOCK_MONOTONIC in ms, as the prober's words have it. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** A new plane in a bpffs of its own, whose prober goes with the test. */
export async function planeOf(
  t: Test,
): Promise<{ readonly directory: string; readonly plane: OpenedPlane }> {
  const directory = join(bpffs(t), 'plane');
  const maxEntries = { sessions4: 64, sessions6: 64 };
  const plane = await openPlane(directory, objectPath('wire'), { maxEntries });
  t.teardown(() => {
    plane[Symbol.dispose]();
  });
  plane.map('control').store32(0, layout.control.offsets.stamp_port, layout.stampPort);
  return { directory, plane };
}

/** See the head of this file. */
export class ProberStage {
  readonly near: Place;
  readonly far: Place;
  readonly directory: string;
  readonly #plane: OpenedPlane;
  readonly #farPlane: OpenedPlane;

  private constructor(places: readonly [Place, Place], directory: string, planes: OpenedPlane[]) {
    [this.near, this.far] = places;
    this.directory = directory;
    [this.#plane, this.#farPlane] = planes as [OpenedPlane, OpenedPlane];
  }

  /** Make it; it goes with the test. */
  static async open(t: Test): Promise<ProberStage> {
    const id = `ww-${randomUUID().slice(0, 6)}`;
    const near = new Place(`${id}-near`);
    const far = new Place(`${id}-far`);
    for (const { name } of [near, far]) {
      await exec('ip', ['netns', 'add', name]);
      t.teardown(() => exec('ip', ['netns', 'del', name]));
    }
    await near.sh(`ip link add wan type veth peer name wan netns ${far.name}`);
    const planes = [await planeOf(t), await planeOf(t)] as const;
    for (const [side, place] of [near, far].entries()) {
      await place.sh(nodeScript(side, planes[side]?.directory ?? ''));
    }
    return new ProberStage(
      [near, far],
      planes[0].directory,
      planes.map(({ plane }) => plane),
    );
  }

  /** Start a prober; it ends with the test. */
  async start(t: Test): Promise<ChildProcess> {
    const args = [`--net=/run/netns/${this.near.name}`, proberProgram, this.directory];
    const child = spawn('nsenter', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    t.teardown(() => ended(child, 'SIGKILL'));
    await eventually('the prober', () => this.control('prober_pid') === child.pid);
    return child;
  }

  /** A strand between the `at`th address and the `farAt`th at the other end: nobody has those from {@link mostStrands} on. */
  strand(id: number, family: 4 | 6 = 4, at = 0, farAt = at): void {
    const [one, other] = [mapped(ends[family](0, at)), mapped(ends[family](1, farAt))];
    for (const [plane, local, remote] of [
      [this.#plane, one, other],
      [this.#farPlane, other, one],
    ] as const) {
      const value = { local, remote, family, peer: 1, link: 1, mtu: 1400 };
      plane.map('strands').update(u32(id), layout.strand.encode(value));
      const of = layout.pathOf.encode({ strand: id, peer: 1 });
      plane.map('paths').update(layout.path.encode({ local, remote }), of);
    }
  }

  /** Ask for a strand's probes. */
  ask(id: number, asked: Asked = {}): void {
    this.#plane.map('probes').update(u32(id), layout.probe.encode({ ...usual, ...asked }));
  }

  /** Whether the far end answers; it changes from one packet to the next. */
  answers(yes: boolean): void {
    const { offsets } = layout.control;
    this.#farPlane.map('control').store32(0, offsets.stamp_port, yes ? layout.stampPort : 0);
  }

  control(field: keyof typeof layout.control.offsets): number {
    return this.#plane.map('control').load32(0, layout.control.offsets[field]);
  }

  setControl(field: keyof typeof layout.control.offsets, value: number): void {
    this.#plane.map('control').store32(0, layout.control.offsets[field], value);
  }

  quality(id: number): layout.Quality {
    const value = this.#plane.map('quality').lookup(u32(id));
    return layout.quality.decode(value ?? Buffer.alloc(0));
  }

  large(id: number): layout.Large {
    const value = this.#plane.map('large').lookup(u32(id));
    return layout.large.decode(value ?? Buffer.alloc(0));
  }

  silent(id: number): boolean {
    return this.#plane.map('strands').load32(id, layout.strand.offsets.silent) === 1;
  }

  avoid(id: number): number {
    return this.#plane.map('strands').load32(id, layout.strand.offsets.avoid);
  }

  setAvoid(id: number, value: number): void {
    this.#plane.map('strands').store32(id, layout.strand.offsets.avoid, value);
  }

  /** When the newest probes were sent, in ms, the oldest first. */
  sentMs(id: number, count: number): number[] {
    const { seq } = this.quality(id);
    return Array.from({ length: Math.min(count, seq) }, (_, n) => {
      const at = (seq - Math.min(count, seq) + 1 + n) % layout.limits.sent;
      const value = this.#plane.map('sent').lookup(u32(id * layout.limits.sent + at));
      return Number(layout.sent.decode(value ?? Buffer.alloc(0)).sent_ns) / 1e6;
    });
  }

  /** Detection and the longest an answer may take, in ms. */
  limitMs(id: number): number {
    const { srtt_ns: srtt, rttvar_ns: rttvar } = this.quality(id);
    return detectMs + srtt / 1e6 + 4 * Math.max(rttvar / 1e6, 1);
  }
}

/** Signal a child and wait for its end; its exit code. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    await once(child, 'exit');
  }
  return child.exitCode;
}

/** Look every few milliseconds until it is so. */
export async function eventually(
  what: string,
  isSo: () => boolean,
  patienceMs = 30_000,
): Promise<void> {
  const late = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > late) {
      throw new Error(`waited ${String(patienceMs)} ms for ${what}`);
    }
    await sleep(2);
  }
}

function nodeScript(side: number, directory: string): string {
  const all = Array.from({ length: mostStrands }, (_, at) => at);
  return `
    sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
    ip link set lo up
    ip link set wan up
    ip -batch - <<END
${all.map((at) => `addr add ${ends[4](side, at)}/16 dev wan`).join('\n')}
${all.map((at) => `addr add ${ends[6](side, at)}/16 dev wan nodad`).join('\n')}
END
    tc qdisc add dev wan clsact
    tc filter add dev wan egress bpf da object-pinned ${directory}/progs/stamp_tx
    tc filter add dev wan ingress bpf da object-pinned ${directory}/progs/stamp_rx`;
}
