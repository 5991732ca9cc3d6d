// SPDX-License-Identifier: Apache-2.0
/** What happens to links, and to sessions for it, as Events of the Site: one object for each link and kind, counted; no more than so many a minute. */
import type { Cluster, KubeObject } from '../api/k8s/types.js';
import { events } from '../api/k8s/resources.js';
import type { Clock } from '../api/chain/clock.js';
import type { Link, Strand } from './told.js';

/** A thing that happened. */
export interface Happening {
  readonly reason: 'LinkDown' | 'LinkDegraded' | 'LinkUp' | 'SessionsMoved';
  readonly type: 'Normal' | 'Warning';
  /** Of which, or between which; what is said of the same again is counted. */
  readonly link: string;
  readonly message: string;
}

const reasons = { up: 'LinkUp', degraded: 'LinkDegraded', down: 'LinkDown' } as const;

/** What is otherwise now; nothing of links that were not known. */
export function happenings(
  before: ReadonlyMap<string, Link['state']>,
  links: readonly Link[],
  strands: readonly Strand[],
  node: string,
): readonly Happening[] {
  return links.flatMap((link): readonly Happening[] => {
    const was = before.get(link.name);
    if (was === undefined || was === link.state) return [];
    const why = strands
      .filter((strand) => strand.link === link.name && strand.why !== '')
      .map((strand) => `${strand.peer}: ${strand.why}`);
    const others = links.filter(({ name, state }) => name !== link.name && state !== 'down');
    const instead =
      link.state === 'down'
        ? others.length === 0
          ? '; no link is left'
          : `; left: ${others.map(({ name }) => name).join(', ')}`
        : '';
    const message = `link ${link.name} on node ${node}: ${was} > ${link.state}${why.length === 0 ? '' : ` (${why.join('; ')})`}${instead}`;
    const type = link.state === 'up' ? 'Normal' : 'Warning';
    return [
      { reason: reasons[link.state], type, link: link.name, message: message.slice(0, 1_000) },
    ];
  });
}

interface EventObject extends KubeObject {
  readonly count?: number;
  readonly firstTimestamp?: string;
}

const mostAMinute = 30;
const namespace = 'default';

/** Writes them. */
export class LinkEvents {
  readonly #cluster: Pick<Cluster, 'create' | 'patch'>;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #known = new Map<string, { readonly name: string; count: number }>();
  #minute = 0;
  #written = 0;

  constructor(cluster: Pick<Cluster, 'create' | 'patch'>, clock: Clock, node: string) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#node = node;
  }

  /** Tell it; one that was told before is counted. False where there were too many. */
  async tell(site: KubeObject, { reason, type, link, message }: Happening): Promise<boolean> {
    const minute = Math.floor(this.#clock.now() / 60_000);
    if (minute !== this.#minute) [this.#minute, this.#written] = [minute, 0];
    if (++this.#written > mostAMinute) return false;
    const { name: siteName, uid = '' } = site.metadata;
    const key = `${uid} ${link} ${reason}`;
    const now = new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const known = this.#known.get(key);
    if (known !== undefined) {
      const count = known.count + 1;
      const place = { name: known.name, namespace };
      try {
        await this.#cluster.patch(events, place, { count, message, lastTimestamp: now });
        known.count = count;
        return true;
      } catch {
        // It has expired: events live for an hour.
        this.#known.delete(key);
      }
    }
    const name = `${siteName.slice(0, 200)}.${Date.now().toString(16)}${Math.floor(Math.random() * 65_536).toString(16)}`;
    const object: EventObject & Readonly<Record<string, unknown>> = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        ...{ apiVersion: 'wanwire.io/v1alpha1', kind: 'Site', name: siteName, uid },
      },
      ...{ reason, message, type, count: 1, firstTimestamp: now, lastTimestamp: now },
      source: { component: 'wanwire', host: this.#node },
      reportingComponent: 'wanwire.io/node-agent',
      reportingInstance: this.#node,
    };
    await this.#cluster.create(events, object);
    this.#known.set(key, { name, count: 1 });
    return true;
  }
}
