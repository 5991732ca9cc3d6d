// SPDX-License-Identifier: Apache-2.0
/** The wires that a client's environment asks for, and what is behind them. */
import type { Clock } from '../api/chain/clock.js';
import type { Chain } from '../api/chain/element.js';
import { begin, type Begin } from '../api/elements/begin.js';
import { ownNamespaceUrl } from '../api/elements/kernel-mechanism.js';
import type { Connection } from '../api/gen/connection.js';
import type { Channels } from '../api/grpc/channel.js';
import { channels } from '../api/grpc/dial.js';
import type { Security } from '../api/identity/security.js';
import type { Logger } from '../api/log/log.js';
import type { ClientParts } from './chain.js';
import type { Config } from './config.js';
import type { Config as InitConfig } from './init-config.js';
import { recall } from './recall.js';
import { Wire } from './wire.js';

/** What both kinds of client are told. */
export type WiresConfig = Pick<Config, keyof InitConfig & keyof Config>;

/** What of a chain is the same whoever asks. */
export type SharedParts = Omit<ClientParts, 'events' | 'heal'>;

/** Wires that have not been asked for yet. */
export interface Assembled {
  readonly wires: readonly Wire[];
  readonly peers: Channels & Disposable;
}

/** What is needed for it. */
export interface AssembleOptions {
  readonly config: WiresConfig;
  readonly security: Security;
  readonly clock: Clock;
  readonly log: Logger;
  /** The chain that all wires share. */
  readonly chain: (parts: SharedParts) => Chain;
}

/** Throws where NSM_CONNECT_TO will never do. */
export function assemble({ config, security, clock, log, chain }: AssembleOptions): Assembled {
  const { NSM_NAME: name, NSM_CONNECT_TO: url, NSM_DIAL_TIMEOUT: timeoutMs } = config;
  const peers = channels({ security, dialTimeoutMs: timeoutMs, log, clock });
  // A URL that will never do is a mistake now, not a wire that is tried for ever. Held until the end: where the
  // manager is slow, the next attempt goes on with the connection that the last one began.
  peers.acquire(url);
  const begun: Begin = begin({ attemptMs: config.NSM_REQUEST_TIMEOUT });
  const known = { channels: peers, url, timeoutMs, clock, log };
  const options = {
    chain: chain({
      name,
      begin: begun,
      info: {
        nodeName: config.NODE_NAME,
        podName: config.POD_NAME,
        clusterName: config.CLUSTER_NAME,
      },
      connectTo: url,
      namespaceUrl: ownNamespaceUrl(),
      channels: peers,
      security,
      heldMs: config.WANWIRE_HOLD,
    }),
    adopt: (connection: Connection) => begun.adopt(connection),
    recall: (id: string, signal: AbortSignal) => recall(known, id, signal),
    requestTimeoutMs: config.NSM_REQUEST_TIMEOUT,
    clock,
    log,
  };
  // Where several lead to one place, the first in the list is preferred.
  const wires = config.NSM_NETWORK_SERVICES.map(
    (wish, at) => new Wire(`${name}-${String(at)}`, wish, { ...options, metric: at }),
  );
  return { wires, peers };
}
