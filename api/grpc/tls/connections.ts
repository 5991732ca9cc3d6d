// SPDX-License-Identifier: Apache-2.0
/**
 * The TLS connections of one server or one dialler.
 *
 * When the identity changes they are looked at again: one whose peer's chain
 * leads to no root any more (a bundle was withdrawn) is cut, and all of them
 * where there is no identity left. That a certificate has ended meanwhile cuts
 * none: its tokens end with it, and streams go on until their peers move.
 */
import type { Clock } from '../../chain/clock.js';
import { verifyChain } from '../../identity/verify-chain.js';
import type { Identity, IdentitySource, Svid } from '../../identity/types.js';
import type { Logger } from '../../log/log.js';
import type { TlsPeer } from './tls-peer.js';

/** What connections are made from. */
export interface TlsSurroundings {
  readonly source: IdentitySource;
  /** Milliseconds. */
  readonly tokenLifetimeMs: number;
  readonly log: Logger;
  readonly clock: Clock;
  /** No handshake takes longer, on a unix socket or elsewhere; milliseconds. */
  readonly handshakeMs: (isUnix: boolean) => number;
}

/** See the head of this file. Disposing it listens to the source no more. */
export class Connections implements Disposable {
  readonly #around: TlsSurroundings;
  readonly #peers = new Map<string, TlsPeer>();
  readonly #unlisten: () => void;
  readonly #onRenewed: () => void;
  readonly #waiting: (() => void)[] = [];
  #svid: Svid | undefined;
  #made = 0;

  /** `onRenewed` is told when there is another certificate of our own. */
  constructor(around: TlsSurroundings, onRenewed: () => void) {
    this.#around = around;
    this.#onRenewed = onRenewed;
    this.#unlisten = around.source.onChange(() => {
      this.#check();
    });
  }

  /** The identity for a new connection; UNAVAILABLE where there is none. */
  identity(): Identity {
    const identity = this.#around.source.current();
    this.#svid ??= identity.svid;
    return identity;
  }

  /** Keep one until `remove`; gives its name. */
  add(peer: TlsPeer): string {
    this.#made++;
    const name = `connection-${String(this.#made)}`;
    this.#peers.set(name, peer);
    return name;
  }

  remove(name: string): void {
    this.#peers.delete(name);
    for (const told of this.#waiting.splice(0)) told();
  }

  /** Resolves when one has ended. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get(name: string): TlsPeer | undefined {
    return this.#peers.get(name);
  }

  get size(): number {
    return this.#peers.size;
  }

  /** A connection is of no more use: its peer's certificate is half over, or it has ended unheard. */
  outlived(): void {
    this.#onRenewed();
  }

  /** Cut them all. */
  destroyAll(): void {
    for (const peer of [...this.#peers.values()]) peer.destroy();
  }

  [Symbol.dispose](): void {
    this.#unlisten();
  }

  #check(): void {
    const { source, log } = this.#around;
    let identity: Identity;
    try {
      identity = source.current();
    } catch (reason) {
      if (this.#peers.size > 0) log.warn({ err: reason }, 'no identity left: all connections end');
      this.destroyAll();
      return;
    }
    for (const peer of [...this.#peers.values()]) {
      try {
        verifyChain(peer.chain, identity.bundles, peer.sinceMs);
      } catch (reason) {
        log.warn({ peer: peer.id, err: reason }, 'a peer is trusted no more: its connection ends');
        peer.destroy();
      }
    }
    const before = this.#svid;
    this.#svid = identity.svid;
    const isSame = before?.certificate.raw.equals(identity.svid.certificate.raw) ?? true;
    if (!isSame) this.#onRenewed();
  }
}
