// SPDX-License-Identifier: Apache-2.0
/** A way to every address of the other side that lies in none of our own prefixes. */
import { contains, network, prefixText } from '../links/ip.js';
import type { Facet } from './facet.js';

/** The facet. */
export function linkRoutes(): Facet {
  return ({ own, opposite }) => ({
    routes: opposite
      .filter((address) => !own.some((prefix) => contains(prefix, address)))
      .map((address) => ({ to: prefixText(network(address)) })),
  });
}
