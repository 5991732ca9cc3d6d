// SPDX-License-Identifier: Apache-2.0
/** Which labs there are, and in words why one is not to be had. */
import { LabError, LabInputError } from './file/mistakes.js';
import { runs } from './process.js';
import type { StateFolder } from './state.js';
import { labNames, type LabState, type Lock } from './state.js';

/** Others may be changing it; a delayed link takes its time to run empty. */
const patienceMs = 30_000;

/** Be the only one to change a lab; nothing where it is not there. */
export async function locked(folder: StateFolder): Promise<Lock | undefined> {
  const lock = await folder.lock(patienceMs);
  if (lock !== 'busy') return lock;
  throw new LabError(
    `lab ${folder.name} is being made or changed by another process, for more than ${String(patienceMs / 1000)} s`,
  );
}

/** The lab that is meant where none is named: the one called `default`, or else the only one; nothing where there is none. */
export async function meantLab(): Promise<string | undefined> {
  const names = await labNames();
  const [only] = names;
  if (names.length <= 1 || names.includes('default')) {
    return names.includes('default') ? 'default' : only;
  }
  throw new LabInputError(`which lab? There are ${names.join(', ')}: say --name`);
}

/** A lab's state; throws where it is not wholly up. */
export async function stateOf(folder: StateFolder): Promise<LabState> {
  const { name } = folder;
  const state = await folder.read();
  if (state?.phase === 'up') return state;
  if (state !== undefined) throw new LabError(await halfMade(name, state));
  const names = (await labNames()).filter((other) => other !== name);
  const others = names.length === 0 ? '' : ` (up: ${names.join(', ')})`;
  throw new LabError(`lab ${name} is not up${others}; \`wanwire lab up\` makes one`);
}

/** Why a lab of that name cannot be made. */
export async function taken(folder: StateFolder): Promise<string> {
  const { name } = folder;
  const state = await folder.read();
  if (state?.phase !== 'up') return halfMade(name, state);
  return `lab ${name} is up already, since ${state.since}; \`wanwire lab down --name ${name}\` takes it away, --name gives another name`;
}

async function halfMade(name: string, state: LabState | undefined): Promise<string> {
  const by = state === undefined ? '' : ` by process ${String(state.maker.pid)}`;
  if (state !== undefined && (await runs(state.maker))) return `lab ${name} is being made${by}`;
  return `lab ${name} was left half made${by}; \`wanwire lab down --name ${name}\` takes it away`;
}
