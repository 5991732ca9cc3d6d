// SPDX-License-Identifier: Apache-2.0
/** NSM_DNS_CONFIGS: a JSON list of `{"dns_server_ips": [...], "search_domains": [...]}`. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { jsonOf } from '../api/env/json.js';
import type { DNSConfig } from '../api/gen/connectioncontext.js';

const address = z.string().refine((text) => isIP(text) !== 0, 'is no IP address');
const schema = z.array(
  z.strictObject({
    dns_server_ips: z.array(address).min(1, 'names no server'),
    search_domains: z.array(z.string().min(1)).default([]),
  }),
);

/** DNS servers for clients. */
export const dnsConfigs = jsonOf(
  'JSON such as [{"dns_server_ips": ["192.0.2.53"], "search_domains": ["example"]}]',
  (value): readonly DNSConfig[] => {
    const read = schema.safeParse(value);
    if (!read.success) throw new Error(read.error.issues.map(inWords).join('; '));
    return read.data.map((config) => ({
      dnsServerIps: config.dns_server_ips,
      searchDomains: config.search_domains,
    }));
  },
);

function inWords({ path, message }: z.core.$ZodIssue): string {
  return `at ${path.length === 0 ? 'the top' : path.join('.')}: ${message}`;
}
