// SPDX-License-Identifier: Apache-2.0
/** How long what failed is held back: twice as long with each relapse, and less again with time. */

/** Who fails within this time of having been trusted again has relapsed. */
export const relapseMs = 600_000;

/** See the head of this file. */
export class HoldDown {
  #level = -1;
  /** When it failed last, or was trusted again. */
  #lastMs = -Infinity;

  /** It failed while it was in use. */
  failed(nowMs: number): void {
    const quiet = Math.floor((nowMs - this.#lastMs) / relapseMs);
    // Ten minutes without a failure forget one.
    this.#level = quiet === 0 ? this.#level + 1 : Math.max(0, this.#level + 1 - quiet);
    this.#lastMs = nowMs;
  }

  /** It is trusted again. */
  trusted(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  /** How long, were it held now. */
  lengthMs(settings: { readonly holdDownMs: number; readonly holdDownMaxMs: number }): number {
    // Beyond 2^20 it is longer than any maximum.
    const doubled = settings.holdDownMs * 2 ** Math.min(20, Math.max(0, this.#level));
    return Math.max(settings.holdDownMs, Math.min(settings.holdDownMaxMs, doubled));
  }
}
