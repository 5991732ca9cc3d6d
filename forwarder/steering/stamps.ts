// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the programs of probes at the devices of links: what goes out is stamped,
 * what comes in is answered or measured, whoever of ours is running.
 *
 * Leaves: the programs, on purpose; the next life finds them, and takes them away
 * from devices that are no link's any more.
 */
import type { Logger } from '../../api/log/log.js';
import type { Link } from '../underlay/link.js';
import type { Plane, PlaneProgram } from './plane.js';

/** What of the plane is used. */
export type StampPlane = Pick<Plane, 'attach' | 'attached' | 'unpin'>;

const withHeader = ['stamp_rx', 'stamp_tx'] as const;
const withoutHeader = ['stamp_rx_l3', 'stamp_tx_l3'] as const;
const programs: readonly PlaneProgram[] = [...withHeader, ...withoutHeader];

/** See the head of this file. */
export class Stamps {
  readonly #plane: StampPlane;
  readonly #log: Logger;
  /** By interface index: what is attached there; nothing known before the first look. */
  #there: ReadonlyMap<number, readonly PlaneProgram[]> | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(plane: StampPlane, log: Logger) {
    this.#plane = plane;
    this.#log = log;
  }

  /** Have them at the devices of these links and nowhere else; what the kernel refuses is logged. */
  follow(links: readonly Link[]): Promise<void> {
    this.#turn = this.#turn.then(() => this.#converge(links));
    return this.#turn;
  }

  async #converge(links: readonly Link[]): Promise<void> {
    const wanted = new Map(
      links
        .filter(({ ifindex }) => ifindex !== 0)
        .map(({ ifindex, bare }) => [ifindex, bare ? withoutHeader : withHeader]),
    );
    const before = this.#there;
    if (before !== undefined && isSame(before, wanted)) return;
    try {
      for (const { program, ifindex, detach } of await this.#plane.attached(programs)) {
        if (!isIn(wanted, ifindex, program)) await detach();
      }
      // Of a device that is gone nothing is left but the pin.
      for (const [ifindex, own] of before ?? []) {
        for (const one of own) if (!isIn(wanted, ifindex, one)) this.#plane.unpin(one, ifindex);
      }
    } catch (reason) {
      this.#log.warn({ err: reason }, 'programs of former links cannot be taken away');
    }
    const there = new Map<number, readonly PlaneProgram[]>();
    for (const [ifindex, own] of wanted) {
      if (await this.#attach(ifindex, own)) there.set(ifindex, own);
    }
    this.#there = there;
  }

  async #attach(ifindex: number, own: readonly PlaneProgram[]): Promise<boolean> {
    try {
      for (const one of own) await this.#plane.attach(one, ifindex);
      return true;
    } catch (reason) {
      // It may have gone meanwhile; then news of that make us look again.
      this.#log.error(
        { err: reason, ifindex },
        'probes of a link cannot be stamped: it is not measured',
      );
      return false;
    }
  }
}

type Places = ReadonlyMap<number, readonly PlaneProgram[]>;

function isIn(places: Places, ifindex: number, program: PlaneProgram): boolean {
  return places.get(ifindex)?.includes(program) === true;
}

function isSame(a: Places, b: Places): boolean {
  return (
    a.size === b.size && [...b].every(([ifindex, own]) => own.every((one) => isIn(a, ifindex, one)))
  );
}
