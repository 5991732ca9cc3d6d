// SPDX-License-Identifier: Apache-2.0
/** Finds an Envoy on this machine. Nothing of wanwire needs one but its demo, its tests and `--check`. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environment, readEnvironment, type Environment } from '../../api/env/read-environment.js';
import { name, text } from '../../api/env/text.js';
import type { Table } from '../../api/env/table.js';

/** The environment of `wanwire envoy`. */
export const envoyTable = {
  NSM_NETWORK_SERVICES: text({
    default: '',
    description: "The pod's wires, where --network-services is not given.",
  }),
  WANWIRE_ENVOY: name({
    description:
      "Envoy's program, for --check; where not set the one of the set-up, then that of PATH.",
  }),
} as const satisfies Table;

/** The program's path: WANWIRE_ENVOY, the one that the set-up installs, the first of PATH; nothing where there is none. */
export function findEnvoy(env: Environment = environment()): string | undefined {
  const { WANWIRE_ENVOY: given } = readEnvironment(envoyTable, env).config;
  if (given !== undefined) return isProgram(given) ? given : undefined;
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [ofSetup(), ...folders.map((folder) => join(folder, 'envoy'))].find(isProgram);
}

function ofSetup(): string {
  return fileURLToPath(import.meta.resolve('#envoy'));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
