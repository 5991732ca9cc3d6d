// SPDX-License-Identifier: Apache-2.0
/** What one process is told, from its first question to its end: its SVIDs and whom it may trust, whenever they are others. */
import { status, type Metadata } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import type { X509BundlesResponse, X509SVIDResponse } from '../../api/gen/workload.js';
import type { Bundles } from '../../api/identity/types.js';
import type { Logger } from '../../api/log/log.js';
import type { SiteIdentity } from '../../api/site/types.js';
import type { NodePods } from './pods.js';
import { ownPath, ruledPath } from './rules.js';
import type { Svids } from './svids.js';
import type { Workload } from './workload.js';

/** What answers are made of. */
export interface AnswerParts {
  readonly svids: Svids;
  readonly rules: () => readonly SiteIdentity[];
  /** Told when the rules are others. */
  readonly onRules: (listener: () => void) => () => void;
  readonly ownUid: number;
  readonly log: Logger;
  /** Processes in pods get their pod's identity, after the rules; nothing where that is off. */
  readonly pods?: NodePods | undefined;
  /** Our own cgroup: as we see it, a process of our own container has the same. */
  readonly ownCgroup?: string | undefined;
}

/** Every call has it, so that no browser can be made to ask for us. */
const header = 'workload.spiffe.io';

/** INVALID_ARGUMENT where a call does not say that it means the Workload API. */
export function checkHeader(metadata: Metadata): void {
  if (metadata.get(header).join() === 'true') return;
  const text = `metadata ${header} is missing or not "true": is this a client of the SPIFFE Workload API?`;
  throw new WireError(status.INVALID_ARGUMENT, text);
}

/** FetchX509SVID: PERMISSION_DENIED, at once or later, where no rule names the process. */
export async function* svidAnswers(
  parts: AnswerParts,
  workload: Workload,
  signal: AbortSignal,
): AsyncIterable<X509SVIDResponse> {
  let [lastSvid, lastBundles]: unknown[] = [];
  using changes = new Changes(parts, signal);
  while (!signal.aborted) {
    const path = await pathOf(parts, workload, signal);
    const svid = await parts.svids.current(path);
    const { bundles, trustDomain } = parts.svids;
    if (svid !== lastSvid || bundles !== lastBundles) {
      [lastSvid, lastBundles] = [svid, bundles];
      const { pid, uid } = workload;
      const until = new Date(svid.notAfterMs).toISOString();
      parts.log.info({ id: svid.id, pid, uid, until }, 'identity issued');
      yield {
        svids: [
          {
            spiffeId: svid.id,
            x509Svid: Buffer.concat(svid.chain),
            x509SvidKey: svid.key.export({ type: 'pkcs8', format: 'der' }),
            bundle: derOf(bundles, trustDomain),
            hint: '',
          },
        ],
        crl: [],
        federatedBundles: inDer(bundles, (domain) => domain !== trustDomain),
      };
    }
    await changes.next();
  }
}

/** FetchX509Bundles, for those who have an identity. */
export async function* bundleAnswers(
  parts: AnswerParts,
  workload: Workload,
  signal: AbortSignal,
): AsyncIterable<X509BundlesResponse> {
  let last: unknown;
  using changes = new Changes(parts, signal);
  while (!signal.aborted) {
    await pathOf(parts, workload, signal);
    const { bundles } = parts.svids;
    if (bundles !== last) {
      last = bundles;
      yield { crl: [], bundles: inDer(bundles, () => true) };
    }
    await changes.next();
  }
}

/** By the site's rules, then by the pod, then, outside of all pods, for our own user. */
async function pathOf(
  parts: AnswerParts,
  workload: Workload,
  signal: AbortSignal,
): Promise<string> {
  const { rules, ownUid, log } = parts;
  const path =
    ruledPath(workload, rules()) ??
    (await podPath(parts, workload, signal)) ??
    (workload.uid === ownUid ? ownPath : undefined);
  if (path !== undefined) return path;
  log.warn(workload, 'no identity issued: no rule of spec.identities fits');
  const { uid, gid, executable = 'unknown', cgroup = 'unknown' } = workload;
  const who = `uid ${String(uid)}, gid ${String(gid)}, executable ${executable}, cgroup ${cgroup}`;
  const text = `no identity issued: no rule of spec.identities names this process (${who})`;
  throw new WireError(status.PERMISSION_DENIED, text);
}

/** Nothing outside of all pods. Root in a pod is not root: what is not known to be outside is refused. */
async function podPath(
  { pods, ownCgroup, log }: AnswerParts,
  workload: Workload,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (pods === undefined) return undefined;
  const { container, cgroup, pid } = workload;
  if (container !== undefined) {
    return await pods.pathOf(container, signal).catch((reason: unknown) => {
      log.warn({ ...workload, err: reason }, 'no identity issued: no pod');
      throw reason;
    });
  }
  if (cgroup !== undefined && cgroup === ownCgroup && pods.ownPath !== undefined)
    return pods.ownPath;
  if (cgroup !== undefined) return undefined;
  log.warn(workload, 'no identity issued: the cgroup of the process is not known');
  const text = `no identity issued: the cgroup of process ${String(pid)} is not known here: the manager wants hostPID`;
  throw new WireError(status.PERMISSION_DENIED, text);
}

function inDer(bundles: Bundles, wanted: (domain: string) => boolean): { [key: string]: Buffer } {
  const domains = [...bundles.keys()].filter(wanted);
  return Object.fromEntries(
    domains.map((domain) => [`spiffe://${domain}`, derOf(bundles, domain)]),
  );
}

function derOf(bundles: Bundles, domain: string): Buffer {
  return Buffer.concat((bundles.get(domain) ?? []).map((root) => root.raw));
}

/** No change is missed, also one that comes while an answer is written. */
class Changes implements Disposable {
  readonly #off: readonly (() => void)[];
  #isDue = false;
  #wake: () => void = () => undefined;

  constructor({ svids, onRules, pods }: AnswerParts, signal: AbortSignal) {
    const due = (): void => {
      this.#isDue = true;
      this.#wake();
    };
    signal.addEventListener('abort', due, { once: true });
    this.#off = [
      svids.onChange(due),
      onRules(due),
      pods?.onGone(due) ?? (() => undefined),
      () => {
        signal.removeEventListener('abort', due);
      },
    ];
  }

  /** Resolves when something has changed since it last did. */
  async next(): Promise<void> {
    if (!this.#isDue) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#isDue = false;
  }

  [Symbol.dispose](): void {
    for (const off of this.#off) off();
  }
}
