// SPDX-License-Identifier: Apache-2.0
/** Does what a list of operations on a cable says. */
import { CommandError, type Commands } from '../commands.js';
import { built } from '../built.js';
import type { CablePlan, Plan } from '../plan.js';
import type { CableState } from '../state.js';
import { meansOf, operations, type Facts, type Operation } from './operations.js';
import { Relay } from './relay.js';

/** See the head of this file. */
export class Shaper {
  readonly #commands: Commands;
  readonly #folder: string;
  readonly #facts: Facts;

  constructor(commands: Commands, folder: string, { wires }: Plan, netem: boolean) {
    this.#commands = commands;
    this.#folder = folder;
    this.#facts = { wires, netem, object: built('#cable') };
  }

  /** Make a cable be as it is to be; `before` is nothing where its past is uncertain. Mends what died. */
  async change(cable: CablePlan, before: CableState | undefined, after: CableState): Promise<void> {
    const relay = new Relay(this.#folder, this.#facts.wires, cable);
    const relayed = before?.directions.some((one) => meansOf(one, this.#facts.netem) === 'relay');
    const certain = relayed === true && !(await relay.runs()) ? undefined : before;
    for (const batch of batches(operations(cable, certain, after, this.#facts))) {
      await this.#do(batch, relay);
    }
  }

  async #do([operation, ...more]: Batch, relay: Relay): Promise<void> {
    const lines = [operation, ...more].flatMap((one) => ('line' in one ? one.line : []));
    switch (operation.kind) {
      case 'ip':
        return this.#commands.ip(lines, operation.netns);
      case 'tc':
        return this.#commands.tc(lines, this.#facts.wires);
      case 'unqueue':
        return this.#unqueue(operation.device);
      case 'relay':
        return relay.start();
      case 'lane':
        return relay.shape(operation.lane, operation.shape);
      case 'no relay':
        return relay.end();
    }
  }

  async #unqueue(device: string): Promise<void> {
    try {
      await this.#commands.tc([`qdisc del dev ${device} root`], this.#facts.wires);
    } catch (reason) {
      // `Cannot delete qdisc with handle of zero`: it has none but the usual.
      if (!(reason instanceof CommandError)) throw reason;
    }
  }
}

type Batch = readonly [Operation, ...Operation[]];

/** Neighbours that one program can do at once. */
function batches(all: readonly Operation[]): Batch[] {
  const batches: [Operation, ...Operation[]][] = [];
  for (const operation of all) {
    const last = batches.at(-1);
    const together =
      (operation.kind === 'tc' && last?.[0].kind === 'tc') ||
      (operation.kind === 'ip' && last?.[0].kind === 'ip' && operation.netns === last[0].netns);
    if (last !== undefined && together) last.push(operation);
    else batches.push([operation]);
  }
  return batches;
}

/** Whether the kernel has netem, tried on a device of the lab's own. */
export async function hasNetem(commands: Commands, { wires, cables }: Plan): Promise<boolean> {
  const device = cables[0]?.ends[0].hidden;
  if (device === undefined) return false;
  try {
    await commands.tc([`qdisc replace dev ${device} root handle 1: netem delay 0ms`], wires);
  } catch (reason) {
    if (reason instanceof CommandError) return false;
    throw reason;
  }
  await commands.tc([`qdisc del dev ${device} root`], wires);
  return true;
}
