// SPDX-License-Identifier: Apache-2.0
/**
 * The manager's identity, and that of others: an agent's where the environment names one, else its own
 * authority, whose Workload API it then serves.
 */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../api/chain/clock.js';
import { openSecurity, spiffe, type Security } from '../api/identity/security.js';
import { WireError } from '../api/errors/wire-error.js';
import type { Cluster } from '../api/k8s/types.js';
import type { Logger } from '../api/log/log.js';
import type { SiteIdentity } from '../api/site/types.js';
import type { NodePods } from './agent/pods.js';
import type { Agent } from './agent/serve.js';
import type { Config } from './config.js';
import { trustFolder } from './identity-config.js';
import type { SiteSource } from './sites/sites.js';

/** What an identity is opened with. */
export interface IdentityOptions {
  readonly site: SiteSource | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal | undefined;
  /** Asked where it is needed. */
  readonly cluster: () => Promise<Cluster>;
  /** Told of the pods of this node, where their identities are ours to give. */
  readonly onPods: (pods: NodePods) => void;
  /** Undone last first. */
  readonly undo: (() => unknown)[];
}

/** What running calls get at the end, in milliseconds. */
const graceMs = 500;
const usualSocket = 'unix:///run/wanwire/agent.sock';

/** How the manager secures its connections; what it serves of an authority ends with `undo`. */
export async function openIdentity(config: Config, options: IdentityOptions): Promise<Security> {
  const { WANWIRE_INSECURE: insecure, SPIFFE_ENDPOINT_SOCKET: asked } = config;
  const { NSM_NAME: name, WANWIRE_AGENT_LISTEN_ON: listenOn } = config;
  const { log, clock, signal, undo } = options;
  // Whoever asks his own socket means what is behind it.
  const isElsewhere = insecure || (asked !== undefined && asked !== (listenOn ?? usualSocket));
  const keep = (security: Security): Security => {
    undo.push(() => {
      security[Symbol.dispose]();
    });
    return security;
  };
  if (isElsewhere && listenOn === undefined) {
    return keep(await openSecurity(config, { name, log, clock, signal }));
  }
  const own = await openAuthority(config, listenOn ?? usualSocket, options);
  return keep(isElsewhere ? await openSecurity(config, { name, log, clock, signal }) : own);
}

async function openAuthority(
  config: Config,
  listenOn: string,
  { site, clock, log, undo, cluster, onPods }: IdentityOptions,
): Promise<Security> {
  // Who has no authority need not hold what makes certificates in memory.
  const { Authority } = await import('./authority/authority.js');
  const { serveAgent } = await import('./agent/serve.js');
  const { Svids } = await import('./agent/svids.js');
  const { ownSource } = await import('./agent/own-source.js');
  const { ownPath, pathFor, ruledPath } = await import('./agent/rules.js');
  const { ownWorkload } = await import('./agent/workload.js');
  const text = () => site?.current.site;
  const trustDomain = text()?.trustDomain ?? text()?.name ?? config.WANWIRE_TRUST_DOMAIN;
  const folder = config.WANWIRE_TRUST_DIR ?? trustFolder(text()?.name ?? config.NSM_NAME);
  const lifetimeMs = config.WANWIRE_SVID_LIFETIME;
  const authority = await Authority.open({
    ...{ folder, trustDomain, lifetimeMs, clock, log },
    peers: text()?.peers ?? [],
  });
  undo.push(() => {
    authority[Symbol.dispose]();
  });
  const svids = new Svids(authority, clock, log);
  undo.push(() => {
    svids[Symbol.dispose]();
  });
  const rules = (): readonly SiteIdentity[] => text()?.identities ?? [];
  const self = ownWorkload();
  const { uid: ownUid } = self;
  const changed = new Set<() => void>();
  site?.onChange(({ site: now }) => {
    authority.setPeers(now.peers);
    if (now.trustDomain !== undefined && now.trustDomain !== trustDomain) {
      log.error(
        { trustDomain, wanted: now.trustDomain },
        'the trust domain of a site is changed by starting it anew: the old one stays',
      );
    }
    for (const listener of [...changed]) listener();
  });
  const onRules = (listener: () => void): (() => void) => {
    changed.add(listener);
    return () => changed.delete(listener);
  };
  const pods = await podsOf(config, { clock, log, undo, cluster });
  // With a Site comes another trust domain: what pods had registered before belongs to nobody any more.
  const isOfBefore = (id: string): boolean =>
    /^spiffe:\/\/[^/]+\/ns\/[^/]+\/pod\//.test(id) && !id.startsWith(`spiffe://${trustDomain}/`);
  if (pods) onPods({ ...pods, isGone: (id) => isOfBefore(id) || pods.isGone(id) });
  const agent: Agent = await serveAgent({
    ...{ svids, rules, onRules, ownUid, log, clock, listenOn, pods },
    ownCgroup: self.cgroup,
  });
  undo.push(() => agent.close(graceMs));
  log.info({ url: agent.url, trustDomain, folder }, 'serving the Workload API');
  const path = (): string =>
    (pods?.ownPath === undefined ? undefined : (ruledPath(self, rules()) ?? pods.ownPath)) ??
    pathFor(self, rules(), ownUid) ??
    ownPath;
  const source = await ownSource({ svids, path, onRules, clock, log });
  return spiffe(source, config.NSM_MAX_TOKEN_LIFETIME);
}

/** The pods of this node, where their identities are ours to give. */
async function podsOf(
  config: Config,
  { clock, log, undo, cluster }: Pick<IdentityOptions, 'clock' | 'log' | 'undo' | 'cluster'>,
): Promise<NodePods | undefined> {
  if (!config.WANWIRE_POD_IDENTITIES) return undefined;
  const { NODE_NAME: node, POD_NAME: name } = config;
  if (node === undefined) {
    const text = 'NODE_NAME is not set: WANWIRE_POD_IDENTITIES wants the name of this node';
    throw new WireError(status.FAILED_PRECONDITION, text);
  }
  const { nodePods } = await import('./agent/pods.js');
  const opened = await cluster();
  const own = name === undefined ? undefined : { namespace: opened.namespace, name };
  const pods = nodePods({ cluster: opened, node, own, clock, log });
  undo.push(() => {
    pods[Symbol.dispose]();
  });
  return pods;
}
