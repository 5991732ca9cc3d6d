// SPDX-License-Identifier: Apache-2.0
/**
 * What a wire to another site takes: its Request beside that of a wire within
 * the node, by the same client of the same manager; and a thousand of them.
 */
import { channels } from '../../../api/grpc/dial.js';
import { silentLogger } from '../../../api/log/log.js';
import { endpoint } from '../../../lab/roles.js';
import { Caller } from '../../stage/caller.js';
import { inodeUrl } from '../../stage/processes.js';
import type { Sites } from '../../stage/sites.js';
import { gather, scatter } from '../crowd.js';
import { latency } from '../latency.js';
import type { Report } from '../report.js';
import type { Side } from '../side.js';

const pairs = 5;
const requests = 60;
const crowdSize = 1_000;

/** `remote_request_vs_local`, `remote_wires`. */
export async function remoteWires(report: Report, sites: Sites): Promise<void> {
  const manager = `unix://${sites.directory('edge')}/nsm.io.sock`;
  const agent = { SPIFFE_ENDPOINT_SOCKET: sites.agentUrl('edge') };
  const settings = { ...agent, NSM_CONNECT_TO: manager, NSM_SERVICE_NAMES: 'hello' };
  const own = { ...settings, NSM_CIDR_PREFIX: '[172.20.0.0/16]' };
  await sites.world.start(endpoint(sites.world, 'hello', own));
  const { path } = sites.pod;
  const command = ['nsenter', `--net=${path}`, 'sh', '-c', 'echo ready; exec sleep 600'];
  const pod = await sites.world.start({ name: 'pod', command });
  using security = await sites.security('edge');
  using peers = channels({ security, dialTimeoutMs: 5_000, log: silentLogger() });
  const caller = new Caller(peers.acquire(manager), 'bench');
  const podUrl = await inodeUrl(pod.pid);
  const remote: Side = { caller, pod, podUrl, service: 'wan@cloud' };
  const local: Side = { caller, pod, podUrl, service: 'hello' };
  for (const side of [remote, local]) await latency(side, 20);

  const ours: number[] = [];
  const theirs: number[] = [];
  for (let run = 0; run < pairs; run++) {
    ours.push((await latency(remote, requests)).p50);
    theirs.push((await latency(local, requests)).p50);
  }
  const against = 'a wire within the node';
  report.add({ figure: 'remote_request_vs_local', unit: 'ms', ours, theirs, against });

  const crowd = await gather(remote, crowdSize);
  report.add({ figure: 'remote_wires', unit: 'wires', ours: [crowd.wires.length] });
  report.add({ figure: 'remote_wires_failed', unit: 'wires', ours: [crowd.failed] });
  report.add({ figure: 'remote_wires_per_second', unit: 'wires/s', ours: [crowd.rate] });
  const devices = await sites.lab.node('edge').exec('ip', '-br', 'link', 'show', 'type', 'vxlan');
  const steering = devices.split('\n').filter((line) => line.startsWith('wwvxlan'));
  report.add({ figure: 'vxlan_devices', unit: 'devices', ours: [steering.length] });
  await scatter(remote, crowd.wires);
}
