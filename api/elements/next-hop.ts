// SPDX-License-Identifier: Apache-2.0
/** Where a connection goes on: set by whoever discovers it, read by `filterMechanisms`, `remote` and `follow`. */
import { stateKey } from '../chain/state.js';

/** The URL of the next hop, such as `unix:///run/x.sock`. */
export const nextHop = stateKey<string>('next-hop');
