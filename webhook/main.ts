// SPDX-License-Identifier: Apache-2.0
/**
 * The process `wanwire webhook`: gives pods that are annotated their client, and refuses objects with mistakes.
 *
 * What it needs in a cluster (deploy/kustomize/base/webhook.yaml):
 *
 * - A Service (NSM_SERVICE_NAME, NSM_NAMESPACE) in front of WANWIRE_WEBHOOK_LISTEN_ON, and two configurations
 *   called WANWIRE_WEBHOOK_CONFIGURATION, without a `caBundle`: the replica that leads writes it.
 *   `/mutate`: CREATE of pods; CREATE and UPDATE of deployments, daemonsets, statefulsets, replicasets.
 *   `/validate`: CREATE and UPDATE of sites, steeringpolicies (wanwire.io/v1alpha1), networkservices
 *   (networkservicemesh.io/v1), namespaces, pods and those of apps/v1. Neither has side effects, so
 *   `sideEffects: None`; `reinvocationPolicy: IfNeeded` is borne.
 * - Rights: namespaces get, list, watch; of the two configurations called so get, list, watch, patch; in
 *   its namespace the Secret WANWIRE_WEBHOOK_SECRET get, list, watch, update, the Lease of that name get,
 *   update, and create of secrets and leases (for which no name can be given).
 * - No privileges, no identity of the mesh, no folder that can be written.
 *
 * While the API server is away it answers by what it knows. Leaves the Secret, so that the next life
 * serves at once; a Secret that is deleted is made again.
 */
import { systemClock, type Clock } from '../api/chain/clock.js';
import { openCluster, type Cluster } from '../api/k8s/cluster.js';
import type { Logger } from '../api/log/log.js';
import type { Follower as CertificateFollower } from './certificates/follower.js';
import type { Config } from './config.js';
import { mutate } from './mutate.js';
import { serve } from './server.js';
import { settingsOf } from './settings.js';
import { validate } from './validate.js';
import { watchNamespaces, type WatchedNamespaces } from './watch-namespaces.js';

/** How it is started. */
export interface StartOptions {
  /** Ends it before it is ready. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** The cluster that this process is in, or a kubeconfig's, where none is given. */
  readonly cluster?: Cluster;
  /** See `keeper.ts`. */
  readonly settleMs?: number;
}

/** A webhook that answers. */
export interface Webhook {
  readonly urls: readonly string[];
  /** Why it is not ready; nothing where it is. */
  readonly trouble: () => string | undefined;
  /** Lets another lead, answers what was asked, and ends. */
  close(): Promise<void>;
}

/** Listens once it has a certificate. */
export async function start(
  config: Config,
  log: Logger,
  { signal, clock = systemClock, cluster: given, settleMs }: StartOptions = {},
): Promise<Webhook> {
  signal?.throwIfAborted();
  const cluster = given ?? (await openCluster({ clock, log }));
  const [{ elect }, { keep }, { Follower }] = await Promise.all([
    import('../api/k8s/leader.js'),
    import('./certificates/keeper.js'),
    import('./certificates/follower.js'),
  ]);
  const namespace = config.NSM_NAMESPACE ?? cluster.namespace;
  const where = { cluster, namespace, secret: config.WANWIRE_WEBHOOK_SECRET, clock, log };
  const follower = new Follower(where);
  const namespaces = watchNamespaces(cluster, { clock, log });
  const stop = new AbortController();
  const keeping = {
    ...where,
    configuration: config.WANWIRE_WEBHOOK_CONFIGURATION,
    hosts: hostsOf(config, namespace),
    lifetimeMs: config.WANWIRE_CERTIFICATE_LIFETIME,
    onSecret: (listener: () => void) => follower.onSecret(listener),
    ...(settleMs === undefined ? {} : { settleMs }),
  };
  const election = elect({
    ...{ cluster, clock, log, signal: stop.signal },
    lease: config.WANWIRE_WEBHOOK_SECRET,
    identity: config.NSM_NAME,
    lead: (leading) => keep(keeping, leading),
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await election.catch((reason: unknown) => log.error({ err: reason }, 'the election failed'));
    follower[Symbol.dispose]();
    namespaces[Symbol.dispose]();
    if (given === undefined) cluster[Symbol.dispose]();
  };
  election.catch(() => undefined);
  try {
    log.info({ secret: where.secret, namespace }, 'waiting for a certificate');
    const serving = await follower.first(signal);
    const settings = settingsOf(config);
    const trouble = (): string | undefined => troubleOf(follower, namespaces, clock);
    const server = await serve({
      url: config.WANWIRE_WEBHOOK_LISTEN_ON[0] ?? '',
      ...{ serving, log },
      mutate: (request) => mutate(request, { settings, namespaces, log }),
      validate: (request) =>
        config.WANWIRE_VALIDATE ? validate(request, settings.annotation) : {},
      trouble,
    });
    follower.onChange((next) => server.show(next));
    // One that came while we began to listen.
    if (follower.serving !== undefined && follower.serving !== serving) {
      server.show(follower.serving);
    }
    return {
      urls: [server.url],
      trouble,
      close: async () => {
        await server.close();
        await end();
      },
    };
  } catch (reason) {
    await end();
    throw reason;
  }
}

function hostsOf(config: Config, namespace: string): readonly string[] {
  const service = `${config.NSM_SERVICE_NAME}.${namespace}.svc`;
  return [service, `${service}.cluster.local`, ...config.WANWIRE_WEBHOOK_HOSTS];
}

function troubleOf(
  follower: CertificateFollower,
  namespaces: WatchedNamespaces,
  clock: Clock,
): string | undefined {
  const { serving } = follower;
  if (serving === undefined || serving.endMs <= clock.now()) return 'its certificate has ended';
  // Once they are known it answers, also while the API server is away.
  return namespaces.areKnown ? undefined : 'the namespaces are not known yet';
}
