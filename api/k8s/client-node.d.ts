// SPDX-License-Identifier: Apache-2.0
/**
 * What we use of `@kubernetes/client-node`: its configuration. Its own declarations are those of
 * all kinds of objects and want types we do not have; `paths` in tsconfig.json leads here.
 */
import type { RequestOptions } from 'node:https';

interface Named {
  readonly name: string;
}

/** A kubeconfig, or a pod's service account. */
export declare class KubeConfig {
  loadFromFile(file: string): void;
  loadFromCluster(pathPrefix?: string): void;
  loadFromDefault(): void;
  getContexts(): readonly Named[] | undefined;
  getCurrentContext(): string;
  setCurrentContext(context: string): void;
  getContextObject(name: string): (Named & { readonly namespace?: string }) | null;
  getCurrentCluster(): (Named & { readonly server: string; readonly proxyUrl?: string }) | null;
  /** Adds headers, certificates and a new agent. */
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
}
