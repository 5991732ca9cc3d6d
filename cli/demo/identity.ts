// SPDX-License-Identifier: Apache-2.0
/** The demo's own identity, which its managers give it as to everybody on stage, and what is said of all of them. */
import { systemClock } from '../../api/chain/clock.js';
import type { Channel } from '../../api/grpc/channel.js';
import { channels } from '../../api/grpc/dial.js';
import { spiffe, type Security } from '../../api/identity/security.js';
import { workloadIdentity } from '../../api/identity/workload-api.js';
import { silentLogger } from '../../api/log/log.js';
import { importBundle } from '../../manager/authority/bundle-folder.js';
import { changeRoots, firstRoots } from '../../manager/authority/roots.js';

/** One line for the screen. */
export const secured =
  'mutual TLS with SPIFFE identities on every connection, signed tokens, rules at every hop';

/** An agent of this machine answers in milliseconds. */
const patienceMs = 10_000;

/** What the manager whose agent is at `url` makes of us. */
export async function identityFrom(url: string, signal: AbortSignal): Promise<Security> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  const around = { log: silentLogger(), clock: systemClock, signal: late };
  return spiffe(await workloadIdentity(url, around));
}

/** Channels to managers, each with the identity that this very manager gives us. */
export class Dialer implements Disposable {
  readonly #signal: AbortSignal;
  readonly #open: Disposable[] = [];

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** To the manager at `url`, whose agent is at `agentUrl`. */
  async dial(url: string, agentUrl: string): Promise<Channel> {
    const security = await identityFrom(agentUrl, this.#signal);
    const peers = channels({ security, dialTimeoutMs: 2_000, log: silentLogger() });
    this.#open.push(security, peers);
    return peers.acquire(url);
  }

  [Symbol.dispose](): void {
    for (const one of this.#open.splice(0).reverse()) one[Symbol.dispose]();
  }
}

/** What two sites need of each other: what `wanwire trust export` and `import` do, before either has started. */
export async function exchangeBundles(
  sites: readonly { readonly trustDomain: string; readonly folder: string }[],
): Promise<void> {
  const all = await Promise.all(
    sites.map(async ({ trustDomain, folder }) => {
      const made = await changeRoots(folder, systemClock, async (now) =>
        now === undefined ? firstRoots(trustDomain, Date.now()) : undefined,
      );
      const roots = made?.roots.map(({ certificate }) => certificate) ?? [];
      return { folder, bundle: { trustDomain, roots } };
    }),
  );
  for (const { folder } of all) {
    const others = all.filter((one) => one.folder !== folder);
    for (const { bundle } of others) await importBundle(folder, bundle);
  }
}
