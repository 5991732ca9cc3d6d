// SPDX-License-Identifier: Apache-2.0
/** What two forwarders agreed on for one wire. */
import type { TunnelNode } from './node.js';

/** The mechanism's type and class. */
export const vxlan = { type: 'VXLAN', cls: 'REMOTE' } as const;

/** See the head of this file. */
export interface Tunnel {
  /** The wire's number between the two. */
  readonly vni: number;
  readonly peer: TunnelNode;
}
