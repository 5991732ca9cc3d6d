// SPDX-License-Identifier: Apache-2.0
/**
 * A whole cluster of one node in a network namespace that is there: control plane, controllers,
 * scheduler, containerd and the kubelet, all real. Pods have their network from CNI's bridge; there is
 * no kube-proxy and no name server, only the API server has its service's address.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Commands } from '../commands.js';
import { openBox, type Box } from './box.js';
import { child, until, type Child } from './child.js';
import { kubernetesService, startControlPlane, type ControlPlane } from './control-plane.js';
import { writeKubeconfig } from './kubeconfig.js';
import { containerdSocket, writeNodeFiles, type NodeFiles } from './node-files.js';

/** The node's own address, on {@link device}; nobody but the cluster has it. */
const address = '10.97.0.1';
const device = 'kube0';
const readyWithinMs = 60_000;

/** How it is started. */
export interface NodeOptions {
  /** The node's name. */
  readonly name: string;
  /** /run/netns/NAME. */
  readonly netns: string;
  /** OCI archives, as scripts/image.js makes them; the pause image must be among them. */
  readonly images: readonly string[];
  /** More for kube-apiserver. */
  readonly apiServerArgs?: readonly string[];
  /** Each pod has a cgroup of its own: SPIRE's agent knows pods by them. No where not given. */
  readonly podCgroups?: boolean;
}

/** One whose node is ready. */
export interface KubeNode extends AsyncDisposable {
  readonly name: string;
  readonly plane: ControlPlane;
  readonly kubectl: ControlPlane['kubectl'];
  /** Rejects when a process of the control plane or of the node ends by itself. */
  readonly broken: Promise<never>;
  /** Run a program in the node, as one who is logged in there. */
  exec(program: string, ...args: readonly string[]): Promise<string>;
  /** The power fails: pods, memory and interfaces are gone, what was on disk stays. It does not start by itself. */
  powerOff(): Promise<void>;
  /** Start it again; resolves when the kubelet runs. */
  powerOn(): Promise<void>;
  /** End everything; nothing is left, neither here nor in the network namespace. */
  stop(): Promise<void>;
}

/** Start it; resolves when the node is ready for pods. */
export async function startNode(options: NodeOptions): Promise<KubeNode> {
  const { name, netns } = options;
  const commands = new Commands();
  const within = netns.replace('/run/netns/', '');
  const links = async (): Promise<readonly string[]> => {
    const said = await commands.run('ip', ['-netns', within, '-json', 'link', 'show']);
    return (JSON.parse(said) as { ifname: string }[]).map(({ ifname }) => ifname);
  };
  const before = new Set(await links());
  const removeLinks = async (spared: ReadonlySet<string>): Promise<void> => {
    for (const link of await links()) {
      // One of a pair takes the other with it.
      if (!spared.has(link)) await commands.ip([`link del ${link}`], within).catch(() => undefined);
    }
  };
  await commands.ip(
    [
      `link add ${device} type bridge`,
      `addr add ${address}/32 dev ${device}`,
      `addr add ${kubernetesService}/32 dev ${device}`,
      `link set ${device} up`,
      'link set lo up',
    ],
    within,
  );
  const undo: (() => Promise<void>)[] = [() => removeLinks(before)];
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
  };
  try {
    const plane = await startControlPlane({
      ...{ netns, address: kubernetesService, port: 443, advertise: address },
      ...(options.apiServerArgs && { apiServerArgs: options.apiServerArgs }),
    });
    undo.push(() => plane.stop());
    const files = await nodeFiles(plane, name, options.podCgroups ?? false);
    const node = new Machine({ name, netns, plane, files });
    undo.push(() => node.stop());
    for (const one of await controllers(plane, netns)) {
      undo.push(() => one.stop());
      one.broken.catch(node.fail);
    }
    plane.broken.catch(node.fail);
    await node.start();
    for (const image of options.images) await node.import(image);
    await ready(plane, name, node.broken);
    return {
      ...{ name, plane, kubectl: plane.kubectl, broken: node.broken, stop },
      exec: (program, ...args) => node.exec(program, ...args),
      async powerOff() {
        await node.stop();
        await removeLinks(new Set([...before, device]));
      },
      powerOn: () => node.start(),
      [Symbol.asyncDispose]: stop,
    };
  } catch (reason) {
    await stop();
    throw reason;
  }
}

/** What runs in the box. */
class Machine {
  readonly broken: Promise<never>;
  fail: (reason: unknown) => void = () => undefined;
  readonly #options: Readonly<{
    name: string;
    netns: string;
    plane: ControlPlane;
    files: NodeFiles;
  }>;
  #box: Box | undefined;
  #running: Child[] = [];

  constructor(options: { name: string; netns: string; plane: ControlPlane; files: NodeFiles }) {
    this.#options = options;
    this.broken = new Promise<never>((_, reject) => (this.fail = reject));
    this.broken.catch(() => undefined);
  }

  async start(): Promise<void> {
    const { name, netns, plane, files } = this.#options;
    const box = await openBox({ name, netns, folder: join(plane.folder, 'disk') });
    this.#box = box;
    const log = (one: string): string => join(plane.folder, 'logs', `${one}.log`);
    const containerd = await box.start({
      ...{ name: 'containerd', program: 'containerd', log: log('containerd') },
      args: ['--config', files.containerd],
    });
    this.#took(containerd);
    await until(
      'containerd does not answer',
      () =>
        this.ctr('version').then(
          () => true,
          (reason: unknown) => String(reason),
        ),
      readyWithinMs,
      containerd.broken,
    );
    this.#took(
      await box.start({
        ...{ name: 'kubelet', program: plane.programs('kubelet'), log: log('kubelet') },
        args: [
          ...[`--config=${files.kubelet}`, `--kubeconfig=${files.kubeconfig}`],
          ...[`--hostname-override=${name}`, `--node-ip=${address}`],
        ],
      }),
    );
  }

  async stop(): Promise<void> {
    for (const one of this.#running.toReversed()) await one.stop();
    this.#running = [];
    await this.#box?.stop();
    this.#box = undefined;
  }

  exec(program: string, ...args: readonly string[]): Promise<string> {
    if (this.#box === undefined) throw new Error('the node is off');
    return this.#box.exec(program, ...args);
  }

  ctr(...args: readonly string[]): Promise<string> {
    return this.exec('ctr', '--address', containerdSocket, '--namespace', 'k8s.io', ...args);
  }

  async import(archive: string): Promise<void> {
    await this.ctr('images', 'import', archive);
  }

  #took(one: Child): void {
    one.broken.catch(this.fail);
    this.#running.push(one);
  }
}

async function nodeFiles(
  plane: ControlPlane,
  name: string,
  podCgroups: boolean,
): Promise<NodeFiles> {
  const folder = join(plane.folder, 'node');
  await mkdir(folder);
  return writeNodeFiles(plane, { name, address, folder, podCgroups });
}

async function controllers(plane: ControlPlane, netns: string): Promise<readonly Child[]> {
  const file = (one: string): string => join(plane.folder, one);
  const { certificate, key } = plane.authorityFiles;
  return Promise.all(
    (['kube-controller-manager', 'kube-scheduler'] as const).map(async (name) => {
      const kubeconfig = await writeKubeconfig(
        file(`${name}.kubeconfig`),
        plane.authority,
        plane.url,
        { name: `system:${name}` },
      );
      const more =
        name === 'kube-scheduler'
          ? []
          : [
              `--service-account-private-key-file=${plane.tokenKey}`,
              ...[`--root-ca-file=${certificate}`, '--use-service-account-credentials=true'],
              ...[
                `--cluster-signing-cert-file=${certificate}`,
                `--cluster-signing-key-file=${key}`,
              ],
            ];
      return child({
        ...{ name, program: plane.programs(name), netns, log: file(`logs/${name}.log`) },
        args: [
          ...[`--kubeconfig=${kubeconfig}`, '--bind-address=127.0.0.1', '--leader-elect=false'],
          ...more,
        ],
      });
    }),
  );
}

async function ready(plane: ControlPlane, name: string, broken: Promise<never>): Promise<void> {
  const condition = `{.status.conditions[?(@.type=="Ready")].status}`;
  const query = ['get', 'node', name, '-o', `jsonpath=${condition} {.spec.taints[*].key}`];
  await until(
    `the node ${name} is not ready`,
    () =>
      plane.kubectl(query).then(
        (said) => said.trim() === 'True' || said,
        (reason: unknown) => String(reason),
      ),
    readyWithinMs,
    broken,
  );
  // Pods wait for it.
  await until(
    'there is no service account',
    () =>
      plane.kubectl(['get', 'serviceaccount', 'default', '-o', 'name']).then(
        () => true,
        (reason: unknown) => String(reason),
      ),
    readyWithinMs,
    broken,
  );
}
