// SPDX-License-Identifier: Apache-2.0
/** Makes a site of the cluster and joins it with the cloud: trust bundles both ways, a Site and a policy. */
import type { Cluster } from './cluster.js';
import { policyObject, siteObject } from './objects.js';

/** Resolves when the links are up and the policy is in force. */
export async function joinSites(cluster: Cluster): Promise<void> {
  await cluster.takeBundle();
  await cluster.apply(siteObject(), policyObject('low-latency'));
  await cluster.giveBundle();
  await cluster.sites.up('cloud');
  await condition(cluster, 'site/edge', 'LinksUp');
  await condition(cluster, 'steeringpolicy/default', 'Programmed');
}

/** Wait for a condition of an object. */
async function condition(cluster: Cluster, object: string, type: string): Promise<void> {
  const waited = ['wait', `--for=condition=${type}`, object, '--timeout=60s'];
  await cluster.eventually(`${type} of ${object}`, () => cluster.kubectl(...waited));
}

/** The address of the endpoint at the guest's wire. */
export async function farEnd(cluster: Cluster, pod = 'guest'): Promise<string> {
  const routes = await cluster.inPod(pod, 'ip', '-4', 'route', 'show', 'dev', 'nsm-2');
  const address = /(172\.30\.\d+\.\d+)(?!\S*\/)/.exec(routes)?.[1];
  if (address === undefined) throw new Error(`no address behind nsm-2: ${routes}`);
  return address;
}
