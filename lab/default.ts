// SPDX-License-Identifier: Apache-2.0
/** The lab that is made where no file says otherwise: edge and cloud, two plain cables between them. */
import { parse } from 'yaml';
import type { LabFile } from './types.js';

/** What `wanwire lab template` prints: the default lab, with everything else as comments. */
export const template = `# A lab: sites in network namespaces, and WAN links between them.
#   wanwire lab up --file lab.yaml
apiVersion: wanwire.io/v1alpha1
kind: Lab
metadata:
  name: default              # namespaces are called ww-default-edge, ww-default-edge-client, ...
spec:
  sites:
    - name: edge
      links:
        - name: wan0         # the device in the site's node
          cable: wan0        # a cable has two ends: the other is at cloud
          addresses: [203.0.113.2/24, "2001:db8:a::2/64"]
          # Plain, at full speed, unless it says otherwise. Each of these is one way and holds
          # both ways; \`wanwire lab set edge/wan0 --delay 80ms\` changes it while it runs.
          # delay: 5ms
          # jitter: 1ms      # order is kept
          # loss: 0.5%
          # rate: 100mbit
          # mtu: 1500
          # toward:          # only one way: what goes to cloud, or what comes to edge
          #   cloud: {rate: 20mbit}
        - name: wan1
          cable: wan1
          addresses: [198.51.100.2/24, "2001:db8:b::2/64"]
      clients:
        - name: client       # nothing but loopback: its interface comes by a wire
    - name: cloud
      links:
        - name: wan0
          cable: wan0
          addresses: [203.0.113.10/24, "2001:db8:a::10/64"]
        - name: wan1
          cable: wan1
          addresses: [198.51.100.10/24, "2001:db8:b::10/64"]
      lan:                   # the node's own addresses on lan0
        addresses: [10.60.0.1/24, "2001:db8:60::1/64"]
      servers:
        - name: server       # on the LAN; its default route is the node
          addresses: [10.60.0.10/24, "2001:db8:60::10/64"]
# Instead of a cable, any number of sites can share a switched network:
#       - {name: wan0, network: internet, addresses: [192.0.2.1/24], delay: 10ms}
`;

/** The default lab as it stands in a file, under another name. */
export function defaultLab(name = 'default'): LabFile {
  const file = parse(template) as LabFile;
  return { ...file, metadata: { name } };
}
