// SPDX-License-Identifier: Apache-2.0
/**
 * The relay of a cable, a C program that outlives us: started, told, ended. Its
 * pid file is its own work and the first thing it does, so that whoever takes the
 * lab down finds it; without the lab's folder it ends by itself.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { built } from '../built.js';
import { LabError } from '../file/mistakes.js';
import { tapIndex, type CablePlan } from '../plan.js';
import { end, goneWithin, runs, type ProcessId } from '../process.js';
import type { Shape } from '../types.js';

const patienceMs = 5_000;

/** Frames of one direction, as the relay tells of them. */
export interface LaneStats {
  readonly passed: number;
  /** By chance, as it was told to. */
  readonly lost: number;
  /** For want of room. */
  readonly dropped: number;
  readonly waiting: number;
  /** How long those that passed were in it, together. */
  readonly dwell_ns: number;
}

/** The relay of one cable, running or not. */
export class Relay {
  readonly #folder: string;
  readonly #cable: CablePlan;
  readonly #wires: string;

  constructor(folder: string, wires: string, cable: CablePlan) {
    this.#folder = folder;
    this.#wires = wires;
    this.#cable = cable;
  }

  /** Whether it runs. */
  async runs(): Promise<boolean> {
    return (await processIn(this.#path('pid'))) !== undefined;
  }

  /** Resolves when its devices are there. */
  async start(): Promise<void> {
    if (await this.runs()) return;
    await Promise.all(['pid', 'sock'].map((what) => rm(this.#path(what), { force: true })));
    const log = await open(this.#path('log'), 'w');
    try {
      const child = spawn('nsenter', [`--net=/run/netns/${this.#wires}`, '--', ...this.#command], {
        cwd: '/',
        detached: true,
        stdio: ['ignore', 'pipe', log.fd],
      });
      child.once('error', () => undefined);
      // It closes its output when it is ready, and when it ends.
      const said = child.stdout === null ? '' : await textOf(child.stdout);
      child.unref();
      if (said.trim() !== 'ready') {
        const why = (await readFile(this.#path('log'), 'utf8')).trim();
        throw new LabError(`the relay of ${this.#links} did not start: ${why}`);
      }
    } finally {
      await log.close();
    }
  }

  /** How frames of one direction are treated from now on. */
  async shape(lane: 0 | 1, { delayMs, jitterMs, lossPercent, rateBits }: Shape): Promise<void> {
    const values = [delayMs * 1e3, jitterMs * 1e3, lossPercent * 1e4, rateBits].map(Math.round);
    await this.#order(`set ${String(lane)} ${values.join(' ')}`);
  }

  /** What became of the frames of each direction since it started. */
  async stats(): Promise<readonly LaneStats[]> {
    const told = JSON.parse(await this.#ask('stats')) as { lanes: readonly LaneStats[] };
    return told.lanes;
  }

  /** Let it send what waits, and end it; nothing to end is no error. */
  async end(): Promise<void> {
    const process = await processIn(this.#path('pid'));
    if (process !== undefined) {
      await this.#order('end').catch(() => undefined);
      // Nothing can wait longer than the longest delay there is.
      if (!(await goneWithin(process, 11_000))) await end(process, patienceMs);
    }
    await Promise.all(['pid', 'sock'].map((what) => rm(this.#path(what), { force: true })));
  }

  get #links(): string {
    return this.#cable.ends.map(({ link }) => link).join(' and ');
  }

  get #command(): string[] {
    const taps = this.#cable.ends.map((of) => `${of.tap}:${String(tapIndex(of))}`);
    return [built('#relay'), this.#path('sock'), this.#path('pid'), ...taps];
  }

  #path(what: string): string {
    return join(this.#folder, `relay-${this.#cable.id}.${what}`);
  }

  async #order(line: string): Promise<void> {
    const said = await this.#ask(line);
    if (said !== 'ok') throw new LabError(`the relay of ${this.#links}: ${said}`);
  }

  async #ask(line: string): Promise<string> {
    const socket = connect(this.#path('sock'));
    try {
      socket.setTimeout(patienceMs, () => socket.destroy(new Error('it does not answer')));
      socket.write(`${line}\n`);
      socket.setEncoding('utf8');
      return await Promise.race([
        once(socket, 'data').then(([answer]) => String(answer).trim()),
        once(socket, 'close').then(() => Promise.reject(new Error('it hung up'))),
      ]);
    } catch (reason) {
      const why = reason instanceof Error ? reason.message : String(reason);
      throw new LabError(`the relay of ${this.#links}: ${why}`);
    } finally {
      socket.destroy();
    }
  }
}

/** End every relay that a lab's folder knows of, whatever waits in it. */
export async function endRelays(folder: string): Promise<void> {
  const files = await readdir(folder).catch(() => []);
  await Promise.all(
    files
      .filter((name) => /^relay-.*\.pid$/.test(name))
      .map(async (name) => {
        const process = await processIn(join(folder, name));
        if (process !== undefined) await end(process, patienceMs);
      }),
  );
}

/** The process that a pid file names, if it still runs. */
async function processIn(path: string): Promise<ProcessId | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const [, pid, started] = /^(\d+) (\d+)\n$/.exec(text) ?? [];
  if (pid === undefined || started === undefined) return undefined;
  const process = { pid: Number(pid), started };
  return (await runs(process)) ? process : undefined;
}
