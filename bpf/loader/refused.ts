// SPDX-License-Identifier: Apache-2.0
/** What the addon throws, as errors of ours. */
import { KernelError } from '../../api/errors/kernel-error.js';
import { VerifierError } from './verifier-error.js';

/** The addon's errors: a system call's, libbpf's words, or the verifier's. */
interface AddonError extends Error {
  readonly errno: number;
  readonly syscall: string;
  /** What libbpf said. */
  readonly said?: string;
  /** The program that the verifier refused, and why. */
  readonly program?: string;
  readonly log?: string;
}

function isAddonError(reason: unknown): reason is AddonError {
  return reason instanceof Error && 'errno' in reason && 'syscall' in reason;
}

/** The error to throw in place of one of the addon's; `op` in words a user can act on. */
export function refused(op: string, reason: unknown): unknown {
  if (!isAddonError(reason)) return reason;
  const { errno, syscall, said, program, log } = reason;
  if (program !== undefined && log !== undefined) return new VerifierError(program, log);
  const detail = said?.trim().split('\n').join('; ').replaceAll('libbpf: ', '');
  return new KernelError(errno, op, detail === undefined ? syscall : `${syscall}: ${detail}`);
}

/** Run, with the addon's errors made ours. */
export function trying<T>(op: string, run: () => T): T {
  try {
    return run();
  } catch (reason) {
    throw refused(op, reason);
  }
}

/** The same for what the addon does on its own time. */
export async function awaiting<T>(op: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (reason) {
    throw refused(op, reason);
  }
}
