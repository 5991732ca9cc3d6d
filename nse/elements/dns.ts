// SPDX-License-Identifier: Apache-2.0
/**
 * Tells each client of DNS servers.
 *
 * When: on the way in; what is there already is not added twice.
 * Where: anywhere in an endpoint's chain.
 * Leaves: nothing.
 */
import { contextOf, withContext } from '../../api/chain/connection.js';
import type { Step } from '../../api/chain/element.js';
import { DNSContext, type DNSConfig } from '../../api/gen/connectioncontext.js';

/** The element. */
export function dns(configs: readonly DNSConfig[]): Step {
  return {
    kind: 'step',
    name: 'dns',

    request(call, request, next) {
      const context = contextOf(request.connection).dnsContext ?? DNSContext.create();
      const known = new Set(context.configs.map(text));
      const added = configs.filter((config) => !known.has(text(config)));
      if (added.length === 0) return next(call, request);
      const dnsContext = { ...context, configs: [...context.configs, ...added] };
      return next(call, {
        ...request,
        connection: withContext(request.connection, { dnsContext }),
      });
    },

    close: () => Promise.resolve(),
  };
}

function text(config: DNSConfig): string {
  return JSON.stringify([config.dnsServerIps, config.searchDomains]);
}
