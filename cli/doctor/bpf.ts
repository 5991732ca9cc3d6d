// SPDX-License-Identifier: Apache-2.0
/** Looking at BPF: libbpf, what the kernel can do, its file system, the built programs. */
import { existsSync } from 'node:fs';
import type { Feature } from '../../bpf/loader/features.js';
import type { Look } from './finding.js';
import { firstLine } from './machine.js';

/** The addon may fail to load: only when it is asked for. */
async function loader() {
  return import('../../bpf/loader/features.js');
}

function wordsOf(reason: unknown): string {
  return reason instanceof Error ? (reason.message.split('\n')[0] ?? '') : String(reason);
}

/** Whether the addon finds its library. */
export async function libbpf(): Promise<Look> {
  try {
    const { libbpfVersion } = await loader();
    return { ok: true, detail: libbpfVersion() };
  } catch (reason) {
    return { ok: false, detail: wordsOf(reason) };
  }
}

/** Whether the kernel has these, tried out. */
export async function bpfFeatures(...wanted: readonly Feature[]): Promise<Look> {
  try {
    const { describe, supports } = await loader();
    const missing = wanted.filter((one) => !supports(one)).map(describe);
    return {
      ok: missing.length === 0,
      detail: missing.length === 0 ? 'in the kernel' : missing.map(({ what }) => what).join(', '),
      cure: missing.map(({ what, since }) => `Use Linux ${since} or later for ${what}.`).join(' '),
    };
  } catch (reason) {
    return { ok: false, detail: wordsOf(reason) };
  }
}

/** Where pins can be. */
export async function bpfFileSystem(): Promise<Look> {
  if ((await firstLine('/proc/filesystems', /^nodev\tbpf$/m)) === '') {
    return { ok: false, detail: 'no BPF file system in the kernel' };
  }
  const mounted = (await firstLine('/proc/self/mounts', /^\S+ \/sys\/fs\/bpf bpf /m)) !== '';
  const own = 'not on /sys/fs/bpf: the forwarder mounts one on /run/wanwire/bpf';
  return { ok: true, detail: mounted ? 'mounted on /sys/fs/bpf' : own };
}

/** Whether the data plane's programs are built. */
export async function builtPrograms(): Promise<Look> {
  const { objectPath } = await import('../../bpf/loader/objects.js');
  const ok = existsSync(objectPath('wire'));
  return { ok, detail: ok ? 'built' : 'not built' };
}
