// SPDX-License-Identifier: Apache-2.0
/** `wanwire status --kube`: what a cluster knows of its sites, policies and wires, by its objects alone. */
import { systemClock as clock } from '../../api/chain/clock.js';
import { openCluster } from '../../api/k8s/cluster.js';
import { silentLogger } from '../../api/log/log.js';
import { paint } from '../paint.js';
import { show, type WatchOptions } from '../plane/watch.js';
import { clusterLines, readCluster } from './cluster-view.js';

/** Which cluster. */
export interface KubeOptions {
  readonly kube?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

/** Show it as the options say; rejects with what is missing: a cluster, definitions, rights. */
export async function kubeStatus(options: KubeOptions & WatchOptions): Promise<void> {
  const { kubeconfig, context, namespace } = options;
  using cluster = await openCluster({ kubeconfig, context, clock, log: silentLogger() });
  const colours = paint(process.stdout);
  await show(
    {
      read: () => readCluster(cluster, namespace),
      text: (now) => `${clusterLines(colours, now).join('\n')}\n`,
      json: (now) => now,
    },
    options,
  );
}
