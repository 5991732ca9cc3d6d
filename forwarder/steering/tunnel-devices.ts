// SPDX-License-Identifier: Apache-2.0
/** The devices that strands go through, each made when its port is first used and kept. */
import type { Underlay } from '../underlay/underlay.js';
import type { Plane } from './plane.js';

/** NSM's own tunnels, to peers that know no strands. */
const stockPort = 4789;

/** See the head of this file. */
export class TunnelDevices {
  readonly #plane: Plane;
  readonly #underlay: Pick<Underlay, 'tunnelDevice' | 'keepTunnels'>;
  readonly #own: number;
  readonly #indexes = new Map<number, number>();

  constructor(plane: Plane, underlay: Pick<Underlay, 'tunnelDevice' | 'keepTunnels'>, own: number) {
    this.#plane = plane;
    this.#underlay = underlay;
    this.#own = own;
  }

  /** Make the one for peers that listen on `port`; frames from it are steered from then on. */
  async ready(port: number): Promise<void> {
    const own = this.#portFor(port);
    if (this.#indexes.has(own)) return;
    const { ifindex } = await this.#underlay.tunnelDevice(own);
    await this.#plane.attach('wire_rx', ifindex);
    this.#indexes.set(own, ifindex);
  }

  /** Its interface index; 0 where it is not ready. */
  indexFor(port: number): number {
    return this.#indexes.get(this.#portFor(port)) ?? 0;
  }

  /** Remove those of a former life that had another port. */
  prune(): Promise<void> {
    return this.#underlay.keepTunnels([...this.#indexes.keys()]);
  }

  #portFor(port: number): number {
    return port === stockPort ? stockPort : this.#own;
  }
}
