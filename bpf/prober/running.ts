// SPDX-License-Identifier: Apache-2.0
/** The prober of a plane, as it is found: `control` has its pid, /proc says whether that is still it. */
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { control } from '../loader/layout.js';
import { BpfMap } from '../loader/map.js';

const processName = 'wanwire-prober';
const lookMs = 5;

/** A prober that runs. */
export interface RunningProber {
  readonly pid: number;
  /** WW_PROBER of its program. */
  readonly version: number;
  /** Whether it sends in the network namespace of this process. */
  readonly here: boolean;
}

/** The prober of a plane's directory; nothing where none runs. */
export function findProber(directory: string): RunningProber | undefined {
  using map = BpfMap.open(join(directory, 'maps', 'control'));
  const { offsets } = control;
  const pid = map.load32(0, offsets.prober_pid);
  if (pid === 0 || !isProberOf(directory, pid)) return undefined;
  return { pid, version: map.load32(0, offsets.prober_version), here: isHere(pid) };
}

/** End it; resolves when it is gone. One that is stopped, or does not hear, is killed. */
export async function endProber(directory: string, pid: number, patienceMs = 2_000): Promise<void> {
  const gone = async (): Promise<boolean> => {
    const late = performance.now() + patienceMs;
    while (isProberOf(directory, pid) || isEnding(pid)) {
      if (performance.now() > late) return false;
      await sleep(lookMs);
    }
    return true;
  };
  for (const signals of [['SIGTERM', 'SIGCONT'], ['SIGKILL']] as const) {
    for (const signal of signals) send(pid, signal);
    if (await gone()) return;
  }
}

/** A pid may have gone to another process meanwhile: only a prober with this very directory is it. */
function isProberOf(directory: string, pid: number): boolean {
  try {
    const proc = `/proc/${String(pid)}`;
    const [, of] = readFileSync(`${proc}/cmdline`, 'utf8').split('\0');
    if (readFileSync(`${proc}/comm`, 'utf8').trim() !== processName || of === undefined) {
      return false;
    }
    return of === directory || idOf(of) === idOf(directory);
  } catch {
    return false;
  }
}

/** It has no memory and thus no arguments any more, and may still have its sockets and its lock. */
function isEnding(pid: number): boolean {
  try {
    const proc = `/proc/${String(pid)}`;
    const [name, state] =
      /\((.*)\) (\S)/s.exec(readFileSync(`${proc}/stat`, 'utf8'))?.slice(1) ?? [];
    return name === processName && state !== 'Z' && readFileSync(`${proc}/cmdline`).length === 0;
  } catch {
    return false;
  }
}

function idOf(path: string): string {
  const { dev, ino } = statSync(path);
  return `${String(dev)} ${String(ino)}`;
}

function isHere(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${String(pid)}/ns/net`) === readlinkSync('/proc/self/ns/net');
  } catch {
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}
