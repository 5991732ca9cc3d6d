// SPDX-License-Identifier: Apache-2.0
/** Where the built object files are: beside the addons, from sources and from `dist`. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The path of `bpf/build/NAME.bpf.o`. */
export function objectPath(name: 'wire'): string {
  return join(dirname(fileURLToPath(import.meta.resolve('#loader'))), `${name}.bpf.o`);
}
