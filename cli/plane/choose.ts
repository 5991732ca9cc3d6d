// SPDX-License-Identifier: Apache-2.0
/** A wire or a strand by what an operator wrote; what is not known is told with what is. */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { nearestFirst } from './nearest-first.js';
import type { Plane, PlaneStrand, PlaneWire } from './types.js';

/** The wire of that id, or the only one whose id begins so; without a text the only one there is. */
export function chooseWire(
  { wires }: Pick<Plane, 'wires'>,
  text: string | undefined,
  option = '--wire',
): PlaneWire {
  const ids = wires.map(({ id }) => id);
  const fitting = wires.filter(({ id }) => text === undefined || id.startsWith(text));
  const exact = wires.find(({ id }) => id === text);
  const [found, ...more] = exact === undefined ? fitting : [exact];
  if (found !== undefined && more.length === 0) return found;
  if (wires.length === 0) throw new WireError(status.NOT_FOUND, 'there are no steered wires');
  const choice = (names: readonly string[]): string => names.join(', ');
  if (text === undefined) {
    const all = choice(nearestFirst('', ids));
    throw new WireError(
      status.INVALID_ARGUMENT,
      `there are several wires: choose one with ${option} (${all})`,
    );
  }
  if (more.length > 0) {
    const all = choice(
      nearestFirst(
        text,
        fitting.map(({ id }) => id),
      ),
    );
    throw new WireError(
      status.INVALID_ARGUMENT,
      `${option} "${text}" is the beginning of several wires: ${all}`,
    );
  }
  const all = choice(nearestFirst(text, ids));
  throw new WireError(status.NOT_FOUND, `no wire has the id "${text}": want one of ${all}`);
}

/** The strand of that name. */
export function chooseStrand({ strands }: Pick<Plane, 'strands'>, name: string): PlaneStrand {
  const found = strands.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = strands.map((one) => one.name);
  const want =
    names.length === 0
      ? 'there are none: no wire leads to another site yet'
      : `want one of ${nearestFirst(name, names).join(', ')}`;
  throw new WireError(status.NOT_FOUND, `no strand has the name "${name}": ${want}`);
}
