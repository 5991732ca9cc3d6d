// SPDX-License-Identifier: Apache-2.0
/**
 * Adds labels that say where a client runs, unless it said so itself.
 *
 * When: on the way in.
 * Where: in a client and in the nsmgr, before whoever matches labels.
 * Leaves: nothing.
 */
import type { Step } from '../chain/element.js';

/** From `NODE_NAME`, `POD_NAME` and `CLUSTER_NAME`; what is not known is not added. */
export interface ClientInfo {
  readonly nodeName?: string | undefined;
  readonly podName?: string | undefined;
  readonly clusterName?: string | undefined;
}

/** The element. */
export function clientInfo({ nodeName, podName, clusterName }: ClientInfo): Step {
  const labels = Object.fromEntries(
    Object.entries({ nodeName, podName, clusterName }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
    ),
  );
  return {
    kind: 'step',
    name: 'clientInfo',

    request(call, request, next) {
      const connection = {
        ...request.connection,
        labels: { ...labels, ...request.connection.labels },
      };
      return next(call, { ...request, connection });
    },

    close: () => Promise.resolve(),
  };
}
