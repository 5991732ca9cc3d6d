// SPDX-License-Identifier: Apache-2.0
/**
 * Makes and renews the certificate; only the replica that leads does. Each step is written to the
 * Secret before anything goes by it, so that the next leader goes on where this one stopped:
 *
 *   a root and a certificate are made well before the end > API servers are told of the root, beside the
 *   old one > all replicas change to the certificate > the old root is forgotten once it has ended.
 */
import { delay, type Clock } from '../../api/chain/clock.js';
import { isAbort } from '../../api/errors/to-status.js';
import type { Cluster } from '../../api/k8s/cluster.js';
import { secrets } from '../../api/k8s/resources.js';
import type { Logger } from '../../api/log/log.js';
import { Bundles } from './bundles.js';
import { after } from './make.js';
import { bundleOf, dataOf, endOf, materialIn, type SecretObject } from './material.js';
import { planOf, type Situation } from './plan.js';

/** What it works with. */
export interface KeeperOptions {
  readonly cluster: Cluster;
  /** Of the Secret. */
  readonly namespace: string;
  readonly secret: string;
  /** Of the webhook configurations. */
  readonly configuration: string;
  readonly hosts: readonly string[];
  readonly lifetimeMs: number;
  /** Tells of changes of the Secret, such as that it was deleted; returns how to stop. */
  readonly onSecret: (listener: () => void) => () => void;
  /** How long API servers get to hear of a root (30,000). */
  readonly settleMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const retryMs = 2_000;
const defaultSettleMs = 30_000;

/** Keep the certificate until `signal`; for `elect`. Failures are logged and tried again. */
export async function keep(options: KeeperOptions, signal: AbortSignal): Promise<void> {
  const { cluster, configuration: name, clock, log } = options;
  let wake = new AbortController();
  const onChange = (): void => {
    wake.abort();
  };
  using bundles = new Bundles({ cluster, name, clock, log, onChange });
  using _following = { [Symbol.dispose]: options.onSecret(onChange) };
  let trustedSinceMs: number | undefined;
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    wake = new AbortController();
    let againMs = retryMs;
    try {
      const looked = await look({ options, bundles, signal, trustedSinceMs });
      ({ againMs, trustedSinceMs } = looked);
    } catch (reason) {
      if (isOver() && isAbort(reason)) return;
      log.warn({ err: reason }, 'the certificate is not looked after: trying again');
      againMs = retryMs;
    }
    await delay(clock, againMs, AbortSignal.any([signal, wake.signal])).catch(() => undefined);
  }
}

interface Looking {
  readonly options: KeeperOptions;
  readonly bundles: Bundles;
  readonly signal: AbortSignal;
  readonly trustedSinceMs: number | undefined;
}

/** One step, and how long to wait for the next one. */
async function look({ options, bundles, signal, trustedSinceMs }: Looking) {
  const { clock, log, settleMs = defaultSettleMs } = options;
  const secret = await read(options, signal);
  const situation = situationOf(options, secret, trustedSinceMs);
  const { step, againMs } = planOf(situation);
  let { material } = situation;
  if (step !== 'nothing') {
    material = await after(step, situation);
    await write(options, secret, dataOf(material), signal);
    const until = new Date(endOf(material.serving.certificate)).toISOString();
    log.info({ step, until }, 'certificate');
  }
  const had = await bundles.tell(bundleOf(material?.roots ?? []), signal);
  const isNew = step === 'replace' || step === 'prepare';
  return {
    // Who was told now is known by the informers a moment later, and that wakes us.
    againMs: material?.next === undefined ? againMs : Math.min(againMs, settleMs),
    trustedSinceMs: had && !isNew ? (trustedSinceMs ?? clock.now()) : undefined,
  };
}

function situationOf(
  { clock, hosts, lifetimeMs, settleMs = defaultSettleMs }: KeeperOptions,
  secret: SecretObject | undefined,
  trustedSinceMs: number | undefined,
): Situation {
  const material = materialIn(secret);
  return { material, nowMs: clock.now(), lifetimeMs, hosts, trustedSinceMs, settleMs };
}

async function read(
  { cluster, namespace, secret: name }: KeeperOptions,
  signal: AbortSignal,
): Promise<SecretObject | undefined> {
  return await cluster.get<SecretObject>(secrets, { name, namespace }, signal);
}

async function write(
  { cluster, namespace, secret: name }: KeeperOptions,
  found: SecretObject | undefined,
  data: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  if (found !== undefined) {
    await cluster.replace<SecretObject>(secrets, { ...found, data }, signal);
    return;
  }
  const labels = { 'app.kubernetes.io/name': 'wanwire' };
  const metadata = { name, namespace, labels };
  await cluster.create<SecretObject>(
    secrets,
    { metadata, type: 'kubernetes.io/tls', data },
    signal,
  );
}
