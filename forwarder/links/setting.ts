// SPDX-License-Identifier: Apache-2.0
/** Sysctls of the process's own namespace; those of others are `Netns.open`'s. Synchronous: the kernel answers at once. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { KernelError } from '../../api/errors/kernel-error.js';

/** One value, and its name below /proc/sys. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** The present value; nothing where there is no such setting. */
export function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The names in a folder of settings; none where there is no such folder. */
export function settingsIn(folder: string): readonly string[] {
  try {
    return readdirSync(`/proc/sys/${folder}`);
  } catch {
    return [];
  }
}

/** Where settings are; in a container that is not privileged the first cannot be written, and the host's are at the second. */
const roots = ['/proc/sys', '/host/proc/sys'];

/** Set it; a KernelError names it where it cannot be. */
export function writeSetting({ name, value }: Setting): void {
  let failure: unknown;
  for (const root of roots) {
    try {
      writeFileSync(`${root}/${name}`, value);
      return;
    } catch (reason) {
      failure ??= reason;
      if (!isReadOnly(reason)) break;
    }
  }
  throw KernelError.from(`write ${value} to /proc/sys/${name}`, failure);
}

function isReadOnly(reason: unknown): boolean {
  return reason instanceof Error && 'code' in reason && reason.code === 'EROFS';
}
