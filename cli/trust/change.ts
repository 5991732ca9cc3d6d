// SPDX-License-Identifier: Apache-2.0
/** `wanwire trust export`, `import`, `remove` and `rotate`. A running manager sees each change by itself. */
import { writeFile } from 'node:fs/promises';
import { text as wholeText } from 'node:stream/consumers';
import { status } from '@grpc/grpc-js';
import { systemClock } from '../../api/chain/clock.js';
import { parseDuration } from '../../api/env/duration.js';
import { invalid, WireError } from '../../api/errors/wire-error.js';
import { importBundle, removeBundle } from '../../manager/authority/bundle-folder.js';
import { bundleJson, bundlePem, parseBundle } from '../../manager/authority/bundle-text.js';
import { bundleFile } from '../../manager/authority/peer-bundles.js';
import {
  changeRoots,
  firstRoots,
  readRoots,
  withNext,
  type Roots,
} from '../../manager/authority/roots.js';
import { chooseTrust, type TrustChoice, type TrustOptions } from './folder.js';

/** Write our own bundle, for other sites; the root is made where the site's file says of which domain. */
export async function exportTrust(
  options: TrustOptions & { readonly pem?: boolean; readonly output?: string },
): Promise<void> {
  const own = await ownRoots(await chooseTrust(options));
  const roots = own.roots.map(({ certificate }) => certificate);
  const text = options.pem === true ? bundlePem({ roots }) : bundleJson({ roots }, own.sequence);
  if (options.output === undefined) process.stdout.write(text);
  else await writeFile(options.output, text);
}

/** Trust another site: its bundle, from a file or (`-`) standard input. */
export async function importTrust(
  path: string,
  options: TrustOptions & { readonly domain?: string },
): Promise<void> {
  const choice = await chooseTrust(options);
  const text = path === '-' ? await wholeText(process.stdin) : await bundleFile(path);
  const field = path === '-' ? 'standard input' : path;
  const bundle = parseBundle(text, { field, trustDomain: options.domain, nowMs: Date.now() });
  const own = (await readRoots(choice.folder))?.trustDomain ?? choice.site?.trustDomain;
  if (bundle.trustDomain === own) {
    throw invalid(field, `a bundle of ${own}, this site's own trust domain`, "another site's");
  }
  const how = await importBundle(choice.folder, bundle);
  const roots = `${String(bundle.roots.length)} root${bundle.roots.length === 1 ? '' : 's'}`;
  const done =
    how === 'new' ? 'is trusted now' : 'is trusted by this bundle now, no longer by the last one';
  process.stdout.write(`${bundle.trustDomain} (${roots}) ${done}\n`);
}

/** Trust a site no more. */
export async function removeTrust(domain: string, options: TrustOptions): Promise<void> {
  const { folder } = await chooseTrust(options);
  await removeBundle(folder, domain);
  process.stdout.write(`${domain} is not trusted any more, unless spec.peers names its bundle\n`);
}

/** Make a new root, which signs after a while. */
export async function rotateTrust(
  options: TrustOptions & { readonly after: string },
): Promise<void> {
  const { folder } = await chooseTrust(options);
  const waitMs = durationOf(options.after);
  const nowMs = Date.now();
  const signsFromMs = nowMs + waitMs;
  const roots = await changeRoots(folder, systemClock, async (now) => {
    if (now === undefined) throw noRoot(folder);
    return withNext(now, { nowMs, signsFromMs });
  });
  const when = waitMs === 0 ? 'now' : `from ${new Date(signsFromMs).toISOString()} on`;
  process.stdout.write(
    `a new root of ${roots?.trustDomain ?? ''} signs ${when}: other sites need the new bundle (wanwire trust export)\n`,
  );
}

async function ownRoots({ folder, site }: TrustChoice): Promise<Roots> {
  const found = await readRoots(folder);
  if (found !== undefined) return found;
  if (site === undefined) throw noRoot(folder);
  const { trustDomain } = site;
  const made = await changeRoots(folder, systemClock, async (now) =>
    now === undefined ? firstRoots(trustDomain, Date.now()) : undefined,
  );
  if (made === undefined) throw noRoot(folder);
  return made;
}

function noRoot(folder: string): WireError {
  const text = `${folder} has no root yet: the manager makes one when it first starts, and so does wanwire trust export -f site.yaml`;
  return new WireError(status.NOT_FOUND, text);
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (reason) {
    const why = reason instanceof Error ? `: it ${reason.message}` : '';
    throw invalid('--after', text, `a duration such as 24h or 0s${why}`);
  }
}
