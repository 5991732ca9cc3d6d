// SPDX-License-Identifier: Apache-2.0
/**
 * The stage of the demo of Kubernetes: the lab of two sites, of which the edge's node is a node of a real
 * cluster, and the cloud's runs `wanwire up`. Leaves nothing.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { version } from '../../../api/version.js';
import { startNode, type KubeNode, type NodeOptions } from '../../../lab/kube/node.js';
import { Sites, slowLab } from '../sites.js';
import { system } from './objects.js';

const exec = promisify(execFile);
/** A busy machine may take its time. */
const patienceMs = 90_000;

/** The image of all processes. */
export const image = `wanwire:${version}`;

/** What came back of pings. */
export interface Pinged {
  readonly sent: number;
  readonly lost: number;
}

/** See the head of this file. */
export class Cluster implements AsyncDisposable {
  readonly sites: Sites;
  readonly node: KubeNode;
  readonly #wanwire: string;

  private constructor(sites: Sites, node: KubeNode, wanwire: string) {
    this.sites = sites;
    this.node = node;
    this.#wanwire = wanwire;
  }

  /** The lab, and a node that is ready with the images on it; nothing of wanwire runs yet. */
  static async open(
    wanwire: string,
    signal: AbortSignal,
    how: Pick<NodeOptions, 'podCgroups'> = {},
  ): Promise<Cluster> {
    const images = ['pause', 'tools', 'wanwire'].map(archive);
    const sites = await Sites.open(wanwire, signal, slowLab());
    try {
      const netns = sites.lab.node('edge').path;
      const node = await startNode({ name: 'edge', netns, images, ...how });
      return new Cluster(sites, node, wanwire);
    } catch (reason) {
      await sites[Symbol.asyncDispose]();
      throw reason;
    }
  }

  /** kubectl; rejects with what it complains of. */
  kubectl(...args: readonly string[]): Promise<string> {
    return this.node.kubectl(args);
  }

  /** `kubectl apply -f -`. */
  apply(...objects: readonly string[]): Promise<string> {
    return this.node.kubectl(['apply', '-f', '-'], objects.join('---\n'));
  }

  /** What `kubectl get ... -o json` tells. */
  async get<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl('get', ...args, '-o', 'json')) as T;
  }

  /** Apply the kustomization of this repository, and wait for what it starts. */
  async deploy(): Promise<void> {
    await this.kubectl('apply', '-k', kustomization());
    await this.settled();
  }

  /** Everything of wanwire is ready. */
  async settled(): Promise<void> {
    const within = `--timeout=${String(patienceMs / 1000)}s`;
    for (const one of ['daemonset/wanwire', 'deployment/wanwire-webhook']) {
      await this.kubectl('-n', system, 'rollout', 'status', one, within);
    }
  }

  /** Run wanwire's pods on the nodes from the same image by another tag, as an upgrade does; resolves when they are ready. */
  async upgrade(tag: string): Promise<void> {
    const other = `${image.replace(/:.*$/, '')}:${tag}`;
    const full = (name: string): string => `docker.io/library/${name}`;
    await this.node.exec(
      'ctr',
      '-n',
      'k8s.io',
      'images',
      'tag',
      '--force',
      full(image),
      full(other),
    );
    await this.kubectl('-n', system, 'set', 'image', 'daemonset/wanwire', `*=${other}`);
    await this.settled();
  }

  /** Delete what {@link deploy} applied. */
  async undeploy(): Promise<void> {
    const within = `--timeout=${String(patienceMs / 1000)}s`;
    await this.kubectl('delete', '-k', kustomization(), '--wait=true', within);
  }

  /** Give the cluster the cloud's bundle. */
  async takeBundle(): Promise<void> {
    const bundle = await this.#run('trust', 'export', '--dir', this.sites.trustFolder('cloud'));
    const data = { 'cloud.json': bundle };
    const metadata = { name: 'wanwire-trust-bundles', namespace: system };
    await this.apply(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }));
  }

  /** Give the cloud the bundle of the cluster's authority, once there is one of this Site. */
  async giveBundle(): Promise<void> {
    const within = ['-n', system, 'exec', 'daemonset/wanwire', '-c', 'manager', '--'];
    const folder = '/var/lib/wanwire/edge/trust';
    const bundle = await this.eventually('the bundle of the cluster', () =>
      this.kubectl(...within, '/usr/bin/wanwire', 'trust', 'export', '--dir', folder),
    );
    const path = this.sites.world.path('edge.json');
    await writeFile(path, bundle);
    await this.#run('trust', 'import', '--dir', this.sites.trustFolder('cloud'), path);
  }

  /** Resolves when a pod is ready, to the time from now in milliseconds; rejects with what is known of one that is not. */
  async ready(pod: string): Promise<number> {
    const began = performance.now();
    const within = `--timeout=${String(patienceMs / 1000)}s`;
    try {
      await this.kubectl('wait', '--for=condition=Ready', `pod/${pod}`, within);
    } catch (reason) {
      const about = [
        ['describe', 'pod', pod],
        ['logs', pod, '-c', 'nsc-init', '--tail=5'],
      ];
      const known = await Promise.all(
        about.map((one) => this.kubectl(...one).catch((why: unknown) => String(why))),
      );
      const told = known.map((text) => text.trimEnd().split('\n').slice(-10).join('\n'));
      throw new Error([String(reason), ...told].join('\n'), { cause: reason });
    }
    return performance.now() - began;
  }

  /** The process of a pod's container, in the node. */
  async pidOf(pod: string, container = 'app', namespace = 'default'): Promise<string> {
    type Statuses = readonly { name: string; containerID?: string }[];
    interface Pod {
      readonly status: {
        readonly containerStatuses?: Statuses;
        readonly initContainerStatuses?: Statuses;
      };
    }
    const { status } = await this.get<Pod>('-n', namespace, 'pod', pod);
    const all = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
    const found = all.find(({ name }) => name === container);
    const id = found?.containerID?.replace(/^.*\/\//, '');
    const tasks = await this.node.exec('ctr', '-n', 'k8s.io', 'tasks', 'ls');
    const line = tasks.split('\n').find((one) => id !== undefined && one.startsWith(id));
    const pid = line?.split(/\s+/)[1];
    if (pid === undefined)
      throw new Error(`the pod ${pod} has no container ${container} that runs`);
    return pid;
  }

  /** Run a program of the node in a pod's network. */
  async inPod(pod: string, ...command: readonly string[]): Promise<string> {
    return this.node.exec('nsenter', '-t', await this.pidOf(pod), '-n', ...command);
  }

  /** Ping from a pod, fifty times a second, until the change is made and `least` were sent. */
  async pingWhile(
    pod: string,
    address: string,
    change: () => Promise<unknown>,
    least = 100,
  ): Promise<Pinged> {
    const command = [
      'ping',
      '-n',
      '-q',
      '-s',
      '1000',
      '-i',
      '0.02',
      '-c',
      '50',
      '-W',
      '2',
      address,
    ];
    const pid = await this.pidOf(pod);
    const total = { sent: 0, lost: 0 };
    let made = false as boolean;
    const changed = sleep(200)
      .then(change)
      .finally(() => (made = true));
    changed.catch(() => undefined);
    while (!made || total.sent < least) {
      const said = await this.node.exec(
        'nsenter',
        '-t',
        pid,
        '-n',
        'sh',
        '-c',
        '"$@" || true',
        'sh',
        ...command,
      );
      const [, sent, received] =
        /(\d+) packets transmitted, (\d+) received/.exec(said)?.map(Number) ?? [];
      if (sent === undefined || received === undefined) throw new Error(`ping ${address}: ${said}`);
      total.sent += sent;
      total.lost += sent - received;
    }
    await changed;
    return total;
  }

  /** Ask again until it answers; rejects with its last complaint after 90 s. */
  async eventually<T>(what: string, ask: () => Promise<T>): Promise<T> {
    const late = performance.now() + patienceMs;
    for (;;) {
      try {
        return await Promise.race([ask(), this.node.broken]);
      } catch (reason) {
        if (performance.now() > late) {
          throw new Error(`waited for ${what}: ${String(reason)}`, { cause: reason });
        }
        await sleep(200);
      }
    }
  }

  /** What `wanwire status --kube` says. */
  async status(): Promise<string> {
    const { path } = this.sites.lab.node('edge');
    const words = ['status', '--kube', '--kubeconfig', this.node.plane.kubeconfig];
    const line = [`--net=${path}`, process.execPath, this.#wanwire, ...words];
    return (await exec('nsenter', line)).stdout;
  }

  /** Throws what is still there of it once it is over. */
  mustBeGone(): void {
    this.sites.mustBeGone();
    if (existsSync(this.node.plane.folder)) throw new Error(`${this.node.plane.folder} is left`);
  }

  async #run(...args: readonly string[]): Promise<string> {
    const { stdout } = await exec(process.execPath, [this.#wanwire, ...args]);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.node.stop();
    } finally {
      await this.sites[Symbol.asyncDispose]();
    }
  }
}

/** deploy/kustomize/standalone. */
export function kustomization(): string {
  return dirname(createRequire(import.meta.url).resolve('#deploy'));
}

function archive(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(`#images/${name}.tar`);
  } catch {
    throw new Error(`build/images has no ${name}.tar: bash scripts/setup.sh kube makes it`);
  }
}
