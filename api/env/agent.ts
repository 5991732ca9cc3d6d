// SPDX-License-Identifier: Apache-2.0
/** Where a SPIFFE agent listens: `unix:///path` or `tcp://ip:port`, as SPIFFE_ENDPOINT_SOCKET is specified. */
import { isIP } from 'node:net';
import { variable } from './table.js';
import { parseUrl } from './urls.js';

/** An agent's socket. */
export const agent = variable('unix:///path or tcp://ip:port', (value): string => {
  const url = parseUrl(value);
  if (!/^(?:unix|tcp):/.test(value)) throw new Error('has no scheme');
  const host = /^tcp:\/\/\[?(.*?)\]?:\d+$/.exec(url)?.[1];
  if (host !== undefined && isIP(host) === 0) {
    throw new Error(`has ${host}, which is no IP address: an agent is never looked up by name`);
  }
  return url;
});
