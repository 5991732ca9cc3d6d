// SPDX-License-Identifier: Apache-2.0
/** What the kernel refused, by errno, and the gRPC status each errno becomes. */
import { status } from '@grpc/grpc-js';
import { constants } from 'node:os';
import { WireError } from './wire-error.js';

/** One row per errno that a user can meet; held by `kernel-error.test.ts`. */
const codes: Readonly<Record<string, status>> = {
  ENOENT: status.NOT_FOUND,
  ENODEV: status.NOT_FOUND,
  ESRCH: status.NOT_FOUND,
  ENXIO: status.NOT_FOUND,
  EEXIST: status.ALREADY_EXISTS,
  ENOMEM: status.RESOURCE_EXHAUSTED,
  ENOSPC: status.RESOURCE_EXHAUSTED,
  ENOBUFS: status.RESOURCE_EXHAUSTED,
  EMFILE: status.RESOURCE_EXHAUSTED,
  ENFILE: status.RESOURCE_EXHAUSTED,
  E2BIG: status.RESOURCE_EXHAUSTED,
  ETIMEDOUT: status.DEADLINE_EXCEEDED,
  EPERM: status.PERMISSION_DENIED,
  EACCES: status.PERMISSION_DENIED,
  EBUSY: status.FAILED_PRECONDITION,
  ENOTEMPTY: status.FAILED_PRECONDITION,
  EOPNOTSUPP: status.UNIMPLEMENTED,
  EAFNOSUPPORT: status.UNIMPLEMENTED,
  ENOSYS: status.UNIMPLEMENTED,
  ECONNREFUSED: status.UNAVAILABLE,
  ENETDOWN: status.UNAVAILABLE,
  ENETUNREACH: status.UNAVAILABLE,
  EINTR: status.UNAVAILABLE,
  EAGAIN: status.UNAVAILABLE,
};

/** Where one number has two names (EAGAIN, EWOULDBLOCK), the one of our table counts. */
const names = new Map<number, string>(
  Object.entries(constants.errno)
    .sort(([a], [b]) => Number(a in codes) - Number(b in codes))
    .map(([name, number]) => [number, name]),
);

/** A system call that failed: its errno and what was attempted. */
export class KernelError extends WireError {
  override readonly name: string = 'KernelError';
  /** A positive errno. */
  readonly errno: number;
  /** What was attempted, in words a user can act on. */
  readonly op: string;

  constructor(errno: number, op: string, detail?: string) {
    const name = names.get(errno) ?? `errno ${String(errno)}`;
    super(codes[name] ?? status.INTERNAL, `${op}: ${name}${detail ? ` (${detail})` : ''}`);
    this.errno = errno;
    this.op = op;
  }

  /** The symbolic name, such as `EEXIST`. */
  get errnoName(): string {
    return names.get(this.errno) ?? String(this.errno);
  }

  /** Turn an error of Node or of an addon (it carries `errno`) into a KernelError; pass others on. */
  static from(op: string, reason: unknown): unknown {
    if (reason instanceof WireError) return reason;
    if (reason instanceof Error && 'errno' in reason && typeof reason.errno === 'number') {
      return new KernelError(Math.abs(reason.errno), op);
    }
    return reason;
  }
}
