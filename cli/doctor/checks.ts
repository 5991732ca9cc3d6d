// SPDX-License-Identifier: Apache-2.0
/** What the doctor looks at, in the order in which it is told. */
import { release } from 'node:os';
import { bpfFeatures, bpfFileSystem, builtPrograms, libbpf } from './bpf.js';
import type { Check } from './finding.js';
import {
  atLeast,
  builtAddons,
  capabilities,
  firstLine,
  linkKind,
  managerAnswers,
  namespacesOfOthers,
  newNamespace,
  pathExists,
} from './machine.js';

const kernel = release();
const module = (name: string): string =>
  `Load the module (modprobe ${name}) or use a kernel with it; as root.`;

/** All of them. */
export const checks: readonly Check[] = [
  {
    name: 'Node.js',
    neededFor: 'now',
    means: 'The command does not start, or fails at what older versions do not know',
    cure: 'Install Node.js 20 or later.',
    look: () => ({
      ok: atLeast(process.versions.node, '20'),
      detail: process.versions.node,
    }),
  },
  {
    name: 'addons',
    neededFor: 'now',
    means: 'Nothing can reach the kernel: no namespace, no BPF, no ping',
    cure: 'Run npm run setup.',
    look() {
      const missing = builtAddons().filter(([, there]) => !there);
      const names = missing.map(([name]) => name).join(', ');
      const detail = missing.length === 0 ? 'built' : `not built: ${names}`;
      return { ok: missing.length === 0, detail };
    },
  },
  {
    name: 'kernel',
    neededFor: 'now',
    means:
      'The data plane cannot name the local address of a tunnel, so links cannot be told apart',
    cure: 'Use Linux 6.1 or later, as in Debian 12.',
    look: () => ({
      ok: process.platform === 'linux' && atLeast(kernel, '6.1'),
      detail: `${process.platform === 'linux' ? 'Linux' : process.platform} ${kernel}`,
    }),
  },
  {
    name: 'privileges',
    neededFor: 'now',
    means: 'The forwarder cannot enter namespaces, make interfaces or load programs',
    cure: 'Run the forwarder as root (sudo), or in a privileged container.',
    async look() {
      const missing = await capabilities(['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_SYS_PTRACE']);
      const ok = missing.length === 0;
      return { ok, detail: ok ? 'enough for the forwarder' : `no ${missing.join(', ')}` };
    },
  },
  {
    name: 'namespaces',
    neededFor: 'now',
    means: 'Neither lab nor demo can be made, nor can a wire be tried out',
    cure: 'In a container, start it with --privileged.',
    look: () => newNamespace('network namespaces can be made'),
  },
  {
    name: 'veth',
    neededFor: 'now',
    means: 'No wire can be made: both of its ends are a veth pair',
    cure: module('veth'),
    look: () => linkKind('veth', 'peer', 'name', 'ww-doctor-b'),
  },
  {
    name: 'IPv6',
    neededFor: 'now',
    means: 'Wires have no IPv6, and a service that gives IPv6 addresses is refused',
    cure: 'Boot without ipv6.disable=1, or load the module: modprobe ipv6.',
    async look() {
      const ok = await pathExists('/proc/sys/net/ipv6');
      return { ok, detail: ok ? 'in the kernel' : 'not in the kernel' };
    },
  },
  {
    name: 'pods',
    neededFor: 'now',
    means:
      'The forwarder does not find the network namespaces of pods, and their Requests are refused',
    cure: 'Run as root, in a container with the host’s processes (hostPID: true), /proc without hidepid.',
    async look() {
      const { readable, total } = await namespacesOfOthers();
      return {
        // A sandbox may hide its own first process; without privileges most are hidden.
        ok: readable * 2 > total && total > 1,
        detail: `namespaces of ${String(readable)} of ${String(total)} processes can be read`,
      };
    },
  },
  {
    name: 'ping',
    neededFor: 'liveness checks of clients that run here, outside of a pod',
    means: 'A client here does not notice that the far end of its wire is dead',
    cure: 'sysctl -w net.ipv4.ping_group_range="0 2147483647"',
    async look() {
      const range = (await firstLine('/proc/sys/net/ipv4/ping_group_range')).replace(/\s+/, ' to ');
      const [from = 1, to = 0] = range.split(' to ').map(Number);
      const group = process.getgid?.() ?? 0;
      const ok = from <= group && group <= to;
      const detail = `ping sockets are for groups ${ok ? range : `${range}, not for ${String(group)}`}`;
      return { ok, detail };
    },
  },
  {
    name: 'manager',
    neededFor: 'clients, endpoints and the forwarder, once they are started',
    means: 'Clients, endpoints and the forwarder find nobody to ask',
    cure: 'Start one: wanwire manager (or set NSM_CONNECT_TO to where yours listens).',
    look: (url) => managerAnswers(url),
  },
  {
    name: 'libbpf',
    neededFor: 'now',
    means: 'Nothing can be loaded into the kernel, nor read from its maps',
    cure: 'apt-get install libbpf1, then npm run setup.',
    look: libbpf,
  },
  {
    name: 'BPF programs',
    neededFor: 'now',
    means: 'A forwarder with WAN links does not start: it has nothing to load',
    cure: 'Run npm run setup.',
    look: builtPrograms,
  },
  {
    name: 'BPF',
    neededFor: 'now',
    means: 'A forwarder with WAN links does not start: the kernel refuses its maps or programs',
    cure: 'Run it as root, where BPF is allowed.',
    look: () => bpfFeatures('lpmTries', 'mmapableArrays', 'tunnelLocalAddress'),
  },
  {
    name: 'tcx',
    neededFor: 'attaching in the newer way; clsact does as well',
    means: 'Programs are attached by clsact: no difference to packets',
    cure: 'Use Linux 6.6 or later.',
    look: () => bpfFeatures('tcx'),
  },
  {
    name: 'bpffs',
    neededFor: 'now',
    means: 'Nothing can be pinned, so packets would not flow without the forwarder',
    cure: 'Use a kernel with CONFIG_BPF_SYSCALL.',
    look: bpfFileSystem,
  },
  {
    name: 'VXLAN',
    neededFor: 'now',
    means: 'No wire to another node: its packets travel in VXLAN',
    cure: module('vxlan'),
    look: () => linkKind('vxlan', 'external', 'dstport', '4790'),
  },
  {
    name: 'WireGuard',
    neededFor: 'encryption in a later version',
    means: 'Nothing yet',
    cure: module('wireguard'),
    look: () => linkKind('wireguard'),
  },
];
