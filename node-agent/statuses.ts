// SPDX-License-Identifier: Apache-2.0
/**
 * Writes what this node says of Sites and SteeringPolicies into their status, and nothing that is there
 * already. Its own entries are its own (server-side apply, a field manager for each node); conditions
 * are everybody's, made of all entries.
 */
import { isDeepStrictEqual } from 'node:util';
import { sites, steeringPolicies } from '../api/k8s/resources.js';
import type { Cluster, KubeObject, Resource } from '../api/k8s/types.js';
import type { Clock } from '../api/chain/clock.js';
import { acceptedBy, linksUp, programmedBy, renewed, type Said } from './conditions.js';
import { keyOf, type Desired, type Verdict } from './desired.js';
import type { Link, Told } from './told.js';
import type { LinkStatus, PolicyNode, PolicyObject, SiteNode, SiteObject } from './objects.js';

/** What {@link Statuses} works with. */
export interface StatusesOptions {
  readonly cluster: Pick<Cluster, 'apply'>;
  readonly node: string;
  /** Between two writes of figures, in milliseconds. */
  readonly periodMs: number;
  readonly clock: Clock;
}

/** See the head of this file. */
export class Statuses {
  readonly #options: StatusesOptions;
  /** When figures of a Site were written last. */
  readonly #figuresMs = new Map<string, number>();

  constructor(options: StatusesOptions) {
    this.#options = options;
  }

  /** Of a Site. */
  async site(
    site: SiteObject,
    verdict: Verdict | undefined,
    all: Desired,
    told: Told,
  ): Promise<void> {
    const { node } = this.#options;
    const isOurs = all.site !== undefined && keyOf(all.site) === keyOf(site);
    const links = isOurs ? told.links.map((link) => statusOf(link, node)) : [];
    const generation = site.metadata.generation ?? 0;
    const usable = links.filter(({ state }) => state !== 'down').length;
    const own: SiteNode | undefined = verdict && {
      ...{ node, ...verdict, observedGeneration: generation },
      links: isOurs ? `${String(usable)}/${String(links.length)}` : '-',
      forwarder: told.isRunning ? 'Running' : 'Away',
    };
    const { status = {} } = site;
    const before = status.nodes?.find((one) => one.node === node);
    const linksBefore = (status.links ?? []).filter((one) => one.node === node);
    let now = status;
    if (
      !isDeepStrictEqual(before, own) ||
      !isDeepStrictEqual(linksBefore.map(withoutFigures), links.map(withoutFigures)) ||
      (this.#mayWriteFigures(site) && !isDeepStrictEqual(linksBefore, links))
    ) {
      this.#figuresMs.set(keyOf(site), this.#options.clock.now());
      const written = await this.#apply<SiteObject>(sites, site, `wanwire.${node}`, {
        nodes: own === undefined ? [] : [own],
        links,
      });
      now = written.status ?? {};
    }
    const nodes = now.nodes ?? [];
    if (nodes.length === 0) return;
    const said = [acceptedBy(nodes, generation), linksUp(now.links ?? [], generation)];
    await this.#conditions(sites, site, now.conditions, said);
  }

  /** Of a SteeringPolicy. */
  async policy(
    policy: PolicyObject,
    verdict: Verdict | undefined,
    all: Desired,
    told: Told,
  ): Promise<void> {
    const { node } = this.#options;
    const { name, generation = 0 } = policy.metadata;
    const digest = all.digests.get(name);
    const programmed = digest !== undefined && told.policies[name] === digest;
    const own: PolicyNode | undefined = verdict && {
      ...{ node, ...verdict, observedGeneration: generation, programmed },
    };
    const { status = {} } = policy;
    const before = status.nodes?.find((one) => one.node === node);
    let now = status;
    if (!isDeepStrictEqual(before, own)) {
      const nodes = own === undefined ? [] : [own];
      const by = `wanwire.${node}`;
      now = (await this.#apply<PolicyObject>(steeringPolicies, policy, by, { nodes })).status ?? {};
    }
    const nodes = now.nodes ?? [];
    if (nodes.length === 0) return;
    const said = [acceptedBy(nodes, generation), programmedBy(nodes, generation)];
    await this.#conditions(steeringPolicies, policy, now.conditions, said);
  }

  /** Take away what a node has said that is gone, as that node. */
  async forget(node: string, { sites: all, policies }: Spoken): Promise<void> {
    const by = `wanwire.${node}`;
    for (const site of all) {
      if (speakersOf(site).has(node)) await this.#apply(sites, site, by, { nodes: [], links: [] });
    }
    for (const policy of policies) {
      if (speakersOf(policy).has(node))
        await this.#apply(steeringPolicies, policy, by, { nodes: [] });
    }
  }

  #mayWriteFigures(site: SiteObject): boolean {
    const { clock, periodMs } = this.#options;
    return clock.now() - (this.#figuresMs.get(keyOf(site)) ?? -Infinity) >= periodMs;
  }

  async #conditions(
    resource: Resource,
    object: KubeObject,
    before: Parameters<typeof renewed>[0],
    said: readonly Said[],
  ): Promise<void> {
    const conditions = renewed(before, said, this.#options.clock.now());
    if (conditions === undefined) return;
    await this.#apply(resource, object, 'wanwire-conditions', { conditions });
  }

  async #apply<T extends KubeObject>(
    { apiVersion, kind, ...rest }: Resource,
    { metadata: { name, uid = '' } }: KubeObject,
    fieldManager: string,
    status: object,
  ): Promise<T> {
    // With the uid: one that was deleted meanwhile is not made anew.
    const object = { apiVersion, kind, metadata: { name, uid }, status } as unknown as T;
    const resource = { apiVersion, kind, ...rest };
    const options = { fieldManager: fieldManager.slice(0, 128), subresource: 'status' as const };
    return await this.#options.cluster.apply<T>(resource, object, options);
  }
}

/** What nodes speak of. */
export interface Spoken {
  readonly sites: readonly SiteObject[];
  readonly policies: readonly PolicyObject[];
}

/** The names of all nodes that have said something of these. */
export function speakers({ sites, policies }: Spoken): ReadonlySet<string> {
  return new Set([...sites, ...policies].flatMap((one) => [...speakersOf(one)]));
}

function speakersOf({ status }: SiteObject | PolicyObject): ReadonlySet<string> {
  const links = status !== undefined && 'links' in status ? (status.links ?? []) : [];
  return new Set([...(status?.nodes ?? []), ...links].map(({ node }) => node));
}

function statusOf({ name, state, rttMs, jitterMs, lossPercent }: Link, node: string): LinkStatus {
  const figures = Object.entries({ rttMs, jitterMs, lossPercent }).flatMap(([key, value]) =>
    value === null ? [] : [[key, Math.round(value * 10) / 10] as const],
  );
  return { node, name, state, ...(Object.fromEntries(figures) as Partial<LinkStatus>) };
}

function withoutFigures({ node, name, state }: LinkStatus): object {
  return { node, name, state };
}
