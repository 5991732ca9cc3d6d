// SPDX-License-Identifier: Apache-2.0
/** What a user's words for a link come to: the state of a cable at first, and after a change. */
import { isIPv6 } from 'node:net';
import { LabInputError, notValid } from './file/mistakes.js';
import { delayMs, lossPercent, mtuRange, rateBits, wants } from './file/units.js';
import type { CablePlan } from './plan.js';
import type { CableState, DirectionState } from './state.js';
import type { LinkChange, Shape, ShapeText } from './types.js';
import { plain } from './wires/operations.js';

/** A cable as its file has it. What is said of one way goes before what is said of both. */
export function firstState({ ends, links, names }: CablePlan): CableState {
  const direction = (aim: readonly string[]): DirectionState => {
    const both = links.reduce<Shape>((shape, link) => shaped(shape, link), plain);
    const own = links
      .flatMap(({ toward }) => aim.flatMap((name) => toward?.[name] ?? []))
      .reduce(shaped, both);
    return { shape: own, lost: false };
  };
  return {
    up: true,
    mtu: [ends[0].mtu, ends[1].mtu],
    directions: [direction(names[1]), direction(names[0])],
    settled: true,
  };
}

/** A cable as it is when it has just been made. */
export function plainState({ ends }: CablePlan): CableState {
  const direction = { shape: plain, lost: false };
  const mtu = [ends[0].mtu, ends[1].mtu] as const;
  return { up: true, mtu, directions: [direction, direction], settled: true };
}

/** Whether a new cable has nothing to be done to it. */
export function isPlain({ directions }: CableState): boolean {
  return directions.every(({ shape }) => Object.values(shape).every((value) => value === 0));
}

/** A cable after a change at one of its ends. Throws where the change is wrong, with all that is wrong. */
export function changed(cable: CablePlan, before: CableState, change: LinkChange): CableState {
  const mistakes = mistakesIn(cable, change);
  if (mistakes.length > 0) throw new LabInputError(mistakes.join('\n'));
  const { toward, mtu, up, down } = change;
  const oneWay = toward !== undefined;
  const directions = before.directions.map((direction, at): DirectionState => {
    if (oneWay && cable.names[1 - at]?.includes(toward) !== true) return direction;
    const start = change.plain === true ? plain : direction.shape;
    const lost = change.plain === true ? false : direction.lost;
    return {
      shape: shaped(start, change),
      // Up mends everything; down without a direction is the carrier's, below.
      lost: up === true ? false : oneWay && down === true ? true : lost,
    };
  });
  const [out, back] = directions;
  const mended = up === true || (change.plain === true && !oneWay);
  return {
    up: down === true && !oneWay ? false : mended && !oneWay ? true : before.up,
    mtu: mtu === undefined ? before.mtu : [mtu, mtu],
    directions: [out ?? before.directions[0], back ?? before.directions[1]],
    settled: true,
  };
}

function shaped(shape: Shape, { delay, jitter, loss, rate }: ShapeText): Shape {
  return {
    delayMs: (delay === undefined ? undefined : delayMs(delay)) ?? shape.delayMs,
    jitterMs: (jitter === undefined ? undefined : delayMs(jitter)) ?? shape.jitterMs,
    lossPercent: (loss === undefined ? undefined : lossPercent(loss)) ?? shape.lossPercent,
    rateBits: (rate === undefined ? undefined : rateBits(rate)) ?? shape.rateBits,
  };
}

function mistakesIn({ ends, names, network }: CablePlan, change: LinkChange): string[] {
  const mistakes: string[] = [];
  const wrong = (field: string, value: unknown, want: string): void => {
    mistakes.push(`${field}: ${notValid(value, want)}`);
  };
  const { delay, jitter, loss, rate, mtu, toward } = change;
  if (delay !== undefined && delayMs(delay) === undefined) wrong('delay', delay, wants.delay);
  if (jitter !== undefined && delayMs(jitter) === undefined) wrong('jitter', jitter, wants.delay);
  if (loss !== undefined && lossPercent(loss) === undefined) wrong('loss', loss, wants.loss);
  if (rate !== undefined && rateBits(rate) === undefined) wrong('rate', rate, wants.rate);
  if (mtu !== undefined) {
    const v6 = ends.some(({ addresses }) =>
      addresses.some((address) => isIPv6(address.split('/')[0] ?? '')),
    );
    const least = v6 ? mtuRange.leastWithIPv6 : mtuRange.least;
    const want = `${wants.mtu}${v6 ? `, and at least ${String(least)}: below, the kernel deletes its IPv6 addresses` : ''}`;
    if (!Number.isInteger(mtu) || mtu < least || mtu > mtuRange.most) wrong('mtu', mtu, want);
    if (toward !== undefined) wrong('toward', toward, 'no direction with mtu, which both have');
  }
  if (toward !== undefined && !names.flat().includes(toward)) {
    const [own, others] = names;
    const more = network === undefined || others.length > 1 ? '' : `: all that ${own.join()} sends`;
    wrong('toward', toward, `${[...own, ...others].join(' or ')}${more}`);
  }
  if (change.up === true && change.down === true) wrong('down', true, 'either up or down');
  const { toward: _way, ...rest } = change;
  if (Object.values(rest).every((value) => value === undefined || value === false)) {
    mistakes.push('nothing to change: want delay, jitter, loss, rate, mtu, up, down or plain');
  }
  return mistakes;
}
