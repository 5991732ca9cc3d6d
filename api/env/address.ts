// SPDX-License-Identifier: Apache-2.0
/** One IP address, in its usual spelling. */
import ipaddr from 'ipaddr.js';
import { isIP } from 'node:net';
import { variable } from './table.js';

/** An IPv4 or IPv6 address. */
export const address = variable('an address such as 192.0.2.1 or 2001:db8::1', (value) => {
  if (isIP(value) === 0 || value.includes('%')) throw new Error('is no IP address');
  return ipaddr.parse(value).toString();
});
