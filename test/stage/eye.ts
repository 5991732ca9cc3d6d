// SPDX-License-Identifier: Apache-2.0
/** Looks into a site's data plane from this process, often and fast: which strand a session is on, what was measured. */
import * as layout from '../../bpf/loader/layout.js';
import { index, pinnedMaps, type Maps } from '../../cli/plane/maps.js';
import { readPlane, type PlaneReading } from '../../cli/plane/read.js';
import { readSessions, sessionsOf, type Session } from '../../cli/plane/sessions.js';

/** What was measured of a strand: `ww_quality`, with times in milliseconds. */
export interface Seen {
  readonly silent: boolean;
  /** The largest inner packet. */
  readonly mtu: number;
  /** Bit 0: held back from everybody. */
  readonly avoid: number;
  readonly sent: number;
  readonly failed: number;
  readonly judged: number;
  readonly lost: number;
  readonly late: number;
  readonly received: number;
  readonly forged: number;
  readonly reflected: number;
  readonly silences: number;
  readonly rttSumMs: number;
  readonly srttMs: number;
}

/** See the head of this file. It sees the maps that were there when it was made. */
export class Eye implements Disposable {
  readonly #maps: Maps;
  readonly #reading: PlaneReading;

  /** `directory` is where they are pinned. */
  constructor(directory: string) {
    this.#maps = pinnedMaps(directory);
    this.#reading = readPlane(this.#maps);
  }

  /** The session to a port, if there is one; the newest where there are several. */
  session(protocol: string, port: number): Session | undefined {
    return sessionsOf(readSessions(this.#maps, this.#reading))
      .filter((one) => one.protocol === protocol && one.destinationPort === port)
      .sort((a, b) => a.idleMs - b.idleMs)[0];
  }

  /** The prober of the plane, and the port that it sends from. */
  get prober(): { readonly pid: number; readonly port: number; readonly stampPort: number } {
    const { prober_pid, probe_port, stamp_port } = layout.control.decode(this.#at('control', 0));
    return { pid: prober_pid, port: probe_port, stampPort: stamp_port };
  }

  /** The newest probes of a strand of which that is so. */
  probes(name: string, state: keyof typeof layout.sentStates) {
    const first = this.#id(name) * layout.limits.sent;
    return Array.from({ length: layout.limits.sent }, (_, at) =>
      layout.sent.decode(this.#at('sent', first + at)),
    )
      .filter((one) => one.state === layout.sentStates[state])
      .sort((a, b) => b.seq - a.seq);
  }

  /** What is known of a strand, by its name. */
  strand(name: string): Seen {
    const id = this.#id(name);
    const strand = layout.strand.decode(this.#at('strands', id));
    const measured = layout.quality.decode(this.#at('quality', id));
    return {
      silent: strand.silent !== 0,
      mtu: strand.mtu,
      avoid: strand.avoid,
      sent: Number(measured.sent),
      failed: Number(measured.failed),
      judged: Number(measured.judged),
      lost: Number(measured.lost),
      late: Number(measured.late),
      received: Number(measured.received),
      forged: Number(measured.forged),
      reflected: Number(measured.reflected),
      silences: measured.silences,
      rttSumMs: Number(measured.rtt_sum_ns) / 1e6,
      srttMs: measured.srtt_ns / 1e6,
    };
  }

  /** What became of followed TCP segments that left by a strand. */
  tcp(name: string): {
    readonly acked: number;
    readonly resent: number;
    readonly rttSumMs: number;
  } {
    const found = layout.evidence.decode(this.#at('evidence', this.#id(name)));
    const [acked, resent] = [Number(found.acked), Number(found.resent)];
    return { acked, resent, rttSumMs: Number(found.rtt_sum_ns) / 1e6 };
  }

  #id(name: string): number {
    const [id] = [...this.#reading.strands].find(([, one]) => one === name) ?? [];
    if (id !== undefined) return id;
    const all = [...this.#reading.strands.values()].join(', ');
    throw new Error(`no strand ${name}: there are ${all}`);
  }

  #at(map: string, id: number): Buffer {
    const value = this.#maps.map(map).lookup(index(id));
    if (value === undefined) throw new Error(`map ${map} has no entry ${String(id)}`);
    return value;
  }

  [Symbol.dispose](): void {
    this.#maps[Symbol.dispose]();
  }
}
