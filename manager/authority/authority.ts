// SPDX-License-Identifier: Apache-2.0
/**
 * The embedded authority of a trust domain: signs SVIDs, and knows whose bundles are trusted.
 *
 * Its folder is watched: what `wanwire trust` changes there is in force at once. What is wrong with a
 * changed file is told in the log, and the last good one stays in force; a bundle that is removed is out
 * of force. A root that nears its end gets a successor by itself. Leaves the folder.
 */
import { status } from '@grpc/grpc-js';
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Bundles, Svid } from '../../api/identity/types.js';
import { validity } from '../../api/identity/svid.js';
import type { Logger } from '../../api/log/log.js';
import { Folders } from '../../api/site/folders.js';
import { makeCertificate } from '../../api/identity/certificate.js';
import { importedBundles } from './bundle-folder.js';
import { joinBundles } from './join-bundles.js';
import { ownFolder } from './own-file.js';
import { peerBundles, type PeerBundle, type TrustedPeer } from './peer-bundles.js';
import {
  changeRoots,
  firstRoots,
  pruned,
  rootLifetimeMs as tenYearsMs,
  rootsFile,
  signingRoot,
  withNext,
  type Roots,
} from './roots.js';

/** What {@link Authority} works with. */
export interface AuthorityOptions {
  /** Of roots and imported bundles; made where it is not there. */
  readonly folder: string;
  readonly trustDomain: string;
  /** How long an SVID lives, in milliseconds. */
  readonly lifetimeMs: number;
  /** Of a root; ten years where not given. */
  readonly rootLifetimeMs?: number;
  readonly peers: readonly TrustedPeer[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** An SVID begins so long before it is made: other clocks are behind. */
const backdatedMs = 60_000;
/** Who writes a file does so in steps. */
const debounceMs = 50;
const dayMs = 86_400_000;

/** See the head of this file. */
export class Authority implements Disposable {
  readonly trustDomain: string;
  readonly #options: AuthorityOptions;
  readonly #folders: Folders;
  readonly #listeners = new Set<() => void>();
  #peers: readonly TrustedPeer[];
  #ofPeers: readonly PeerBundle[] = [];
  #roots: Roots;
  #bundles: Bundles = new Map();
  #state = '';
  #told: readonly string[] = [];
  #soonTimer: Timer | undefined;
  #nextTimer: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  #disposed = false;

  private constructor(options: AuthorityOptions, roots: Roots) {
    this.#options = options;
    this.trustDomain = options.trustDomain;
    this.#peers = options.peers;
    this.#roots = roots;
    this.#folders = new Folders(() => this.#soon(), options.log);
  }

  /** Open it, with a first root where it has none; FAILED_PRECONDITION where its folder cannot be used. */
  static async open(options: AuthorityOptions): Promise<Authority> {
    await ownFolder(options.folder);
    const authority = new Authority(options, await rootsNow(options));
    try {
      await authority.#load();
      return authority;
    } catch (reason) {
      authority[Symbol.dispose]();
      throw reason;
    }
  }

  /** All that is trusted now; a new object after each change. */
  get bundles(): Bundles {
    return this.#bundles;
  }

  /** Which root signs now: the fingerprint of its certificate. */
  get signer(): string {
    return signingRoot(this.#roots, this.#options.clock.now()).certificate.fingerprint256;
  }

  /** These are the site's peers now. */
  setPeers(peers: readonly TrustedPeer[]): void {
    if (isDeepStrictEqual(peers, this.#peers)) return;
    this.#peers = peers;
    this.#again();
  }

  /** Told when bundles are others, or another root signs; the answer ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when everything that was begun has been read. */
  settled(): Promise<void> {
    return this.#turn;
  }

  /** An SVID for `spiffe://DOMAIN` and this path, such as `/phone`; it never outlives its root. */
  async issue(path: string): Promise<Svid> {
    const { clock, lifetimeMs } = this.#options;
    const nowMs = clock.now();
    const { certificate: root, key: signer } = signingRoot(this.#roots, nowMs);
    const rootEndsMs = validity(root).notAfterMs;
    if (signer === undefined || rootEndsMs <= nowMs) {
      const text = `the root of ${this.trustDomain} has ended: wanwire trust rotate --after 0s makes a new one`;
      throw new WireError(status.UNAVAILABLE, text);
    }
    const id = `spiffe://${this.trustDomain}${path}`;
    const { certificate, key } = await makeCertificate({
      uris: [id],
      isAuthority: false,
      notBeforeMs: nowMs - backdatedMs,
      notAfterMs: Math.min(nowMs + lifetimeMs, rootEndsMs),
      issuer: { certificate: root, key: signer },
    });
    return { id, chain: [certificate.raw], certificate, key, ...validity(certificate) };
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#soonTimer?.cancel();
    this.#nextTimer?.cancel();
    this.#folders[Symbol.dispose]();
    this.#listeners.clear();
  }

  #soon(): void {
    if (this.#disposed) return;
    this.#soonTimer ??= this.#options.clock.after(debounceMs, () => {
      this.#soonTimer = undefined;
      this.#again();
    });
  }

  #again(): void {
    this.#turn = this.#turn
      .then(async () => {
        if (this.#disposed) return;
        this.#roots = await rootsNow(this.#options);
        await this.#load();
      })
      .catch((reason: unknown) => {
        const { log } = this.#options;
        log.error({ err: reason }, 'the trust folder was not read: what was last read is in force');
        this.#plan();
      });
  }

  async #load(): Promise<void> {
    const { folder, clock, log } = this.#options;
    const files = this.#peers.flatMap(({ trustBundle }) => trustBundle ?? []);
    await this.#folders.follow([rootsFile(folder), ...files]);
    const nowMs = clock.now();
    const [imported, ofPeers] = await Promise.all([
      importedBundles(folder, nowMs),
      peerBundles(this.#peers, nowMs, this.#ofPeers),
    ]);
    if (this.#disposed) return;
    this.#ofPeers = ofPeers;
    const { bundles, problems } = joinBundles(this.#roots, imported, ofPeers, this.#bundles);
    const news = problems.filter((text) => !this.#told.includes(text));
    for (const problem of news) log.error({ problem }, 'a bundle is not used as it is');
    this.#told = problems;
    this.#plan();
    const signer = signingRoot(this.#roots, nowMs).certificate.fingerprint256;
    const state = JSON.stringify([signer, ...inWords(bundles)]);
    if (state === this.#state) return;
    const isFirst = this.#state === '';
    this.#state = state;
    this.#bundles = bundles;
    const trustDomains = [...bundles.keys()];
    log.info({ folder, trustDomains, roots: this.#roots.roots.length }, 'trust');
    if (!isFirst) for (const listener of [...this.#listeners]) listener();
  }

  /** Look again when a root begins to sign, ends, or is to have a successor. */
  #plan(): void {
    const { clock } = this.#options;
    const nowMs = clock.now();
    const moments = this.#roots.roots
      .flatMap((root) => [root.signsFromMs, root.endsMs])
      .concat(succeedsAtMs(this.#roots, this.#options))
      .filter((moment) => moment > nowMs);
    this.#nextTimer?.cancel();
    if (this.#disposed) return;
    // At least once a day: a suspended machine's timers are late.
    const nextMs = Math.min(dayMs, ...moments.map((moment) => moment - nowMs + 1));
    this.#nextTimer = clock.after(nextMs, () => this.#again());
  }
}

/** The folder's roots as they are to be now: made, pruned, and with a successor where it is time. */
async function rootsNow(options: AuthorityOptions): Promise<Roots> {
  const { folder, trustDomain, clock, log } = options;
  const lifetimeMs = options.rootLifetimeMs ?? tenYearsMs;
  const roots = await changeRoots(folder, clock, async (before) => {
    const nowMs = clock.now();
    if (before === undefined) {
      log.info({ folder, trustDomain }, 'a new trust domain: making its root');
      return firstRoots(trustDomain, nowMs, lifetimeMs);
    }
    if (before.trustDomain !== trustDomain) throw anotherDomain(before, options);
    const now = pruned(before, nowMs);
    if (nowMs < succeedsAtMs(now ?? before, options)) return now;
    const leftMs = (now ?? before).roots.at(-1)?.endsMs ?? nowMs;
    log.warn(
      { folder, trustDomain },
      'the root nears its end and gets a successor: other sites need the new bundle (wanwire trust export)',
    );
    const signsFromMs = Math.max(nowMs, nowMs + (leftMs - nowMs) / 2);
    return withNext(now ?? before, { nowMs, signsFromMs }, lifetimeMs);
  });
  if (roots === undefined) throw new TypeError('no roots were made');
  return roots;
}

/** When the last root has a tenth of its life left. */
function succeedsAtMs({ roots }: Roots, { rootLifetimeMs = tenYearsMs }: AuthorityOptions): number {
  const last = roots.at(-1);
  return last === undefined ? 0 : validity(last.certificate).notAfterMs - rootLifetimeMs / 10;
}

function anotherDomain(before: Roots, { folder, trustDomain }: AuthorityOptions): WireError {
  const path = rootsFile(folder);
  const text =
    `${path} is of trust domain ${before.trustDomain}, and this one is ${trustDomain}: ` +
    `put the old name back, or begin anew (mv ${path} ${path}.old); other sites then need the new bundle`;
  return new WireError(status.FAILED_PRECONDITION, text);
}

function inWords(bundles: Bundles): readonly string[] {
  return [...bundles].map(([domain, roots]) =>
    [domain, ...roots.map((root) => root.fingerprint256)].join(' '),
  );
}
