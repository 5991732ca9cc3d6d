// SPDX-License-Identifier: Apache-2.0
/** Where the built `wanwire` is. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of the command, from the sources and from `dist`; throws where it was not built. */
export function command(): string {
  const found = ['../../dist/cli/main.js', '../../cli/main.js']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error('not built: run npm run build');
  return found;
}
