// SPDX-License-Identifier: Apache-2.0
/**
 * The prober (`bpf/tools/prober`), a C program that asks every strand of a plane
 * whether it is still there: found running, replaced, or started.
 *
 * Leaves: the process, on purpose: it goes on when this one ends, and ends by
 * itself when the plane's pins are gone.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { proberVersion } from '../loader/layout.js';
import { endProber, findProber } from './running.js';

const patienceMs = 5_000;
const lookMs = 5;
/** EXIT_OTHER_PROBER of `plane.h`. */
const otherProber = 75;

/** What {@link ensureProber} works with. */
export interface ProberOptions {
  readonly log: { info(fields: object, text: string): void };
  /** The program; that of this installation where not given. */
  readonly program?: string;
}

/** A plane's prober, which runs. */
export interface Prober {
  readonly pid: number;
  /** It ran already: nothing was started. */
  readonly adopted: boolean;
}

/**
 * See to it that one prober of this version runs for the plane whose pins are in
 * `directory`, in the network namespace of this process. One of another version,
 * or in another namespace, is replaced. Rejects, in its words, where it does not start.
 */
export async function ensureProber(directory: string, options: ProberOptions): Promise<Prober> {
  const { log } = options;
  const plane = resolve(directory);
  const found = findProber(plane);
  if (found?.version === proberVersion && found.here) {
    log.info({ pid: found.pid }, 'prober found running');
    return { pid: found.pid, adopted: true };
  }
  if (found !== undefined) {
    log.info({ pid: found.pid, version: found.version }, 'prober is not this one: replaced');
    await endProber(plane, found.pid);
  }
  const { pid, adopted } = await start(plane, options);
  if (!adopted) log.info({ pid }, 'prober started');
  return { pid, adopted };
}

/** End the plane's prober; none is no error. What it found last stays as it is. */
export async function stopProber(directory: string): Promise<void> {
  const found = findProber(resolve(directory));
  if (found !== undefined) await endProber(resolve(directory), found.pid);
}

async function start(directory: string, { program }: ProberOptions): Promise<Prober> {
  const child = spawn(program ?? builtProber(), [directory], {
    cwd: '/',
    env: {},
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
  try {
    const late = performance.now() + patienceMs;
    while (performance.now() < late && failure === undefined) {
      const found = findProber(directory);
      // Of two that are started at once, the lock lets one run.
      if (found !== undefined && found.pid === child.pid) return { pid: found.pid, adopted: false };
      if (found !== undefined && child.exitCode === otherProber) {
        return { pid: found.pid, adopted: true };
      }
      if (hasEnded(child) && child.exitCode !== otherProber) break;
      await sleep(lookMs);
    }
    const why = failure?.message ?? (words.trim() || endOf(child));
    if (!hasEnded(child)) child.kill('SIGKILL');
    throw new WireError(status.UNAVAILABLE, `the prober of ${directory} does not run: ${why}`);
  } finally {
    // Nobody reads what it may say later, and nobody waits for it.
    child.stderr.destroy();
    child.unref();
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function endOf(child: ChildProcess): string {
  if (!hasEnded(child)) return `it was not ready within ${String(patienceMs)} ms`;
  return `it ended with ${String(child.exitCode ?? child.signalCode)}`;
}

function builtProber(): string {
  return createRequire(import.meta.url).resolve('#prober');
}
