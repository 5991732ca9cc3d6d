// SPDX-License-Identifier: Apache-2.0
/**
 * Who is at the other end of a unix socket, as the kernel knows it (SO_PEERCRED, SO_PEERPIDFD).
 *
 * They are of the moment when the peer connected. A pid may have been given to
 * another process since: what is read below /proc/PID counts only if `isAlive`
 * still holds afterwards.
 */
import { closeSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { KernelError } from '../errors/kernel-error.js';
import { WireError } from '../errors/wire-error.js';
import { descriptorOf, fdpass } from './addon.js';

/** A process at the other end of a unix socket. Disposing it closes the pidfd. */
export interface PeerCredentials extends Disposable {
  /** In our own pid namespace; 0 where the process is not in it. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Whether the pid is still that very process; undefined where the kernel cannot tell (before Linux 6.5). */
  isAlive(): boolean | undefined;
}

/** Of a connected unix socket; `KernelError` where the peer has gone (ESRCH) or the socket is none of that kind. */
export function peerCredentials(socket: Socket): PeerCredentials {
  const fd = descriptorOf(socket);
  if (fd === undefined) {
    throw new WireError(status.UNAVAILABLE, 'peer credentials: the socket is closed');
  }
  let found;
  try {
    found = fdpass().peer(fd);
  } catch (reason) {
    throw KernelError.from('peer credentials', reason);
  }
  const { pid, uid, gid } = found;
  let { pidfd } = found;
  return {
    pid,
    uid,
    gid,
    isAlive: () => (pidfd < 0 ? undefined : isRunning(pidfd)),
    [Symbol.dispose]() {
      if (pidfd >= 0) closeSync(pidfd);
      pidfd = -1;
    },
  };
}

/** The kernel writes a pid of -1 once the process has been reaped, and 0 for one of another namespace. */
function isRunning(pidfd: number): boolean {
  const text = readFileSync(`/proc/self/fdinfo/${String(pidfd)}`, 'utf8');
  return Number(/^Pid:\s*(-?\d+)$/m.exec(text)?.[1] ?? -1) >= 0;
}
