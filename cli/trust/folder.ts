// SPDX-License-Identifier: Apache-2.0
/** Whose trust a command is about: the folder of a site's authority and imported bundles. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import type { Command } from 'commander';
import { site } from '../../api/env/common.js';
import { environment, readEnvironment } from '../../api/env/read-environment.js';
import type { Table } from '../../api/env/table.js';
import { WireError } from '../../api/errors/wire-error.js';
import { readSiteFiles } from '../../api/site/read.js';
import type { Site } from '../../api/site/types.js';
import { authorityTable, trustFolder } from '../../manager/identity-config.js';

/** The environment of `wanwire trust`. */
export const trustTable = {
  WANWIRE_TRUST_DIR: authorityTable.WANWIRE_TRUST_DIR,
  WANWIRE_SITE_FILE: {
    ...site.WANWIRE_SITE_FILE,
    description: 'Files of the site that is meant, a comma list; -f goes before it.',
  },
} as const satisfies Table;

/** How a command is told which one. */
export interface TrustOptions {
  readonly dir?: string;
  readonly file?: readonly string[];
}

/** The one that a command is about. */
export interface TrustChoice {
  readonly folder: string;
  /** Nothing where no site file was given. */
  readonly site: Site | undefined;
}

/** Add the options to a command. */
export function withTrustOptions(command: Command): Command {
  const collect = (path: string, before: readonly string[] = []) => [...before, path];
  return command
    .option('-f, --file <site.yaml>', 'of this site; may be given several times', collect)
    .option('--dir <folder>', 'this trust folder; goes before WANWIRE_TRUST_DIR');
}

const usual = '/var/lib/wanwire';

/** The folder that was asked for, or the only one; throws the list where that is not clear. */
export async function chooseTrust({ dir, file }: TrustOptions): Promise<TrustChoice> {
  const { config } = readEnvironment(trustTable, environment());
  const paths = file ?? config.WANWIRE_SITE_FILE;
  const chosen = paths.length === 0 ? undefined : (await readSiteFiles(paths)).site;
  const given = dir ?? config.WANWIRE_TRUST_DIR;
  const folder = given ?? (chosen === undefined ? onlyFolder() : trustFolder(chosen.name));
  return { folder, site: chosen };
}

function onlyFolder(): string {
  const names = existsSync(usual) ? readdirSync(usual) : [];
  const found = names.map((name) => join(usual, name, 'trust')).filter((path) => existsSync(path));
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  const which = 'name the site (-f site.yaml) or the folder (--dir, WANWIRE_TRUST_DIR)';
  const text =
    only === undefined
      ? `no trust folder in ${usual}: ${which}`
      : `there are several trust folders (${found.join(', ')}): ${which}`;
  throw new WireError(status.INVALID_ARGUMENT, text);
}
