// SPDX-License-Identifier: Apache-2.0
/**
 * The way to a cluster. What speaks to the API server is loaded by `openCluster`, so that
 * a process without Kubernetes never has it in memory.
 */
import type { Cluster, ClusterOptions } from './types.js';

export type * from './types.js';

/** Read the configuration; asks the API server nothing. Rejects where there is none. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const { openApi } = await import('./open.js');
  return await openApi(options);
}
