// SPDX-License-Identifier: Apache-2.0
/**
 * Forwarding and NAT of this node for the gateway endpoints on it: a wished
 * state, held by wires, made so by one run of nft when it changes.
 *
 * It stays when the process ends; the next one finds it and changes nothing
 * where the same is wished.
 */
import type { Logger } from '../../api/log/log.js';
import type { GatewayWish } from './wish.js';

/** Whose gateway it is. */
export interface GatewayOptions {
  readonly log: Logger;
  /** Names our nftables table. */
  readonly forwarder: string;
}

/** See the head of this file. */
export class Gateway {
  constructor(options: GatewayOptions) {
    void options;
  }

  /** A wire wishes this; resolves when it is so. The same again costs nothing. */
  async hold(connectionId: string, wish: GatewayWish): Promise<void> {
    return Promise.reject(new Error(`not yet: ${connectionId} ${String(wish.nat)}`));
  }

  /** The wire wishes it no more; resolves when what nobody wishes is gone. */
  async release(connectionId: string): Promise<void> {
    return Promise.reject(new Error(`not yet: ${connectionId}`));
  }

  /** Make so what is held now: to be called once at the start, when the wires of a former life hold again. */
  async settle(): Promise<void> {
    return Promise.reject(new Error('not yet'));
  }
}
