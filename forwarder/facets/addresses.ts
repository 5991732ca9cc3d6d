// SPDX-License-Identifier: Apache-2.0
/** The addresses of this side, an exact set: src_ip_addrs at the client, dst_ip_addrs at the endpoint. */
import { prefixText } from '../links/ip.js';
import type { Facet } from './facet.js';

/** The facet. */
export function addresses(): Facet {
  return ({ own }) => ({ addresses: own.map(prefixText) });
}
