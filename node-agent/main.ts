// SPDX-License-Identifier: Apache-2.0
/**
 * The process `wanwire node-agent`: what Kubernetes has for this node becomes files that the other
 * processes follow, and what its forwarder tells becomes status, Events and Wires. While the API
 * server is away, files stay as they are, and what happened is caught up with afterwards.
 *
 * Leaves: the files.
 */
import { delay, systemClock, type Timer } from '../api/chain/clock.js';
import { openCluster } from '../api/k8s/cluster.js';
import { wires } from '../api/k8s/resources.js';
import type { Cluster, KubeObject } from '../api/k8s/types.js';
import type { Logger } from '../api/log/log.js';
import { Backoff } from '../api/registry/backoff.js';
import type { Config } from './config.js';
import { desired, keyOf, type Desired } from './desired.js';
import { FollowedForwarder } from './forwarder.js';
import { happenings, LinkEvents, type Happening } from './link-events.js';
import { MovedSessions } from './moved-sessions.js';
import { NextNode } from './next-node.js';
import { SiteFolder } from './site-folder.js';
import { speakers, Statuses, type Spoken } from './statuses.js';
import { Watched } from './watched.js';
import { changesOf } from './wire-changes.js';
import { wireObjects } from './wires.js';

/** A node-agent that has written what there is. */
export interface Running {
  readonly urls: readonly string[];
  /** Why what it has written may be old. */
  readonly trouble: () => string | undefined;
  close(): Promise<void>;
}

const clock = systemClock;
/** Who changes something changes more. */
const debounceMs = 100;
/** With files of a former life the others need not wait longer for an API server that is away. */
const patienceMs = 5_000;
const atOnce = 8;
/** Happenings that wait for the API server. */
const mostWaiting = 50;

/** Start it; resolves when the files are there. `signal` ends it, also before that. */
export async function start(config: Config, log: Logger, signal: AbortSignal): Promise<Running> {
  const { NODE_NAME: node, WANWIRE_KUBECONFIG: kubeconfig } = config;
  const cluster = await openCluster({ kubeconfig, clock, log });
  const agent = new NodeAgent(config, node, cluster, log);
  const awake = setInterval(() => undefined, 2 ** 30);
  const close = async (): Promise<void> => {
    clearInterval(awake);
    await agent.close();
  };
  try {
    await agent.ready(signal);
  } catch (reason) {
    await close();
    throw reason;
  }
  return { urls: [], trouble: () => undefined, close };
}

/** Does it; what fails is told at the end, and keeps nothing else from being done. */
type Trying = (act: () => Promise<unknown>) => Promise<void>;

class NodeAgent {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #cluster: Cluster;
  readonly #folder: SiteFolder;
  readonly #watched: Watched;
  readonly #forwarder: FollowedForwarder;
  readonly #statuses: Statuses;
  readonly #next: NextNode;
  readonly #events: LinkEvents;
  readonly #moved = new MovedSessions();
  readonly #backoff = new Backoff();
  readonly #node: string;
  #isSynced = false;
  #happened: readonly Happening[] = [];
  #right: ReadonlyMap<string, KubeObject> = new Map();
  #links: ReadonlyMap<string, 'up' | 'degraded' | 'down'> = new Map();
  #timer: Timer | undefined;
  /** When it rings. */
  #atMs = Infinity;
  #turn: Promise<void> = Promise.resolve();
  #isOver = false;
  #failure = '';
  #written: () => void = () => undefined;
  readonly #firstWritten = new Promise<void>((resolve) => (this.#written = resolve));

  constructor(config: Config, node: string, cluster: Cluster, log: Logger) {
    this.#config = config;
    this.#node = node;
    this.#cluster = cluster;
    this.#log = log;
    this.#folder = new SiteFolder(config.WANWIRE_SITE_FOLDER);
    const changed = (): void => this.#soon();
    const namespace = config.NSM_NAMESPACE ?? cluster.namespace;
    const bundles = { name: config.WANWIRE_TRUST_BUNDLES, namespace };
    this.#watched = new Watched({ cluster, node, bundles, clock, log, changed });
    const socket = config.WANWIRE_FORWARDER_SOCKET;
    this.#forwarder = new FollowedForwarder({ socket, clock, log, changed });
    const periodMs = config.WANWIRE_STATUS_PERIOD;
    this.#statuses = new Statuses({ cluster, node, periodMs, clock });
    this.#next = new NextNode({ cluster, node, clock, log, changed });
    this.#events = new LinkEvents(cluster, clock, node);
    this.#watched.synced.then(
      () => {
        void this.#folder.objects().then((right) => {
          this.#right = right;
          this.#isSynced = true;
          this.#soon();
        });
      },
      () => undefined,
    );
  }

  async ready(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    const ways: Promise<unknown>[] = [this.#firstWritten, aborted];
    if (await this.#folder.isThere()) ways.push(delay(clock, patienceMs));
    await Promise.race(ways);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#watched[Symbol.dispose]();
    this.#next[Symbol.dispose]();
    this.#forwarder[Symbol.dispose]();
    await this.#turn;
    this.#cluster[Symbol.dispose]();
  }

  #soon(ms = debounceMs): void {
    const atMs = clock.now() + ms;
    if (this.#isOver || atMs >= this.#atMs) return;
    this.#timer?.cancel();
    this.#atMs = atMs;
    this.#timer = clock.after(ms, () => {
      this.#atMs = Infinity;
      this.#turn = this.#turn.then(() => this.#again());
    });
  }

  async #again(): Promise<void> {
    if (this.#isOver) return;
    try {
      await this.#look();
      this.#backoff.reset();
      this.#failure = '';
    } catch (reason) {
      const text = reason instanceof Error ? reason.message : String(reason);
      if (text !== this.#failure)
        this.#log.warn({ err: reason }, 'not told to the API server, trying again');
      this.#failure = text;
      this.#soon(this.#backoff.next());
      return;
    }
    // Figures change all the time.
    if (this.#forwarder.told.isRunning) this.#soon(this.#config.WANWIRE_STATUS_PERIOD);
  }

  async #look(): Promise<void> {
    if (!this.#isSynced) return;
    const objects = { ...this.#watched.objects, right: this.#right };
    const all = await desired(objects, this.#folder.path, async (bundles) => {
      await this.#folder.place(bundles);
    });
    this.#right = all.right;
    if (await this.#folder.write(all.text, all.bundles)) {
      const { site, digests } = all;
      this.#log.info(
        { site: site?.metadata.name, policies: [...digests.keys()] },
        'site file written',
      );
    }
    this.#written();
    const failures: unknown[] = [];
    const trying: Trying = async (act) => {
      try {
        await act();
      } catch (reason) {
        failures.push(reason);
      }
    };
    await trying(() => this.#tellLinks(all));
    await this.#tellStatuses(all, objects, trying);
    await this.#tellWires(trying);
    if (failures.length > 0) throw failures[0];
  }

  async #tellStatuses(all: Desired, objects: Spoken, trying: Trying): Promise<void> {
    // Whoever is no Node any more is silent, or would say again what the node before it takes away.
    if (!this.#watched.isNode) return;
    const { told } = this.#forwarder;
    for (const site of objects.sites) {
      await trying(() => this.#statuses.site(site, all.verdicts.get(keyOf(site)), all, told));
    }
    for (const one of objects.policies) {
      await trying(() => this.#statuses.policy(one, all.verdicts.get(keyOf(one)), all, told));
    }
    const gone = this.#next.gone(speakers(objects));
    if (gone === undefined) return;
    this.#log.info({ gone }, 'a node is gone, and what it said of Sites and policies');
    await trying(() => this.#statuses.forget(gone, objects));
  }

  /** Each change of a link's state is an Event of the Site, and what sessions did for it. */
  async #tellLinks({ site }: Desired): Promise<void> {
    const { links, strands, moves, isRunning } = this.#forwarder.told;
    if (site === undefined || !isRunning) return;
    const nowMs = clock.now();
    this.#moved.count(moves, strands, nowMs);
    const happened = [
      ...happenings(this.#links, links, strands, this.#node),
      ...this.#moved.take(nowMs, this.#node),
    ];
    if (this.#moved.dueMs < Infinity) this.#soon(this.#moved.dueMs - nowMs);
    this.#links = new Map(links.map(({ name, state }) => [name, state]));
    for (const one of happened) this.#log.info({ ...one }, 'link');
    // What could not be told is told later.
    this.#happened = [...this.#happened, ...happened].slice(-mostWaiting);
    for (;;) {
      const [one, ...rest] = this.#happened;
      if (one === undefined) return;
      const isTold = await this.#events.tell(site, one);
      if (!isTold) this.#log.warn({ link: one.link }, 'no Event of it: too many in a minute');
      this.#happened = rest;
    }
  }

  async #tellWires(trying: Trying): Promise<void> {
    const { wires: told, strands, isRunning } = this.#forwarder.told;
    const { pods, wires: known } = this.#watched;
    if (told === undefined || !isRunning || !pods.isCurrent || !known.isCurrent) return;
    const wanted = wireObjects(told, { node: this.#node, pods: pods.items, strands });
    const { put, gone } = changesOf(known.items, wanted);
    const options = { fieldManager: 'wanwire-node-agent' };
    const acts = [
      ...gone.map(({ metadata: { name, namespace, uid } }) => {
        const place = { name, namespace, ...(uid === undefined ? {} : { uid }) };
        return () => this.#cluster.remove(wires, place);
      }),
      ...put.map((wire) => () => this.#cluster.apply(wires, wire, options)),
    ];
    const worker = async (): Promise<void> => {
      for (let act = acts.shift(); act !== undefined; act = acts.shift()) await trying(act);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }
}
