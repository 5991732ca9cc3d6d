// SPDX-License-Identifier: Apache-2.0
/** Who is at the other end of one connection: the words are of api/chain, which knows no gRPC. */
export type { Descriptors, Inode, Peer } from '../chain/peer.js';
