// SPDX-License-Identifier: Apache-2.0
/**
 * Where pins are: below /sys/fs/bpf, or, where nobody has mounted a bpffs there,
 * in one of our own below /run.
 *
 * Leaves: the directory, and the mount: pins live as long as they do.
 */
import { mkdirSync, readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { KernelError } from '../../api/errors/kernel-error.js';
import { invalid } from '../../api/errors/wire-error.js';
import { addon } from './addon.js';
import { trying } from './refused.js';

const magic = 0xcafe4a11;
const usual = '/sys/fs/bpf';
const ours = '/run/wanwire/bpf';
const longest = 255;

/** The directory of a forwarder's pins, made (and a bpffs mounted) where it is not there. */
export async function bpfDirectory(name: string): Promise<string> {
  const folder = encode(name);
  if (folder === '' || folder.length > longest) {
    throw invalid('forwarder name', name, `a text of 1 to ${String(longest)} letters`);
  }
  return Promise.resolve(made(join(baseMade(), folder)));
}

/** The directories of all forwarders on this machine; nothing is made. */
export function findBpfDirectories(): string[] {
  const bases = [
    ...(isBpffs(usual) ? [join(usual, 'wanwire')] : []),
    ...(isBpffs(ours) ? [ours] : []),
  ];
  return bases.flatMap((base) =>
    namesIn(base)
      // The kernel's own files in a bpffs have dots.
      .filter((folder) => !folder.includes('.'))
      .map((folder) => join(base, folder)),
  );
}

/** The name of the forwarder whose directory this is. */
export function forwarderOf(directory: string): string {
  return decodeURIComponent(directory.slice(directory.lastIndexOf('/') + 1));
}

/** Whether a bpffs is mounted there, or above it. */
export function isBpffs(path: string): boolean {
  try {
    return statfsSync(path).type === magic;
  } catch {
    return false;
  }
}

function baseMade(): string {
  if (isBpffs(usual)) return made(join(usual, 'wanwire'));
  made(ours);
  trying(`mount a bpffs on ${ours}`, () => {
    addon.mountBpf(ours);
  });
  return ours;
}

function made(directory: string): string {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (reason) {
    throw KernelError.from(`make ${directory}`, reason);
  }
  return directory;
}

/** A bpffs takes no dots. */
function encode(name: string): string {
  return encodeURIComponent(name).replaceAll('.', '%2E');
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
