// SPDX-License-Identifier: Apache-2.0
/** The configuration of a node's programs: containerd with CNI's bridge, and the kubelet. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlane } from './control-plane.js';
import { writeKubeconfig } from './kubeconfig.js';

/** Where pods are, and the node for them. */
export const podRange = '10.98.0.0/23';
const podGateway = '10.98.0.1';
/** Of containerd, in the node. */
export const containerdSocket = '/run/containerd/containerd.sock';
/** The image that holds a pod's namespaces, as scripts/image.js names it. */
const pauseImage = 'docker.io/library/wanwire-pause:lab';
/** The bridge of the pods, in the node. */
const podBridge = 'kubebr0';

/** The paths of what was written. */
export interface NodeFiles {
  readonly containerd: string;
  readonly kubelet: string;
  readonly kubeconfig: string;
}

/** Write them into a folder. */
export async function writeNodeFiles(
  plane: ControlPlane,
  options: {
    readonly name: string;
    readonly address: string;
    readonly folder: string;
    /** Each pod has a cgroup of its own, which is called by its UID; each container one where false. */
    readonly podCgroups?: boolean;
  },
): Promise<NodeFiles> {
  const { name, address, folder, podCgroups = false } = options;
  const file = (one: string): string => join(folder, one);
  const pair = await plane.authority.issue({ name, hosts: [name, address, '127.0.0.1'] });
  await Promise.all([
    writeFile(file('kubelet.crt'), pair.certificate, { mode: 0o600 }),
    writeFile(file('kubelet.key'), pair.key, { mode: 0o600 }),
    // No name server: pods find nobody by name, and ask nobody.
    writeFile(file('resolv.conf'), 'options attempts:1 timeout:1\n'),
    writeFile(file('10-lab.conflist'), json(network)),
    writeFile(file('containerd.toml'), containerd(folder)),
    writeFile(file('kubelet.json'), json(kubelet(folder, plane.folder, podCgroups))),
  ]);
  const kubeconfig = await writeKubeconfig(file('kubelet.kubeconfig'), plane.authority, plane.url, {
    name: `system:node:${name}`,
    groups: ['system:nodes'],
  });
  return { containerd: file('containerd.toml'), kubelet: file('kubelet.json'), kubeconfig };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

const network = {
  cniVersion: '0.4.0',
  name: 'lab',
  plugins: [
    {
      type: 'bridge',
      bridge: podBridge,
      isGateway: true,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: podRange, gateway: podGateway }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
  ],
};

/** Without CAP_SYS_RESOURCE, as in many containers, nobody may be spared by the OOM killer. */
function containerd(folder: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "${containerdSocket}"
[${cri}]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${folder}"
`;
}

function kubelet(folder: string, plane: string, podCgroups: boolean): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(plane, 'ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: join(folder, 'kubelet.crt'),
    tlsPrivateKeyFile: join(folder, 'kubelet.key'),
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    resolvConf: join(folder, 'resolv.conf'),
    // Of the machine around it nothing is taken for granted: cgroups of version 1 or 2, no systemd.
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    cgroupsPerQOS: podCgroups,
    enforceNodeAllocatable: [],
    makeIPTablesUtilChains: false,
    failSwapOn: false,
    // A full disk of the machine is not the node's trouble.
    evictionHard: { 'imagefs.available': '0%', 'nodefs.available': '0%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    localStorageCapacityIsolation: false,
    serializeImagePulls: false,
    maxPods: 400,
  };
}
