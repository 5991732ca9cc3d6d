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

/** All of them. */
export const checks: readonly Check[] = [
  {
    name: 'Node.js',
    neededFor: 'now',
    look: () => ({
      ok: atLeast(process.versions.node, '20'),
      detail: process.versions.node,
      cure: 'Install Node.js 20 or later.',
    }),
  },
  {
    name: 'addons',
    neededFor: 'now',
    look() {
      const missing = builtAddons().filter(([, there]) => !there);
      const names = missing.map(([name]) => name).join(', ');
      const detail = missing.length === 0 ? 'built' : `not built: ${names}`;
      return { ok: missing.length === 0, detail, cure: 'Run npm run setup.' };
    },
  },
  {
    name: 'kernel',
    neededFor: 'now',
    look: () => ({
      ok: process.platform === 'linux' && atLeast(kernel, '6.1'),
      detail: `${process.platform === 'linux' ? 'Linux' : process.platform} ${kernel}`,
      cure: 'Use Linux 6.1 or later, as in Debian 12.',
    }),
  },
  {
    name: 'privileges',
    neededFor: 'now',
    async look() {
      const missing = await capabilities(['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_SYS_PTRACE']);
      const ok = missing.length === 0;
      const detail = ok ? 'enough for the forwarder' : `no ${missing.join(', ')}`;
      return {
        ok,
        detail,
        cure: 'Run the forwarder as root (sudo), or in a privileged container.',
      };
    },
  },
  {
    name: 'namespaces',
    neededFor: 'now',
    look: () =>
      newNamespace('network namespaces can be made', 'In a container, start it with --privileged.'),
  },
  { name: 'veth', neededFor: 'now', look: () => linkKind('veth', 'peer', 'name', 'ww-doctor-b') },
  {
    name: 'IPv6',
    neededFor: 'now',
    async look() {
      const ok = await pathExists('/proc/sys/net/ipv6');
      const cure = 'Boot without ipv6.disable=1, or load the module: modprobe ipv6.';
      return { ok, detail: ok ? 'in the kernel' : 'not in the kernel', cure };
    },
  },
  {
    name: 'pods',
    neededFor: 'now',
    async look() {
      const { readable, total } = await namespacesOfOthers();
      return {
        // A sandbox may hide its own first process; without privileges most are hidden.
        ok: readable * 2 > total && total > 1,
        detail: `namespaces of ${String(readable)} of ${String(total)} processes can be read`,
        cure: 'Run as root, in a container with the host’s processes (hostPID: true), /proc without hidepid.',
      };
    },
  },
  {
    name: 'ping',
    neededFor: 'liveness checks of clients that run here, outside of a pod',
    async look() {
      const range = (await firstLine('/proc/sys/net/ipv4/ping_group_range')).replace(/\s+/, ' to ');
      const [from = 1, to = 0] = range.split(' to ').map(Number);
      const group = process.getgid?.() ?? 0;
      const ok = from <= group && group <= to;
      const detail = `ping sockets are for groups ${ok ? range : `${range}, not for ${String(group)}`}`;
      return { ok, detail, cure: 'sysctl -w net.ipv4.ping_group_range="0 2147483647"' };
    },
  },
  {
    name: 'manager',
    neededFor: 'clients, endpoints and the forwarder, once they are started',
    look: (url) => managerAnswers(url),
  },
  { name: 'libbpf', neededFor: 'now', look: libbpf },
  { name: 'BPF programs', neededFor: 'now', look: builtPrograms },
  {
    name: 'BPF',
    neededFor: 'now',
    look: () => bpfFeatures('lpmTries', 'mmapableArrays', 'tunnelLocalAddress'),
  },
  {
    name: 'tcx',
    neededFor: 'attaching in the newer way; clsact does as well',
    look: () => bpfFeatures('tcx'),
  },
  { name: 'bpffs', neededFor: 'now', look: bpfFileSystem },
  { name: 'VXLAN', neededFor: 'now', look: () => linkKind('vxlan', 'external', 'dstport', '4790') },
  {
    name: 'WireGuard',
    neededFor: 'encryption in a later version',
    look: () => linkKind('wireguard'),
  },
];
