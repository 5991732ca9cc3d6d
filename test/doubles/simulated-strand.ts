// SPDX-License-Identifier: Apache-2.0
/**
 * A strand that is not there: sends and judges probes as wanwire-prober does, counts answers as
 * the programs do, on a link of which everything is said. No clock but the one it is told.
 */
import type { StrandSample, TcpSample } from '../../forwarder/quality/sample.js';

/** Numbers from 0 to 1, the same for the same seed (xoshiro128**, seeded by splitmix32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  const split = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [split(), split(), split(), split()];
  return () => {
    const times5 = Math.imul(b, 5);
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result / 2 ** 32;
  };
}

/** What the link does to probes now; all of it may be changed at any time. */
export interface SimulatedLink {
  /** Nothing gets through. */
  isCut: boolean;
  /** No carrier. */
  isDown: boolean;
  /** The peer's own probes do not arrive. */
  isDeaf: boolean;
  /** Shares, of each direction. */
  lossOut: number;
  lossBack: number;
  /** One round trip. */
  rttMs: (random: () => number) => number;
  isIdle: boolean;
  /** TCP segments that leave by it and are followed, and the share of them that is lost behind it. */
  segmentsPerSecond: number;
  lossBeyond: number;
}

/** One of `baseMs`, and what `jitter` gives; its mean difference is then known. */
export const jitters = {
  none: () => () => 0,
  /** Exponential, as behind a queue: the mean difference is the mean. */
  exponential: (differenceMs: number) => (random: () => number) =>
    -differenceMs * Math.log(1 - random()),
  /** Uniform, as netem has it. */
  uniform: (differenceMs: number) => (random: () => number) => 3 * differenceMs * random(),
  /** Normal, by Box and Muller. */
  normal: (differenceMs: number) => (random: () => number) =>
    0.886 *
    differenceMs *
    Math.sqrt(-2 * Math.log(1 - random())) *
    Math.cos(2 * Math.PI * random()),
} as const;

interface UnderWay {
  readonly sentMs: number;
  readonly arrivesMs: number;
  isAnswered: boolean;
  isJudged: boolean;
}

/** See the head of this file. */
export class SimulatedStrand {
  readonly link: SimulatedLink;
  intervalMs: number;
  detectionMs: number;
  /** The prober does not run. */
  isStopped = false;
  readonly id: number;
  readonly #random: () => number;
  #underWay: UnderWay[] = [];
  #nextMs: number;
  #lostRun = 0;
  #followedMs = 0;
  #tcp: TcpSample = { acked: 0, resent: 0, rttSumMs: 0 };
  #judgedMs = -Infinity;
  #answeredMs: number | undefined;
  #sentMs: number | undefined;
  #heardMs: number | undefined;
  #rttMs = 0;
  #of = {
    silent: false,
    silences: 0,
    sent: 0,
    judged: 0,
    lost: 0,
    late: 0,
    received: 0,
    rttSumMs: 0,
    jitterSumMs: 0,
    lostOut: 0,
    lostBack: 0,
    srttMs: 0,
    rttvarMs: 0,
  };

  constructor(id: number, random: () => number, options: Partial<SimulatedLink> = {}) {
    this.id = id;
    this.#random = random;
    this.intervalMs = 20;
    this.detectionMs = 100;
    this.#nextMs = random() * 20;
    this.link = {
      isCut: false,
      isDown: false,
      isDeaf: false,
      lossOut: 0,
      lossBack: 0,
      rttMs: () => 20,
      isIdle: false,
      segmentsPerSecond: 0,
      lossBeyond: 0,
      ...options,
    };
  }

  /** Let time pass, and look at it. */
  sample(nowMs: number): StrandSample {
    this.#advance(nowMs);
    this.#follow(nowMs);
    const ago = (ms: number | undefined) => (ms === undefined ? undefined : nowMs - ms);
    return {
      strand: this.id,
      atMs: nowMs,
      ...this.#of,
      hardDown: this.link.isDown,
      idle: this.link.isIdle,
      sentAgoMs: ago(this.#sentMs),
      answeredAgoMs: ago(this.#answeredMs),
      heardAgoMs: ago(this.#heardMs),
      forged: 0,
      failed: 0,
      ...(this.#tcp.acked + this.#tcp.resent > 0 && { tcp: this.#tcp }),
    };
  }

  /** Each segment is lost on its way out, or behind the strand, or acknowledged. */
  #follow(toMs: number): void {
    const { segmentsPerSecond, lossOut, lossBeyond, isCut, rttMs } = this.link;
    const count = ((toMs - this.#followedMs) * segmentsPerSecond) / 1000;
    if (count < 1) return;
    this.#followedMs = toMs;
    let { acked, resent, rttSumMs } = this.#tcp;
    let rttMinMs: number | undefined;
    for (let n = 0; n < count; n++) {
      if (isCut || this.#random() < lossOut || this.#random() < lossBeyond) resent++;
      else {
        const rtt = rttMs(this.#random);
        acked++;
        rttSumMs += rtt;
        rttMinMs = Math.min(rtt, rttMinMs ?? rtt);
      }
    }
    this.#tcp = { acked, resent, rttSumMs, ...(rttMinMs !== undefined && { rttMinMs }) };
  }

  #advance(toMs: number): void {
    while (this.#nextMs <= toMs) {
      const atMs = this.#nextMs;
      this.#arrive(atMs);
      const { isCut, isDown, isDeaf } = this.link;
      if (!isCut && !isDown && !isDeaf) this.#heardMs = atMs;
      if (!this.isStopped) {
        this.#judge(atMs);
        this.#send(atMs);
      }
      this.#nextMs += this.intervalMs;
    }
    this.#arrive(toMs);
  }

  #send(atMs: number): void {
    const { link } = this;
    let arrivesMs = Infinity;
    if (!link.isCut && !link.isDown) {
      if (this.#random() < link.lossOut) this.#of.lostOut++;
      else if (this.#random() < link.lossBack) this.#of.lostBack++;
      else arrivesMs = atMs + Math.max(0.1, link.rttMs(this.#random));
    }
    this.#of.sent++;
    this.#sentMs = atMs;
    this.#underWay.push({ sentMs: atMs, arrivesMs, isAnswered: false, isJudged: false });
  }

  #arrive(nowMs: number): void {
    for (const probe of this.#underWay) {
      if (probe.isAnswered || probe.arrivesMs > nowMs) continue;
      probe.isAnswered = true;
      this.#answered(probe);
    }
  }

  #answered({ sentMs, arrivesMs, isJudged }: UnderWay): void {
    const of = this.#of;
    const rtt = arrivesMs - sentMs;
    if (isJudged) of.late++;
    if (of.received++ === 0) {
      of.srttMs = rtt;
      of.rttvarMs = rtt / 2;
    } else {
      of.jitterSumMs += Math.abs(rtt - this.#rttMs);
      of.rttvarMs = (3 * of.rttvarMs + Math.abs(of.srttMs - rtt)) / 4;
      of.srttMs = (7 * of.srttMs + rtt) / 8;
    }
    of.rttSumMs += rtt;
    this.#rttMs = rtt;
    this.#answeredMs = Math.max(this.#answeredMs ?? 0, sentMs);
  }

  #judge(nowMs: number): void {
    const of = this.#of;
    const patience =
      of.received === 0 ? 1000 : Math.max(2, of.srttMs + 4 * Math.max(1, of.rttvarMs));
    for (const probe of this.#underWay) {
      if (probe.isJudged) continue;
      if (probe.sentMs + patience > nowMs) break;
      probe.isJudged = true;
      of.judged++;
      this.#judgedMs = probe.sentMs;
      if (probe.isAnswered) this.#lostRun = 0;
      else {
        this.#lostRun++;
        of.lost++;
      }
    }
    this.#forget(nowMs - 4000);
    const answered = this.#answeredMs;
    const silent =
      answered !== undefined && this.#lostRun >= 3 && this.#judgedMs >= answered + this.detectionMs;
    if (silent && !of.silent) of.silences++;
    of.silent = silent;
  }

  /** The oldest, as far as nothing more comes of them. */
  #forget(oldestMs: number): void {
    let gone = 0;
    for (const { isJudged, isAnswered, arrivesMs, sentMs } of this.#underWay) {
      const isOver = isAnswered || arrivesMs === Infinity || sentMs < oldestMs;
      if (!isJudged || !isOver) break;
      gone++;
    }
    if (gone > 0) this.#underWay.splice(0, gone);
  }
}
