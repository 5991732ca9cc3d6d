// SPDX-License-Identifier: Apache-2.0
/**
 * Which container a process is in, by its cgroups: of both versions, of the kubelet's drivers `systemd` and
 * `cgroupfs`, of containerd, CRI-O and docker, with cgroups for each pod and without, seen from the
 * host or from another container's cgroup namespace (`/../..`).
 *
 * The outermost names count: what a container makes beneath its own cgroup it may name as it likes.
 */

/** What a cgroup path tells of a pod. */
export interface Container {
  /** Nothing where the kubelet makes no cgroups for pods. */
  readonly podUid: string | undefined;
  /** 64 hex digits; nothing in a pod's cgroup but outside of its containers. */
  readonly id: string | undefined;
}

const uid =
  /^(?:kubepods(?:-[a-z]+)?-)?pod([0-9a-f]{8}[-_]?(?:[0-9a-f]{4}[-_]?){3}[0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/;
const container =
  /^(?:(?:cri-containerd|crio|crio-conmon|docker|libpod)-)?([0-9a-f]{64})(?:\.scope)?$/;
/** cgroup 2 and the driver `systemd` with a prefix that says whose slice it is: `slice:cri-containerd:ID`. */
const colons = /(?:^|:)cri-containerd:([0-9a-f]{64})$/;

/** Of the text of /proc/PID/cgroup; nothing where the process is in no container. */
export function containerOf(text: string): Container | undefined {
  for (const line of inOrder(text)) {
    const found = inPath(line.split(':').slice(2).join(':'));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Of version 2 first, then systemd's, then whichever there are. */
function inOrder(text: string): readonly string[] {
  const rank = (line: string): number =>
    line.startsWith('0::') ? 0 : /^\d+:name=systemd:/.test(line) ? 1 : 2;
  return text
    .split('\n')
    .filter((line) => line !== '')
    .toSorted((a, b) => rank(a) - rank(b));
}

function inPath(path: string): Container | undefined {
  const parts = path.split('/');
  const atPod = parts.findIndex((part) => uid.test(part));
  const podUid = uid.exec(parts[atPod] ?? '')?.[1];
  const idOf = (part: string): string | undefined =>
    (container.exec(part) ?? colons.exec(part))?.[1];
  // Only its own cgroup stands directly beneath the pod's.
  const first = atPod >= 0 ? parts[atPod + 1] : parts.find((part) => idOf(part) !== undefined);
  const id = first === undefined ? undefined : idOf(first);
  if (podUid === undefined && id === undefined) return undefined;
  return { podUid: podUid?.replaceAll('_', '-'), id };
}
