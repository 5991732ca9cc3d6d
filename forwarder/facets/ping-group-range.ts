// SPDX-License-Identifier: Apache-2.0
/** Lets every group of the namespace open ping sockets, so that a client can watch its wire without privilege. */
import type { Facet } from './facet.js';

/** The facet. */
export function pingGroupRange(): Facet {
  return () => ({ settings: { 'net/ipv4/ping_group_range': '0 2147483647' } });
}
