// SPDX-License-Identifier: Apache-2.0
/** The forwarder's environment: cmd-forwarder-vpp's variables, those for VPP and SR-IOV without effect. */
import { common, probed, registryClientPolicies, site, siteOptional } from '../api/env/common.js';
import { duration } from '../api/env/duration.js';
import { labelsColon } from '../api/env/list.js';
import type { Table, Values } from '../api/env/table.js';
import { boolean, integer, name, text } from '../api/env/text.js';
import { listenUrls, url } from '../api/env/urls.js';

const noVpp = 'wires are made in the kernel, without VPP';
const noSriov = 'SR-IOV is not supported';
const later = 'wires to other nodes come in a later version';
const comesWithMetrics = 'metrics come in a later version';

/** Every variable of `wanwire forwarder`. */
export const table = {
  NSM_NAME: name({
    default: 'forwarder',
    description: 'Name of this forwarder; unique in the mesh, and marks its interfaces.',
  }),
  NSM_LABELS: labelsColon({
    default: 'p2p:true',
    description: "The forwarder's labels; a manager looks for p2p:true.",
  }),
  NSM_NSNAME: name({
    default: 'forwarder',
    description: 'The network service that it registers for.',
  }),
  NSM_CONNECT_TO: url({
    default: 'unix:///connect.to.socket',
    description: 'Where the manager listens.',
  }),
  NSM_LISTEN_ON: listenUrls({
    default: 'unix:///listen.on.socket',
    description: 'Where it listens; the first URL is registered.',
  }),
  NSM_DIAL_TIMEOUT: duration({
    default: '750ms',
    description: 'How long an endpoint may take to accept a connection.',
  }),
  WANWIRE_STATE_DIR: name({
    description:
      'Where it remembers its wires, to know them again after a crash; /run/wanwire/NSM_NAME where not set.',
  }),
  ...site,
  ...siteOptional,
  WANWIRE_BPF_DIR: name({
    description:
      'Where the data plane is pinned (in a bpffs); wanwire/NSM_NAME in /sys/fs/bpf, or in /run/wanwire/bpf, where not set.',
  }),
  WANWIRE_MAX_SESSIONS: integer(
    1024,
    1 << 24,
  )({
    default: '65536',
    description: 'Sessions that the data plane remembers, of each family; the oldest make room.',
  }),
  WANWIRE_INSERT_RATE: integer(
    0,
    1 << 30,
  )({
    default: '20000',
    description: 'New sessions that one wire may have remembered in a second; 0 is no limit.',
  }),
  WANWIRE_STAMP_PORT: integer(
    1,
    65_535,
  )({
    default: '862',
    description: 'UDP port that nodes answer probes of links on (STAMP); the same on all nodes.',
  }),
  ...common,
  ...probed,
  ...registryClientPolicies,
  NSM_TUNNEL_IP: text({ description: 'Own address of tunnels.', unused: later }),
  NSM_VXLAN_PORT: integer(
    0,
    65_535,
  )({
    default: '0',
    description: 'UDP port of VXLAN tunnels.',
    unused: later,
  }),
  NSM_MECHANISM_PRIORITY: text({ description: 'Order of mechanisms.', unused: later }),
  NSM_VPP_API_SOCKET: text({
    default: '/var/run/vpp/external/vpp-api.sock',
    description: "VPP's socket.",
    unused: noVpp,
  }),
  NSM_VPP_INIT: text({ default: 'AF_PACKET', description: 'How VPP starts.', unused: noVpp }),
  NSM_VPP_INIT_PARAMS: text({ description: 'Parameters of the same.', unused: noVpp }),
  NSM_VPP_MIN_OPERATION_TIMEOUT: duration({
    default: '2s',
    description: 'Least time for an operation of VPP.',
    unused: noVpp,
  }),
  NSM_DEVICE_SELECTOR_FILE: text({ description: 'Devices for VLAN.', unused: later }),
  NSM_SRIOV_CONFIG_FILE: text({ description: 'PCI devices.', unused: noSriov }),
  NSM_RESOURCE_POLL_TIMEOUT: duration({
    default: '30s',
    description: 'Time for polling devices.',
    unused: noSriov,
  }),
  NSM_DEVICE_PLUGIN_PATH: text({
    default: '/var/lib/kubelet/device-plugins/',
    description: "The kubelet's device plugins.",
    unused: noSriov,
  }),
  NSM_POD_RESOURCES_PATH: text({
    default: '/var/lib/kubelet/pod-resources/',
    description: "The kubelet's resources.",
    unused: noSriov,
  }),
  NSM_CGROUP_PATH: text({
    default: '/host/sys/fs/cgroup/devices',
    description: "The host's cgroups.",
    unused: noSriov,
  }),
  NSM_VFIO_PATH: text({
    default: '/host/dev/vfio',
    description: "The host's VFIO.",
    unused: noSriov,
  }),
  NSM_PCI_DEVICES_PATH: text({
    default: '/sys/bus/pci/devices',
    description: 'PCI devices.',
    unused: noSriov,
  }),
  NSM_PCI_DRIVERS_PATH: text({
    default: '/sys/bus/pci/drivers',
    description: 'PCI drivers.',
    unused: noSriov,
  }),
  NSM_PROMETHEUS_LISTEN_ON: text({
    default: ':8081',
    description: 'Where metrics are served.',
    unused: comesWithMetrics,
  }),
  NSM_PROMETHEUS_SERVER_HEADER_TIMEOUT: duration({
    default: '5s',
    description: 'Time for the head of a request for metrics.',
    unused: comesWithMetrics,
  }),
  NSM_PROMETHEUS_CA_FILE: text({ description: 'CA for metrics.', unused: comesWithMetrics }),
  NSM_PROMETHEUS_KEY_FILE: text({ description: 'Key for metrics.', unused: comesWithMetrics }),
  NSM_PROMETHEUS_CERT_FILE: text({
    description: 'Certificate for metrics.',
    unused: comesWithMetrics,
  }),
  NSM_PROMETHEUS_MONITOR_CERTIFICATE: boolean({
    default: 'false',
    description: 'Reload the certificate for metrics.',
    unused: comesWithMetrics,
  }),
} as const satisfies Table;

/** The parsed environment. */
export type Config = Values<typeof table>;

/** Where the forwarder keeps what it must know after a crash. A name may hold a slash. */
export function stateFolder({ WANWIRE_STATE_DIR: folder, NSM_NAME: name }: Config): string {
  return folder ?? `/run/wanwire/${encodeURIComponent(name)}`;
}
