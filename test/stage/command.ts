// SPDX-License-Identifier: Apache-2.0
/** Where the built `wanwire` is. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of the command; throws where it was not built. */
export function command(): string {
  const path = fileURLToPath(import.meta.resolve('#wanwire'));
  if (!existsSync(path)) throw new Error('not built: run npm run build');
  return path;
}
