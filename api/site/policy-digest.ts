// SPDX-License-Identifier: Apache-2.0
/** What tells two policies apart, in a few letters: whether the one that steers is the one that was written. */
import { createHash } from 'node:crypto';
import type { SteeringPolicy } from './types.js';

/** Of what a policy says, however it is written. */
export function policyDigest(policy: SteeringPolicy): string {
  return createHash('sha256').update(JSON.stringify(policy)).digest('hex').slice(0, 16);
}
