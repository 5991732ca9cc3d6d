// SPDX-License-Identifier: Apache-2.0
/** What `discover` hands to `roundRobin`, and what both remember of the choice. */
import { stateKey } from '../chain/state.js';
import type { Candidate } from '../registry/match.js';

/** The endpoints that a Request may take; gone once `roundRobin` has read them. */
export const candidatesKey = stateKey<readonly Candidate[]>('candidates');

/** Whoever answered the last Request: an endpoint at a forwarder, a forwarder at a manager. */
export interface Chosen {
  readonly name: string;
  readonly url: string;
}

/** The choice that stands; a refresh goes there without asking the registry. */
export const chosenKey = stateKey<Chosen>('chosen');
