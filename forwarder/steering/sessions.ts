// SPDX-License-Identifier: Apache-2.0
/** Pins and cached sessions of wires. */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Flow } from '../../bpf/loader/layout.js';
import type { Plane } from './plane.js';

type Pinned = Omit<Flow, 'pad'>;

/** See the head of this file. */
export class Sessions {
  readonly #plane: Plane;

  constructor(plane: Plane) {
    this.#plane = plane;
  }

  /** Put a session on a strand until it is unpinned. */
  pin(flow: Pinned, strand: number): void {
    this.#plane.tables.pins.set(flow, { strand });
    this.#plane.countPins();
  }

  /** Let the policy choose again; NOT_FOUND where it was not pinned. */
  unpin(flow: Pinned): void {
    if (this.#plane.tables.pins.get(flow) === undefined) {
      throw new WireError(status.NOT_FOUND, 'this session is not pinned');
    }
    this.#plane.tables.pins.delete(flow);
    this.#plane.countPins();
  }

  /** All of a wire, or of all wires; how many there were. */
  unpinAll(wire?: number): number {
    const gone = this.#plane.tables.pins.deleteWhere(
      (flow) => wire === undefined || flow.wire === wire,
    );
    if (gone > 0) this.#plane.countPins();
    return gone;
  }

  /** Forget the sessions of wires that are no more. */
  purge(inUse: ReadonlySet<number>): void {
    const { sessions4, sessions6 } = this.#plane.tables;
    sessions4.deleteWhere(({ wire }) => !inUse.has(wire));
    sessions6.deleteWhere(({ wire }) => !inUse.has(wire));
  }
}
