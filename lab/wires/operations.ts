// SPDX-License-Identifier: Apache-2.0
/**
 * From a cable as it was and as it is to be, the list of what is to be done. In
 * this order a frame goes the old way or the new one, and never none:
 * what a way needs is there before frames are sent that way, and goes after.
 */
import type { CablePlan, EndPlan } from '../plan.js';
import type { CableState, DirectionState } from '../state.js';
import type { Means, Shape } from '../types.js';

/** One thing to do. */
export type Operation =
  | { readonly kind: 'ip'; readonly netns: string; readonly line: string }
  /** In the lab's own namespace. */
  | { readonly kind: 'tc'; readonly line: string }
  /** Give the device its usual queueing; none to remove is no error. */
  | { readonly kind: 'unqueue'; readonly device: string }
  /** Start the relay, unless it runs. */
  | { readonly kind: 'relay' }
  | { readonly kind: 'lane'; readonly lane: 0 | 1; readonly shape: Shape }
  /** Let the relay send what waits, and end it. */
  | { readonly kind: 'no relay' };

/** What the operations depend on beside the cable. */
export interface Facts {
  /** The namespace of the hidden ends. */
  readonly wires: string;
  readonly netem: boolean;
  /** The compiled program that joins devices. */
  readonly object: string;
}

/** Nothing of it. */
export const plain: Shape = { delayMs: 0, jitterMs: 0, lossPercent: 0, rateBits: 0 };

/** How a direction will do what it is to do. */
export function meansOf({ shape, lost }: DirectionState, netem: boolean): Means {
  if (lost) return 'lost';
  const { delayMs, jitterMs, lossPercent, rateBits } = shape;
  if (delayMs > 0 || jitterMs > 0 || lossPercent > 0) return netem ? 'netem' : 'relay';
  return rateBits > 0 ? 'tbf' : 'plain';
}

/** The list; of an unknown past everything is said again. */
export function operations(
  cable: CablePlan,
  before: CableState | undefined,
  after: CableState,
  facts: Facts,
): Operation[] {
  const was = before?.directions.map((direction) => meansOf(direction, facts.netem));
  const now = after.directions.map((direction) => meansOf(direction, facts.netem));
  const relayed = now.includes('relay');
  const wasRelayed = was?.includes('relay') ?? true;
  return [
    ...mtus(cable, before, after, facts, relayed && wasRelayed),
    ...(relayed && was?.includes('relay') !== true ? relayStart(cable, after, facts) : []),
    ...cable.ends.flatMap((from, at) => {
      const to = cable.ends[1 - at];
      const means = now[at];
      const same = before !== undefined && equal(before.directions[at], after.directions[at]);
      const sameMtu = before?.mtu.join() === after.mtu.join();
      const { shape } = after.directions[at] ?? { shape: plain };
      if (to === undefined || means === undefined) return [];
      return [
        ...(means === 'relay' && !same ? [lane(at, shape)] : []),
        ...(queued(means) && !(same && sameMtu)
          ? [queue(means, to.hidden, shape, after.mtu[at] ?? 0)]
          : []),
        ...(was?.[at] === means ? [] : [join(from, sectionOf(means, cable, at), facts)]),
        ...(queued(means) || (was !== undefined && !queued(was[at]))
          ? []
          : [{ kind: 'unqueue' as const, device: to.hidden }]),
        ...(segmented(was?.[at], facts) === (means === 'netem') ? [] : [segments(from, means)]),
      ];
    }),
    ...(wasRelayed && !relayed ? [{ kind: 'no relay' as const }] : []),
    ...(before?.up === after.up ? [] : carrier(cable, after.up, facts)),
  ];
}

/** Put a program on a device's frames, instead of the one there is. */
export function joinLine(device: string, section: string, { object }: Facts): string {
  return `filter replace dev ${device} ingress protocol all prio 1 handle 1 bpf da obj ${object} sec classifier/${section}`;
}

/** What a plain direction has: a frame from a network is for whom its address says, which only `out` looks at. */
export function plainSection(cable: CablePlan, direction: number): 'peer' | 'out' {
  return cable.network !== undefined && direction === 1 ? 'out' : 'peer';
}

function equal(one: DirectionState | undefined, other: DirectionState | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function queued(means: Means | undefined): means is 'tbf' | 'netem' {
  return means === 'tbf' || means === 'netem';
}

function sectionOf(means: Means, cable: CablePlan, direction: number): string {
  if (means === 'plain') return plainSection(cable, direction);
  return queued(means) ? 'out' : means;
}

function join({ hidden }: EndPlan, section: string, facts: Facts): Operation {
  return { kind: 'tc', line: joinLine(hidden, section, facts) };
}

function lane(at: number, shape: Shape): Operation {
  return { kind: 'lane', lane: at === 0 ? 0 : 1, shape };
}

function mtus(
  { ends }: CablePlan,
  before: CableState | undefined,
  after: CableState,
  { wires }: Facts,
  taps: boolean,
): Operation[] {
  return ends.flatMap(({ device, netns, hidden, tap }, at) => {
    const mtu = after.mtu[at];
    if (mtu === undefined || before?.mtu[at] === mtu) return [];
    const set = (where: string, name: string): Operation => ({
      kind: 'ip',
      netns: where,
      line: `link set dev ${name} mtu ${String(mtu)}`,
    });
    const tapToo = taps && before !== undefined;
    return [set(netns, device), set(wires, hidden), ...(tapToo ? [set(wires, tap)] : [])];
  });
}

/** A burst must not be lost while the relay waits for a processor. */
const tapQueue = 10_000;

function relayStart({ ends }: CablePlan, { mtu }: CableState, facts: Facts): Operation[] {
  return [
    { kind: 'relay' },
    ...ends.map(({ tap }, at): Operation => {
      const settings = `mtu ${String(mtu[at])} txqueuelen ${String(tapQueue)} up`;
      return { kind: 'ip', netns: facts.wires, line: `link set dev ${tap} ${settings}` };
    }),
    ...ends.flatMap(({ tap }): Operation[] => [
      { kind: 'tc', line: `qdisc replace dev ${tap} clsact` },
      { kind: 'tc', line: joinLine(tap, 'relay', facts) },
    ]),
  ];
}

/** Unknown where the past is, and not to be unless the kernel can do it. */
function segmented(was: Means | undefined, { netem }: Facts): boolean | undefined {
  return was === undefined && netem ? undefined : was === 'netem';
}

/** With netem every packet is lost or late by itself, so the sender is to send it by itself. */
function segments({ device, netns }: EndPlan, means: Means): Operation {
  const most = means === 'netem' ? 1 : 65_535;
  return { kind: 'ip', netns, line: `link set dev ${device} gso_max_segs ${String(most)}` };
}

function carrier({ ends }: CablePlan, up: boolean, { wires }: Facts): Operation[] {
  return ends.map(({ hidden }) => ({
    kind: 'ip',
    netns: wires,
    line: `link set dev ${hidden} ${up ? 'up' : 'down'}`,
  }));
}

/** What waits for a slow line: this long, and at least ten frames. */
const lineWaitSeconds = 0.1;
const ethernetHeader = 14;

function queue(means: 'tbf' | 'netem', device: string, shape: Shape, mtu: number): Operation {
  const { delayMs, jitterMs, lossPercent, rateBits } = shape;
  const bytes = rateBits / 8;
  const frame = mtu + ethernetHeader;
  const start = `qdisc replace dev ${device} root handle 1: ${means}`;
  if (means === 'tbf') {
    const burst = Math.ceil(Math.max(bytes * 0.002, 2 * frame));
    const limit = Math.ceil(Math.max(bytes * lineWaitSeconds, 10 * frame, burst));
    return {
      kind: 'tc',
      line: `${start} rate ${String(rateBits)}bit burst ${String(burst)} limit ${String(limit)}`,
    };
  }
  // With a rate netem keeps the order of packets, jitter or not.
  const rate = rateBits > 0 ? rateBits : 100e9;
  const late = (delayMs + jitterMs) / 1000;
  const waiting = rateBits > 0 ? Math.ceil((bytes * (late + lineWaitSeconds)) / frame) : 1e5;
  const us = (ms: number): string => `${String(Math.round(ms * 1000))}us`;
  return {
    kind: 'tc',
    line:
      `${start} limit ${String(Math.max(waiting, 10))} delay ${us(delayMs)} ${us(jitterMs)} ` +
      `loss ${String(lossPercent)}% rate ${String(rate)}bit`,
  };
}
