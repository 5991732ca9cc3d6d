// SPDX-License-Identifier: Apache-2.0
/**
 * What the kernel knows of a process that has connected to our unix socket.
 *
 * User and group are of the moment when it connected. Program and cgroup are read from /proc, where
 * its number may be another process's by now: they count only if the process is still that very one
 * afterwards, by its pidfd, or by when it started where the kernel has none (before Linux 6.5).
 */
import { readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { peerCredentials } from '../../api/fdpass/credentials.js';
import { containerOf, type Container } from './container.js';

/** A process that asks for an identity. */
export interface Workload {
  /** 0 where it is in another pid namespace. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Path of its program; nothing where we may not know. */
  readonly executable: string | undefined;
  /** Nothing where we may not know. */
  readonly cgroup: string | undefined;
  /** Which container it is in; nothing outside of all, or where we may not know. */
  readonly container: Container | undefined;
}

/** Of a connected unix socket; throws where its peer has gone. */
export function workloadOf(socket: Socket): Workload {
  using peer = peerCredentials(socket);
  const { pid, uid, gid } = peer;
  const who = { pid, uid, gid };
  const unknown = { ...who, executable: undefined, cgroup: undefined, container: undefined };
  if (pid <= 0) return unknown;
  const startedBefore = startOf(pid);
  const executable = quietly(() => readlinkSync(`/proc/${String(pid)}/exe`));
  const cgroups = quietly(() => readFileSync(`/proc/${String(pid)}/cgroup`, 'utf8')) ?? '';
  const [cgroup, container] = [cgroupOf(cgroups), containerOf(cgroups)];
  const isSame = startedBefore !== undefined && startOf(pid) === startedBefore;
  return isSame && peer.isAlive() !== false ? { ...who, executable, cgroup, container } : unknown;
}

/** We ourselves. */
export function ownWorkload(): Workload {
  const cgroups = quietly(() => readFileSync('/proc/self/cgroup', 'utf8')) ?? '';
  return {
    pid: process.pid,
    uid: process.getuid?.() ?? -1,
    gid: process.getgid?.() ?? -1,
    executable: process.execPath,
    cgroup: cgroupOf(cgroups),
    container: containerOf(cgroups),
  };
}

/** Of the one hierarchy there is since cgroup 2; before that, systemd's. */
export function cgroupOf(text: string): string | undefined {
  const lines = text.split('\n');
  const line =
    lines.find((one) => one.startsWith('0::')) ??
    lines.find((one) => /^\d+:name=systemd:/.test(one));
  return line === undefined ? undefined : line.split(':').slice(2).join(':');
}

/** In ticks since the boot. */
function startOf(pid: number): string | undefined {
  const stat = quietly(() => readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  // The second field is a name and may hold anything, also spaces and brackets.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function quietly<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
