// SPDX-License-Identifier: Apache-2.0
/** Measures what links do. */
import type { CablePlan, Plan } from './plan.js';
import type { LabState } from './state.js';
import type { LinkReport } from './types.js';

/** One report a cable. */
export async function check(
  _plan: Plan,
  _cables: readonly CablePlan[],
  _state: LabState,
): Promise<readonly LinkReport[]> {
  return Promise.reject(new Error('not written yet'));
}
