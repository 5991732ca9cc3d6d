// SPDX-License-Identifier: Apache-2.0
/** What `make` built for the benchmarks, found from the sources and from `dist`. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of a file in `bpf/build`. */
export function builtFile(name: string): string {
  const found = ['../../bpf/build', '../../../bpf/build']
    .map((folder) => fileURLToPath(new URL(`${folder}/${name}`, import.meta.url)))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`bpf/build/${name} is not built: npm run build`);
  return found;
}
