// SPDX-License-Identifier: Apache-2.0
/** A way through the lab from one link's device to another's, and what it is to be like. */
import type { CablePlan, EndPlan, Plan } from '../plan.js';
import type { LabState } from '../state.js';
import { firstState } from '../changes.js';
import type { DirectionState } from '../state.js';

/** What a way there and back is to be like by what was set. */
export interface Wanted {
  /** Nothing comes through, or nothing comes back. */
  readonly silent: boolean;
  readonly rttMs: number;
  /** What slow lines may add to that: a burst of tbf lets a ping pass at once. */
  readonly lineMs: number;
  /** By how much one packet's time may differ from that. */
  readonly jitterMs: number;
  /** There and back. */
  readonly lossPercent: number;
  readonly lossOutPercent: number;
  readonly lossInPercent: number;
  /** 0 is no limit. */
  readonly rateOut: number;
  readonly rateIn: number;
  readonly mtu: number;
}

/** See the head of this file. */
export interface Path {
  readonly from: EndPlan;
  readonly to: EndPlan;
  readonly wanted: Wanted;
}

/** The path of a cable; in a network, to another site's link there. Nothing where nobody else is there. */
export function pathOf(cable: CablePlan, plan: Plan, state: LabState): Path | undefined {
  const [from, far] = cable.ends;
  const is = (of: CablePlan) => state.cables[of.id] ?? firstState(of);
  if (cable.network === undefined) {
    const { up, mtu, directions } = is(cable);
    const [out, back] = directions;
    return { from, to: far, wanted: wantedOf([out], [back], up, Math.min(...mtu)) };
  }
  const others = plan.cables.filter(
    (other) => other.network === cable.network && other.ends[0].side !== from.side,
  );
  // One that is pulled would answer nobody.
  const other = others.find((one) => is(one).up) ?? others[0];
  if (other === undefined) return undefined;
  const [own, theirs] = [is(cable), is(other)];
  const wanted = wantedOf(
    [own.directions[0], theirs.directions[1]],
    [theirs.directions[0], own.directions[1]],
    own.up && theirs.up,
    Math.min(...own.mtu, ...theirs.mtu),
  );
  return { from, to: other.ends[0], wanted };
}

/** A ping's frame, in bits. */
const pingBits = 98 * 8;

function wantedOf(
  out: readonly DirectionState[],
  back: readonly DirectionState[],
  up: boolean,
  mtu: number,
): Wanted {
  const both = [...out, ...back];
  const sum = (of: (direction: DirectionState) => number): number =>
    both.reduce((total, direction) => total + of(direction), 0);
  return {
    silent: !up || lossOf(both) === 100,
    rttMs: sum(({ shape }) => shape.delayMs),
    lineMs: sum(({ shape: { rateBits } }) => (rateBits === 0 ? 0 : (pingBits / rateBits) * 1000)),
    jitterMs: sum(({ shape }) => shape.jitterMs),
    lossPercent: lossOf(both),
    lossOutPercent: lossOf(out),
    lossInPercent: lossOf(back),
    rateOut: rateOf(out),
    rateIn: rateOf(back),
    mtu,
  };
}

function lossOf(directions: readonly DirectionState[]): number {
  const through = directions.reduce(
    (share, { shape, lost }) => share * (lost ? 0 : 1 - shape.lossPercent / 100),
    1,
  );
  return (1 - through) * 100;
}

function rateOf(directions: readonly DirectionState[]): number {
  const limits = directions.map(({ shape }) => shape.rateBits).filter((rate) => rate > 0);
  return limits.length === 0 ? 0 : Math.min(...limits);
}
