// SPDX-License-Identifier: Apache-2.0
/** Where `make` puts what the lab has from C; from sources and from dist alike. */
import { createRequire } from 'node:module';
import { LabError } from './file/mistakes.js';

/** The path of a built file. */
export function built(
  what: '#relay' | '#cable' | '#gauge' | '#metronome' | '#witness' | '#pause',
): string {
  try {
    return createRequire(import.meta.url).resolve(what);
  } catch {
    throw new LabError(`bpf/build has no ${what.slice(1)} in it: npm run build makes it`);
  }
}
