// SPDX-License-Identifier: Apache-2.0
/** Where a connection goes on: set by whoever discovers it, read by `filterMechanisms`, `remote` and `follow`. */
import type { Peer } from '../chain/peer.js';
import { stateKey } from '../chain/state.js';

/** Who answers there: the connection that carried the last call; nothing without TLS. */
export const nextPeer = stateKey<Peer>('next-peer');

/** The URL of the next hop, such as `unix:///run/x.sock`. */
export const nextHop = stateKey<string>('next-hop');
