// SPDX-License-Identifier: Apache-2.0
/**
 * A site that may not be there yet, or go: in Kubernetes files are made of objects, and a node may
 * have none. Tells whether there is one now, and when that is otherwise; who is told so ends, and begins anew.
 */
import { systemClock, type Clock, type Timer } from '../chain/clock.js';
import type { Logger } from '../log/log.js';
import type { SiteDocument } from './document.js';
import { documentsOf } from './documents.js';
import { Folders } from './folders.js';
import { textOf } from './read.js';
import { watchSiteFiles, type SiteWatch } from './watch.js';

/** What {@link perhapsSite} needs. */
export interface PerhapsOptions {
  readonly log: Logger;
  readonly clock?: Clock;
  /** What of a Site makes it another one beside its name and trust domain. */
  readonly also?: (site: SiteDocument) => unknown;
}

/** A site that may be there; followed until disposed. */
export interface PerhapsSite extends Disposable {
  /** Its files; nothing where there is no Site. */
  readonly files: SiteWatch | undefined;
  /** Resolves, with the reason, when there is a Site where there was none, none where there was one, or another. */
  readonly outdated: Promise<string>;
}

/** As in `watch.ts`: who writes a file does so in steps. */
const debounceMs = 100;
/** Before what is seen is believed: a file that is written anew may be missing for a moment. */
const sureMs = 400;

/** Read the files; rejects with a SiteError where there is a Site and they have a mistake. */
export async function perhapsSite(
  paths: readonly string[],
  options: PerhapsOptions,
): Promise<PerhapsSite> {
  const { log, clock = systemClock, also = () => undefined } = options;
  let outdated: (why: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => (outdated = resolve));
  let timer: Timer | undefined;
  let isDisposed = false;
  const soon = (ms = debounceMs): void => {
    if (isDisposed) return;
    timer ??= clock.after(ms, () => {
      timer = undefined;
      look().catch((reason: unknown) =>
        log.error({ err: reason }, 'the site file is not followed'),
      );
    });
  };
  const folders = new Folders(() => soon(), log);
  const now = async (): Promise<string> => {
    await folders.follow(paths);
    return await markOf(paths, also);
  };
  let doubted: string | undefined;
  const look = async (): Promise<void> => {
    const mark = await now();
    if (mark === first) {
      doubted = undefined;
    } else if (mark === doubted) {
      outdated(difference(first, mark));
    } else {
      doubted = mark;
      soon(sureMs);
    }
  };
  let files: SiteWatch | undefined;
  const dispose = (): void => {
    isDisposed = true;
    timer?.cancel();
    folders[Symbol.dispose]();
    files?.[Symbol.dispose]();
  };
  let first = '';
  try {
    first = await now();
    if (first !== '') files = await watchSiteFiles(paths, { log, clock });
    else log.info({ paths }, 'there is no Site: wires to other sites come with one');
  } catch (reason) {
    dispose();
    throw reason;
  }
  return { files, outdated: ended, [Symbol.dispose]: dispose };
}

function difference(before: string, now: string): string {
  if (before === '') return 'there is a Site now';
  return now === '' ? 'there is no Site any more' : 'it is another Site now';
}

/** What tells one Site from another; empty where there is none. */
async function markOf(
  paths: readonly string[],
  also: (site: SiteDocument) => unknown,
): Promise<string> {
  const texts = await Promise.all(paths.map(textOf));
  for (const { path, text } of texts) {
    if (text === undefined) continue;
    const site = documentsOf(text, path).documents.find(({ kind }) => kind === 'Site')?.document;
    if (site === undefined) continue;
    const name = site.raw(['metadata', 'name']);
    return JSON.stringify([name, site.raw(['spec', 'trustDomain']) ?? name, also(site)]);
  }
  return '';
}
