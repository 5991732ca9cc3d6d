// SPDX-License-Identifier: Apache-2.0
/** The interface's MTU, the same on both sides: what the path agreed on in `context.MTU`. */
import { invalid } from '../../api/errors/wire-error.js';
import { families } from '../links/ip.js';
import { contextMtu, type Facet } from './facet.js';

/**
 * For a Connection that says none. As NSM's own forwarder: a veth pair has no
 * wire beneath it that could be too small, and large packets cost less.
 */
export const defaultMtu = 9000;

const least = { v4: 68, v6: 1280 };
const most = 65_535;

/** The facet; refuses what the kernel would refuse, or would silently delete IPv6 addresses for. */
export function mtu(): Facet {
  return ({ connection, own }) => {
    const wanted = contextMtu(connection) || defaultMtu;
    const floor = own.some(({ family }) => family === families.v6) ? least.v6 : least.v4;
    if (wanted < floor || wanted > most) {
      const why = floor === least.v6 ? ' (IPv6 needs 1280)' : '';
      throw invalid('context.MTU', wanted, `${String(floor)} to ${String(most)}${why}`);
    }
    return { mtu: wanted };
  };
}
