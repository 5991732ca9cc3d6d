// SPDX-License-Identifier: Apache-2.0
/** NSM's and SPIRE's own programs, where somebody has them: the folder is named by `WANWIRE_PEERS`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from '../../api/env/read-environment.js';

const folder = environment()['WANWIRE_PEERS'];

/** What NSM calls them: `nsc`, `nsmgr`, `icmp-responder`, `registry-memory`. */
export const nsm = ['nsmgr', 'registry-memory', 'nsc', 'icmp-responder'] as const;
/** What SPIRE calls them. */
export const spire = ['spire-server', 'spire-agent'] as const;

/** The path of one. */
export function program(name: string): string {
  return join(folder ?? '', name);
}

/** Why a test with these cannot run, or false where it can. */
export function missing(names: readonly string[]): string | false {
  if (folder === undefined)
    return `WANWIRE_PEERS is not set: it names a folder with ${names.join(', ')}`;
  const absent = names.filter((name) => !existsSync(program(name)));
  return absent.length > 0 && `${folder} (WANWIRE_PEERS) has no ${absent.join(', ')} in it`;
}
