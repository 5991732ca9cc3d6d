// SPDX-License-Identifier: Apache-2.0
/**
 * A client may have several wires that lead to the same places: each has a metric of its
 * own, so that the first is preferred and the others serve who binds a socket to them, and
 * takes answers in although the best way to their sender is another wire.
 */
import { kernel } from '../../api/elements/kernel-mechanism.js';
import { invalid } from '../../api/errors/wire-error.js';
import type { Mechanism } from '../../api/gen/connection.js';
import type { Facet } from './facet.js';

/** IPv4 routes of others may have more. */
const most = 65_535;

/** The facet. */
export function beside(): Facet {
  return ({ connection, side }) =>
    side === 'client'
      ? { metric: metricIn(connection.mechanism, 'mechanism') ?? 'spare', looseFilter: true }
      : {};
}

/** The metric that the client asks for; a stock one asks for none. */
export function metricIn(mechanism: Mechanism | undefined, field: string): number | undefined {
  const text = mechanism?.parameters[kernel.metric];
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) <= most) return Number(text);
  throw invalid(`${field}.parameters.${kernel.metric}`, text, `0 to ${String(most)}`);
}
