// SPDX-License-Identifier: Apache-2.0
/**
 * Forwarding and NAT of this node for the gateway endpoints on it: a wished
 * state, held by wires, made so by one run of nft when it changes. Wires that
 * wish the same, or come at once, share that run.
 *
 * It stays when the process ends; the next one finds it and changes nothing
 * where the same is wished. What nobody wishes any more is removed, but the
 * node goes on forwarding.
 */
import type { Logger } from '../../api/log/log.js';
import { NotSupportedError } from '../../api/errors/not-supported-error.js';
import { readSetting, settingsIn, writeSetting } from '../links/setting.js';
import { forwardingFor } from './forwarding.js';
import { nft, type Nft } from './nft.js';
import { removal, tableFor, tableName } from './table.js';
import { formatGatewayWish, type GatewayWish } from './wish.js';

/** Whose gateway it is. */
export interface GatewayOptions {
  readonly log: Logger;
  /** Names our nftables table. */
  readonly forwarder: string;
  readonly nft?: Nft;
}

/** See the head of this file. */
export class Gateway {
  readonly #log: Logger;
  readonly #table: string;
  readonly #nft: Nft;
  /** By connection. */
  readonly #wishes = new Map<string, GatewayWish>();
  /** What is so, as {@link Gateway.#wished} has it; nothing while that is not known. */
  #inForce: string | undefined;
  #turn: Promise<void> = Promise.resolve();
  /** A run that has not begun, and will see what is wished by then. */
  #next: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#log = options.log;
    this.#table = tableName(options.forwarder);
    this.#nft = options.nft ?? nft;
  }

  /** A wire wishes this; resolves when it is so. The same again costs nothing. */
  hold(connectionId: string, wish: GatewayWish): Promise<void> {
    this.#wishes.set(connectionId, wish);
    return this.#settled();
  }

  /** The wire wishes it no more; resolves when what nobody wishes is gone. One that wished nothing costs nothing. */
  async release(connectionId: string): Promise<void> {
    if (this.#wishes.delete(connectionId)) await this.#settled();
  }

  /** Make so what is held now: to be called once at the start, when the wires of a former life hold again. */
  settle(): Promise<void> {
    return this.#settled();
  }

  /** Equal texts wish the same. */
  get #wished(): string {
    return [...new Set([...this.#wishes.values()].map(formatGatewayWish))].sort().join('\n');
  }

  #settled(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    const run = this.#turn.then(() => {
      this.#next = undefined;
      return this.#realise();
    });
    this.#next = run;
    this.#turn = run.catch(() => undefined);
    return run;
  }

  async #realise(): Promise<void> {
    const wished = this.#wished;
    if (wished === this.#inForce) return;
    const wishes = [...this.#wishes.values()];
    this.#inForce = undefined;
    const settings = { read: readSetting, list: settingsIn };
    for (const setting of forwardingFor(wishes, settings)) {
      writeSetting(setting);
      this.#log.info({ ...setting }, 'this node forwards');
    }
    await this.#tabulate(wishes);
    this.#inForce = wished;
  }

  async #tabulate(wishes: readonly GatewayWish[]): Promise<void> {
    const table = tableFor(this.#table, wishes);
    const found = await this.#found(table !== undefined);
    if (found === table?.comment) return;
    await this.#nft.apply(table?.text ?? removal(this.#table));
    this.#log.info({ table: this.#table, isThere: table !== undefined }, 'NAT changed');
  }

  /** Where there is no nft there is nothing to take away. */
  async #found(isNeeded: boolean): Promise<string | undefined> {
    try {
      return await this.#nft.commentOf(this.#table);
    } catch (reason) {
      if (reason instanceof NotSupportedError && !isNeeded) return undefined;
      throw reason;
    }
  }
}
