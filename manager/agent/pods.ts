// SPDX-License-Identifier: Apache-2.0
/**
 * The pods of this node, and which of them a container is of.
 *
 * It needs list and watch of pods in all namespaces; only those of this node are asked for.
 */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import { informer, type Informer } from '../../api/k8s/informer.js';
import { pods } from '../../api/k8s/resources.js';
import type { Cluster, KubeObject } from '../../api/k8s/types.js';
import type { Logger } from '../../api/log/log.js';
import type { Container } from './container.js';

/** A pod, as far as it says which containers are its. */
interface Pod extends KubeObject {
  readonly status?: {
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
  };
}
interface ContainerStatus {
  readonly containerID?: string;
}

/** What pods are asked of. */
export interface NodePodsOptions {
  readonly cluster: Cluster;
  /** As Kubernetes calls it (`NODE_NAME`). */
  readonly node: string;
  /** Our own pod, where we are in one. */
  readonly own: { readonly namespace: string; readonly name: string } | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a container may be unknown that has just started (10,000), in milliseconds. */
  readonly waitMs?: number;
}

/** Who is in which pod. */
export interface NodePods extends Disposable {
  /**
   * The path of the SPIFFE ID of a container's pod: `/ns/NAMESPACE/pod/NAME`. Waits where the kubelet
   * has not yet said of which pod it is. PERMISSION_DENIED where nobody says, UNAVAILABLE where
   * the API server does not tell.
   */
  pathOf(container: Container, signal: AbortSignal): Promise<string>;
  /** Our own. */
  readonly ownPath: string | undefined;
  /** Whether a SPIFFE ID is that of a pod that is not on this node, as far as anybody knows it surely. */
  isGone(id: string): boolean;
  /** Told when a pod has gone. */
  onGone(listener: () => void): () => void;
}

/** Watch the pods of a node. */
export function nodePods(options: NodePodsOptions): NodePods {
  const { cluster, node, own, clock, log, waitMs = 10_000 } = options;
  const fieldSelector = `spec.nodeName=${node}`;
  const known = informer<Pod>(cluster, pods, { fieldSelector, clock, log });
  let isSynced = false;
  known.synced.then(
    () => (isSynced = true),
    () => undefined,
  );
  return {
    ownPath: own && pathOfPod(own),
    async pathOf(container, signal) {
      const find = (): string | undefined => {
        const pod = known.items.find((one) => isOf(one, container));
        return pod && pathOfPod({ namespace: 'default', ...pod.metadata });
      };
      const path = find() ?? (await soon(known, find, { clock, waitMs, signal }));
      if (path !== undefined) return path;
      const { podUid = 'unknown', id = 'unknown' } = container;
      const what = `no identity issued: pod uid ${podUid}, container ${id}`;
      if (!known.isCurrent) {
        const why = known.trouble?.message ?? 'no answer yet';
        throw new WireError(
          status.UNAVAILABLE,
          `${what}: the pods of node ${node} are not known now: ${why}`,
        );
      }
      throw new WireError(status.PERMISSION_DENIED, `${what} is of no pod of node ${node}`);
    },
    isGone(id) {
      const [, namespace, name] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/pod\/([^/]+)$/.exec(id) ?? [];
      if (name === undefined || !isSynced || !known.isCurrent) return false;
      return known.get({ name, namespace }) === undefined;
    },
    onGone: (listener) =>
      known.onChange(({ type }) => {
        if (type === 'deleted') listener();
      }),
    [Symbol.dispose]: () => {
      known[Symbol.dispose]();
    },
  };
}

function pathOfPod({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  return `/ns/${namespace}/pod/${name}`;
}

/** By the pod where its cgroup names it, else by the container. */
function isOf({ metadata, status: of }: Pod, { podUid, id }: Container): boolean {
  if (podUid !== undefined) {
    // A static pod's cgroup has the hash of its file, and the API's own copy another uid.
    const hash = metadata.annotations?.['kubernetes.io/config.hash'];
    return metadata.uid === podUid || hash === podUid;
  }
  const all = [
    ...(of?.containerStatuses ?? []),
    ...(of?.initContainerStatuses ?? []),
    ...(of?.ephemeralContainerStatuses ?? []),
  ];
  return (
    id !== undefined && all.some(({ containerID }) => containerID?.endsWith(`//${id}`) === true)
  );
}

interface Patience {
  readonly clock: Clock;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** What is found within the time. */
async function soon<T>(
  known: Informer<Pod>,
  find: () => T | undefined,
  { clock, waitMs, signal }: Patience,
): Promise<T | undefined> {
  return await new Promise((resolve) => {
    const end = (found: T | undefined): void => {
      off();
      timer.cancel();
      signal.removeEventListener('abort', stop);
      resolve(found);
    };
    const stop = (): void => {
      end(undefined);
    };
    const off = known.onChange(() => {
      const found = find();
      if (found !== undefined) end(found);
    });
    const timer = clock.after(waitMs, stop);
    signal.addEventListener('abort', stop, { once: true });
  });
}
