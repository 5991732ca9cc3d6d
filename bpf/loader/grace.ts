// SPDX-License-Identifier: Apache-2.0
/** Waiting for programs that run now. */
import { addon } from './addon.js';
import { awaiting } from './refused.js';

/** Resolves once every program that runs now, on any CPU, has come to its end. */
export async function gracePeriod(): Promise<void> {
  await awaiting('wait for running programs', () => addon.grace(false));
}
