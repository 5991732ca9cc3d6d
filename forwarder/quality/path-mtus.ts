// SPDX-License-Identifier: Apache-2.0
/**
 * The path MTU of every strand: what of large probes stands in the maps, given to each
 * strand's own search (path-mtu.ts); and what that found, given to steering.
 *
 * Leaves: the strands' MTUs in the maps, which the next life begins with.
 */
import { constants } from 'node:os';
import { sentStates, type Large } from '../../bpf/loader/layout.js';
import type { StrandWords } from '../steering/strand-words.js';
import type { StepResult } from './engine.js';
import { confirmMs, PathMtu, type Outcome, type PathMoment, type PathStep } from './path-mtu.js';
import type { StrandSample } from './sample.js';
import type { MtuEvent } from './states.js';
import { largePayload } from './strand-meters.js';
import type { WatchedStrand } from './watched.js';

/** What {@link PathMtus} works with. */
export interface PathMtuPlaces {
  readonly words: Pick<StrandWords, 'large' | 'askLarge'>;
  readonly peers: {
    /** The largest inner packet of a strand now. */
    mtu(id: number): number | undefined;
    /** No larger ones, whatever its devices carry; `undefined`: as they do. */
    limit(id: number, mtu: number | undefined): void;
  };
}

/** What is known of one strand. */
export interface PathMtuState {
  readonly mtu: number;
  /** What the devices carry. */
  readonly deviceMtu: number;
  readonly isProbed: boolean;
  /** Where it is less than that: in words. */
  readonly why: string;
  /** Between two large probes while nothing changes; 0: there are none. */
  readonly intervalMs: number;
}

/** An answer may take so much longer than a small one's: 1,500 bytes there and back at 128 kbit/s. */
const serialMs = 200;
/** Where TCP sends again, a size that passed is believed for so much less long. */
const sooner = 5;
/** Large probes of one link at a look: strands that came back together must not fill its line. */
const mostAtOnce = 2;
/** The prober obeys within its interval; one that does not within this is none that knows large probes. */
const unheardMs = 10_000;
const msInNs = 1e6;

interface Tried {
  readonly path: PathMtu;
  readonly identity: string;
  number: number | undefined;
  askedMs: number;
  base: number;
  intervalMs: number;
  /** Segments that TCP sent again, and whether that has grown since a large probe was sent. */
  resent: number;
  isDoubted: boolean;
}

/** See the head of this file. */
export class PathMtus {
  readonly #places: PathMtuPlaces;
  readonly #tried = new Map<number, Tried>();
  /** Who is first: at each look another. */
  #first = 0;

  constructor(places: PathMtuPlaces) {
    this.#places = places;
  }

  /** Some strand's may be another: look soon again. */
  get isDoubted(): boolean {
    return [...this.#tried.values()].some(({ path }) => path.isDoubted);
  }

  /** Of one strand; nothing of one that is not probed. */
  state(id: number): PathMtuState | undefined {
    const found = this.#tried.get(id);
    if (found === undefined) return undefined;
    const { path, base: deviceMtu, intervalMs } = found;
    const { mtu, isProbed, why } = path;
    return { mtu, deviceMtu, isProbed, why, intervalMs: isProbed ? intervalMs : 0 };
  }

  /** One look at all of them; what changed. `nowNs` is when the samples were taken. */
  step(
    nowNs: bigint,
    strands: readonly WatchedStrand[],
    samples: readonly StrandSample[],
    { states, frozen }: Pick<StepResult, 'states' | 'frozen'>,
  ): readonly MtuEvent[] {
    const byId = new Map(samples.map((sample) => [sample.strand, sample]));
    const known = new Set(strands.map(({ id }) => id));
    for (const id of this.#tried.keys()) if (!known.has(id)) this.#tried.delete(id);
    const asked = new Map<string, number>();
    const first = strands.length === 0 ? 0 : this.#first++ % strands.length;
    return [...strands.slice(first), ...strands.slice(0, first)].flatMap((strand) => {
      const { id, name, link, peerName: peer, isProbed } = strand;
      const sample = byId.get(id);
      if (!isProbed) this.#places.peers.limit(id, undefined);
      if (!isProbed || sample === undefined) return [];
      const loss = (states.get(id)?.lossPercent ?? 0) / 100;
      const before = asked.get(link.config.name) ?? 0;
      const rest = { loss, isFrozen: frozen, mayAsk: before < mostAtOnce };
      const { change, ask } = this.#one(strand, sample, nowNs, rest);
      if (ask !== undefined) asked.set(link.config.name, before + 1);
      if (change === undefined) return [];
      const { from, to, why } = change;
      const of = { strand: id, name, link: link.config.name, peer };
      return [{ atMs: sample.atMs, kind: 'mtu', ...of, mtu: { from, to }, why }];
    });
  }

  #one(
    strand: WatchedStrand,
    sample: StrandSample,
    nowNs: bigint,
    { isFrozen, ...rest }: Pick<PathMoment, 'loss' | 'mayAsk'> & { readonly isFrozen: boolean },
  ): Omit<PathStep, 'mtu'> {
    const { words, peers } = this.#places;
    const { id, mtu: base, link } = strand;
    const { silent, hardDown, answeredAgoMs, idle, tcp, atMs: nowMs } = sample;
    if (answeredAgoMs === undefined) {
      // Nobody was ever heard: only the devices say something.
      peers.limit(id, undefined);
      return {};
    }
    const tried = this.#triedOf(strand);
    if (tcp !== undefined) {
      tried.isDoubted ||= tcp.resent > tried.resent;
      tried.resent = tcp.resent;
    }
    tried.base = base;
    tried.intervalMs = everyMs(link.config.billing === 'metered', idle);
    const step = tried.path.step({
      nowMs,
      base,
      answers: !silent && !hardDown && !isFrozen,
      outcome: this.#outcome(id, tried, sample, nowNs),
      confirmMs: tried.isDoubted ? tried.intervalMs / sooner : tried.intervalMs,
      ...rest,
    });
    peers.limit(id, step.mtu < base ? step.mtu : undefined);
    if (step.ask !== undefined) {
      tried.number = words.askLarge(id, largePayload(step.ask));
      tried.askedMs = nowMs;
      tried.isDoubted = false;
    }
    return step;
  }

  #triedOf({ id, mtu: base, local, remote }: WatchedStrand): Tried {
    const found = this.#tried.get(id);
    const identity = `${local}>${remote}`;
    if (found?.identity === identity) return found;
    const path = new PathMtu(base, this.#places.peers.mtu(id));
    const none = { number: undefined, askedMs: 0, intervalMs: 0, resent: 0, isDoubted: false };
    const made = { path, identity, base, ...none };
    this.#tried.set(id, made);
    return made;
  }

  #outcome(id: number, tried: Tried, sample: StrandSample, nowNs: bigint): Outcome {
    if (tried.number === undefined || !tried.path.isBusy) return 'pending';
    const large = this.#places.words.large(id);
    if (large?.seq !== tried.number) {
      return sample.atMs - tried.askedMs > unheardMs ? 'void' : 'pending';
    }
    return outcomeOf(large, sample, nowNs);
  }
}

function outcomeOf(large: Large, sample: StrandSample, nowNs: bigint): Outcome {
  const { state, error, sent_ns } = large;
  if (state === sentStates.answered) return 'answered';
  if (state === sentStates.lost) return error === constants.errno.EMSGSIZE ? 'refused' : 'void';
  if (state !== sentStates.underWay) return 'pending';
  const { srttMs, rttvarMs, answeredAgoMs } = sample;
  const agoMs = Number(nowNs - sent_ns) / msInNs;
  if (agoMs < srttMs + 4 * rttvarMs + serialMs) return 'pending';
  // A usual probe that was sent later has been answered: it is not the link.
  return answeredAgoMs !== undefined && answeredAgoMs < agoMs ? 'missed' : 'pending';
}

function everyMs(isMetered: boolean, isIdle: boolean): number {
  if (!isMetered) return confirmMs.flat;
  return isIdle ? confirmMs.idle : confirmMs.metered;
}
