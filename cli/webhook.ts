// SPDX-License-Identifier: Apache-2.0
/** `wanwire webhook`. */
import type { Command } from 'commander';
import { table } from '../webhook/config.js';
import { processCommand } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  return processCommand({
    name: 'webhook',
    description:
      'The admission webhook of a Kubernetes cluster: pods, workloads and namespaces with the annotation ' +
      'networkservicemesh.io get their wires, and Sites, SteeringPolicies, NetworkServices and ' +
      'annotations with mistakes are refused. It makes its own certificate, and one of its replicas renews it.',
    table,
    examples: ['NSM_NAMESPACE=nsm-system wanwire webhook'],
    start: async (config, log, signal) =>
      (await import('../webhook/main.js')).start(config, log, { signal }),
  });
}
