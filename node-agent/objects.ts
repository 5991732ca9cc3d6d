// SPDX-License-Identifier: Apache-2.0
/** The objects that the node-agent reads and writes, as far as it looks at them. */
import type { KubeObject } from '../api/k8s/types.js';

/** As every status of Kubernetes has it. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
}

/** What one node says of an object; each node writes its own entry. */
export interface NodeEntry {
  readonly node: string;
  readonly accepted: boolean;
  /** In one word, as a condition's. */
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

/** A node's entry of a Site. */
export interface SiteNode extends NodeEntry {
  /** Of the site's links there: `2/2` can be used. */
  readonly links: string;
  /** Whether the forwarder there answers. */
  readonly forwarder: 'Running' | 'Away';
}

/** A node's entry of a SteeringPolicy. */
export interface PolicyNode extends NodeEntry {
  readonly programmed: boolean;
}

/** A link of a Site on one node. */
export interface LinkStatus {
  readonly node: string;
  readonly name: string;
  readonly state: 'up' | 'degraded' | 'down';
  readonly rttMs?: number;
  readonly jitterMs?: number;
  readonly lossPercent?: number;
}

/** `kind: Site`. */
export interface SiteObject extends KubeObject {
  readonly spec?: { readonly nodeSelector?: unknown } & Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly nodes?: readonly SiteNode[];
    readonly links?: readonly LinkStatus[];
  };
}

/** `kind: SteeringPolicy`. */
export interface PolicyObject extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly nodes?: readonly PolicyNode[];
  };
}

/** `kind: NetworkService`. */
export interface ServiceObject extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** `kind: ConfigMap`. */
export interface ConfigMapObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  /** In base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** `kind: Wire`: a read-only view. */
export interface WireObject extends KubeObject {
  readonly spec: {
    readonly pod: string;
    readonly node: string;
    readonly networkService: string;
    readonly endpoint: string;
    readonly interface: string;
    readonly addresses: readonly string[];
    readonly peerAddresses: readonly string[];
    /** Its id at its client. */
    readonly connection: string;
  };
  readonly status: {
    readonly state: 'up' | 'down';
    /** Links that may carry it, the best first, with commas; empty within the machine. */
    readonly link: string;
  };
}
