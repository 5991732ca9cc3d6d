// SPDX-License-Identifier: Apache-2.0
/** A way from the pod to the service without a wire: a veth to the edge's node, and the kernel's routes over wan0. */
import type { Lab } from '../../../lab/lab.js';

/** Another address of the service's machine, which only this way leads to. */
export const bareServer = '10.60.0.11';

/** Make it. */
export async function bareRoute(lab: Lab): Promise<void> {
  const [pod, edge, cloud] = [lab.place('edge/client'), lab.node('edge'), lab.node('cloud')];
  const lines: readonly (readonly [place: typeof pod, line: string])[] = [
    [edge, `link add bare0 type veth peer name bare1 netns ${pod.netns}`],
    [edge, 'addr add 192.0.2.1/30 dev bare0'],
    [edge, 'link set bare0 mtu 1450 up'],
    [pod, 'addr add 192.0.2.2/30 dev bare1'],
    [pod, 'link set bare1 mtu 1450 up'],
    [pod, `route add ${bareServer}/32 via 192.0.2.1`],
    [edge, `route add ${bareServer}/32 via 203.0.113.10`],
    [cloud, 'route add 192.0.2.0/30 via 203.0.113.2'],
    [lab.place('cloud/server'), `addr add ${bareServer}/24 dev eth0`],
  ];
  for (const [place, line] of lines) await place.exec('ip', ...line.split(' '));
  await edge.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1');
}
