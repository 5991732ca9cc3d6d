// SPDX-License-Identifier: Apache-2.0
/** What the webhook knows of namespaces: their annotations and how strict they are. */
import type { VolumeKind } from './settings.js';

/** Of one namespace. */
export interface NamespaceFacts {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Where they are looked up. */
export interface Namespaces {
  /** Nothing where there is none of that name; rejects where nobody can be asked. */
  get(name: string): Promise<NamespaceFacts | undefined>;
}

const enforced = 'pod-security.kubernetes.io/enforce';

/** By CSI where the host's folders are forbidden. */
export function volumesIn(namespace: NamespaceFacts | undefined): VolumeKind {
  const level = namespace?.labels[enforced];
  return level === 'baseline' || level === 'restricted' ? 'csi' : 'host-path';
}
