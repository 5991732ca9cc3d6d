// SPDX-License-Identifier: Apache-2.0
/** The strands and SLAs of now, as the loop needs them; put together anew only when steering has others. */
import type { Steering } from '../steering/steering.js';
import type { EngineStrand, SlaGroup } from './engine-strand.js';
import { engineStrand, slaGroups, type WatchedStrand } from './watched.js';

/** What they follow from. */
export interface RosterSource {
  readonly steering: Pick<Steering, 'peers' | 'rules'>;
  readonly plane: { readonly generation: number };
}

/** See the head of this file. */
export class Roster {
  readonly #source: RosterSource;
  #parts: readonly unknown[] = [];
  #strands: readonly WatchedStrand[] = [];
  #probed: readonly WatchedStrand[] = [];
  #engine: readonly EngineStrand[] = [];
  #groups: readonly SlaGroup[] = [];
  #text = '';
  #version = 0;

  constructor(source: RosterSource) {
    this.#source = source;
  }

  /** Every strand there is, */
  get strands(): readonly WatchedStrand[] {
    return this.#strands;
  }

  /** those that answer probes, */
  get probed(): readonly WatchedStrand[] {
    return this.#probed;
  }

  /** these as the engine knows them, */
  get engine(): readonly EngineStrand[] {
    return this.#engine;
  }

  /** and the SLAs. */
  get groups(): readonly SlaGroup[] {
    return this.#groups;
  }

  /** Another number whenever {@link engine} or {@link groups} say something else. */
  get version(): number {
    return this.#version;
  }

  /** Look whether steering has changed. */
  look(): void {
    const { steering, plane } = this.#source;
    const { peers, rules } = steering;
    // Each is replaced by another object when it changes.
    const parts: unknown[] = [plane.generation, rules.slas];
    for (const { node, strands } of peers.all) parts.push(node, strands);
    const before = this.#parts;
    if (parts.length === before.length && parts.every((one, at) => one === before[at])) return;
    this.#parts = parts;
    this.#strands = peers.all.flatMap(({ node, strands }) =>
      strands.map((one) => ({ ...one, peerName: node.name, isProbed: node.stock !== true })),
    );
    this.#probed = this.#strands.filter(({ isProbed }) => isProbed);
    this.#engine = this.#probed.map(engineStrand);
    this.#groups = slaGroups(rules, peers.all);
    const text = JSON.stringify([this.#engine, this.#groups]);
    if (text !== this.#text) this.#version++;
    this.#text = text;
  }
}
