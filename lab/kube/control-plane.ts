// SPDX-License-Identifier: Apache-2.0
/**
 * A real API server with its etcd: certificates of its own, RBAC and Pod Security admission on. What
 * it writes is in one temporary folder; its processes end with us.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  clusterAuthority,
  tokenKeys,
  type ClusterAuthority,
  type KeyPair,
} from './certificates.js';
import { child, until, type Child } from './child.js';
import { writeKubeconfig } from './kubeconfig.js';
import { kubectlOf, type Kubectl } from './kubectl.js';
import { kubePrograms, type KubePrograms } from './programs.js';

/** A busy machine may take its time: 2 s on an idle one. */
const readyWithinMs = 60_000;
/** Where services are; the API server itself is the first of them. */
const services = '10.96.0.0/16';
/** The address of the service `kubernetes`, as pods see it. */
export const kubernetesService = '10.96.0.1';
/** For examples: nobody connects to what is published there. */
const nowhere = '192.0.2.1';

/** How it is started; everything may be left out. */
export interface ControlPlaneOptions {
  /** /run/netns/NAME; the caller's where not given. */
  readonly netns?: string;
  /** Where clients reach it, and what it listens on: 127.0.0.1 and a free port, or every address of a namespace of its own. */
  readonly address?: string;
  readonly port?: number;
  /** What pods are told is the API server's address; nobody's where not given. */
  readonly advertise?: string;
  /** More for kube-apiserver, such as `--watch-cache=false`. */
  readonly apiServerArgs?: readonly string[];
}

/** One that answers. */
export interface ControlPlane extends AsyncDisposable {
  /** The temporary folder; gone with the control plane. */
  readonly folder: string;
  /** https://ADDRESS:PORT. */
  readonly url: string;
  /** The admin's (group system:masters). */
  readonly kubeconfig: string;
  readonly authority: ClusterAuthority;
  /** Paths of its certificate and key. */
  readonly authorityFiles: { readonly certificate: string; readonly key: string };
  readonly programs: KubePrograms;
  /** As the admin. */
  readonly kubectl: Kubectl;
  /** Of the service accounts' tokens: the file of the key that signs them. */
  readonly tokenKey: string;
  /** Rejects when a process ends by itself. */
  readonly broken: Promise<never>;
  /** The path of a kubeconfig for another user, such as one with few rights. */
  user(name: string, groups?: readonly string[]): Promise<string>;
  /** End the API server alone, at once: clients find nobody; etcd keeps everything. */
  stopApiServer(): Promise<void>;
  /** Start it again, at the same address; resolves when it answers. */
  startApiServer(): Promise<void>;
  /** End everything and remove the folder; also twice. */
  stop(): Promise<void>;
}

/** Start etcd and an API server; resolves when it is ready. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const programs = await kubePrograms();
  await sweep();
  const folder = await mkdtemp(join(tmpdir(), `wanwire-kube-${String(process.pid)}-`));
  const children: Child[] = [];
  const stop = async (): Promise<void> => {
    // The last one started first: an API server without etcd complains.
    for (const one of children.toReversed()) await one.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return await open(options, programs, folder, children, stop);
  } catch (reason) {
    await stop();
    throw reason;
  }
}

async function open(
  options: ControlPlaneOptions,
  programs: KubePrograms,
  folder: string,
  children: Child[],
  stop: () => Promise<void>,
): Promise<ControlPlane> {
  const { netns, address = '127.0.0.1' } = options;
  const own = netns !== undefined;
  // In a namespace of its own every port is free.
  const [etcdPort, peerPort, freePort] = own ? [2379, 2380, 443] : await freePorts();
  const port = options.port ?? freePort;
  const url = `https://${address}:${String(port)}`;
  const hosts = ['127.0.0.1', '::1', 'localhost', 'kubernetes', 'kubernetes.default'];
  const authority = await clusterAuthority();
  const [server, tokens, kubelet] = await Promise.all([
    authority.issue({
      name: 'kube-apiserver',
      hosts: [...hosts, 'kubernetes.default.svc', kubernetesService, address],
    }),
    tokenKeys(),
    authority.issue({ name: 'kube-apiserver-kubelet-client', groups: ['system:masters'] }),
  ]);
  const file = (name: string): string => join(folder, name);
  await mkdir(file('logs'));
  const ca = file('ca.crt');
  const [tokenKey, tokenPublic] = await Promise.all([
    write(file('tokens.key'), tokens.key),
    write(file('tokens.pub'), tokens.publicKey),
    writePair(folder, 'ca', authority.pair),
    writePair(folder, 'server', server),
    writePair(folder, 'kubelet-client', kubelet),
  ]);
  const kubeconfig = await writeKubeconfig(file('admin.kubeconfig'), authority, url, {
    name: 'admin',
    groups: ['system:masters'],
  });
  const kubectl = kubectlOf({
    ...{ program: programs('kubectl'), kubeconfig, cache: file('kubectl') },
    ...(own && { netns }),
  });
  const etcdUrl = `http://127.0.0.1:${String(etcdPort)}`;
  const peerUrl = `http://127.0.0.1:${String(peerPort)}`;
  const etcd = await child({
    ...{ name: 'etcd', program: 'etcd', log: file('logs/etcd.log'), ...(own && { netns }) },
    args: [
      ...['--name=lab', `--data-dir=${file('etcd')}`, '--logger=zap', '--log-level=warn'],
      ...[`--listen-client-urls=${etcdUrl}`, `--advertise-client-urls=${etcdUrl}`],
      ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
      `--initial-cluster=lab=${peerUrl}`,
    ],
  });
  children.push(etcd);
  let fail: (reason: unknown) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => (fail = reject));
  broken.catch(() => undefined);
  etcd.broken.catch(fail);

  let apiServer: Child | undefined;
  const startApiServer = async (): Promise<void> => {
    const started = await child({
      ...{ name: 'kube-apiserver', program: programs('kube-apiserver') },
      ...{ log: file('logs/kube-apiserver.log'), ...(own && { netns }) },
      // Told to end it waits a minute for watches, which never end: it was killed anyway, 10 s later.
      stopBy: 'SIGKILL',
      args: [
        `--etcd-servers=${etcdUrl}`,
        ...[`--bind-address=${own ? '0.0.0.0' : address}`, `--secure-port=${String(port)}`],
        `--advertise-address=${options.advertise ?? nowhere}`,
        `--endpoint-reconciler-type=${options.advertise === undefined ? 'none' : 'lease'}`,
        ...[
          `--tls-cert-file=${file('server.crt')}`,
          `--tls-private-key-file=${file('server.key')}`,
        ],
        ...[`--client-ca-file=${ca}`, `--service-cluster-ip-range=${services}`],
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-account-key-file=${tokenPublic}`,
        `--service-account-signing-key-file=${tokenKey}`,
        `--kubelet-client-certificate=${file('kubelet-client.crt')}`,
        `--kubelet-client-key=${file('kubelet-client.key')}`,
        ...[
          `--kubelet-certificate-authority=${ca}`,
          '--kubelet-preferred-address-types=InternalIP',
        ],
        ...['--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction'],
        // Nobody serves the addresses of services here: webhooks are called at those of their pods.
        ...['--allow-privileged=true', '--profiling=false', '--enable-aggregator-routing=true'],
        ...(options.apiServerArgs ?? []),
      ],
    });
    children.push(started);
    apiServer = started;
    started.broken.catch(fail);
    await until(
      'the API server is not ready',
      () =>
        kubectl(['get', '--raw=/readyz']).then(
          () => true,
          (reason: unknown) => String(reason),
        ),
      readyWithinMs,
      Promise.race([started.broken, etcd.broken]),
    );
  };
  await startApiServer();
  return {
    ...{ folder, url, kubeconfig, authority, programs, kubectl, tokenKey, broken },
    authorityFiles: { certificate: ca, key: file('ca.key') },
    user: (name, groups = []) =>
      writeKubeconfig(file(`${name.replaceAll(/[^\w.-]/g, '-')}.kubeconfig`), authority, url, {
        name,
        groups,
      }),
    async stopApiServer() {
      await apiServer?.stop();
    },
    startApiServer,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Folders of clusters whose process is no more: it was killed. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = /^wanwire-kube-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** Write what only root may read; resolves to the path. */
async function write(path: string, text: string): Promise<string> {
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

async function writePair(folder: string, name: string, pair: KeyPair): Promise<void> {
  await write(join(folder, `${name}.crt`), pair.certificate);
  await write(join(folder, `${name}.key`), pair.key);
}

/** Three that nobody listens on now. */
async function freePorts(): Promise<readonly [number, number, number]> {
  const servers = [createServer(), createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const at = server.address();
            resolve(typeof at === 'object' && at !== null ? at.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  const [a = 0, b = 0, c = 0] = ports;
  return [a, b, c];
}
