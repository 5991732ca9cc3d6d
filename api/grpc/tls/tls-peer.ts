// SPDX-License-Identifier: Apache-2.0
/** The other end of one TLS connection, and our tokens for it. */
import { status } from '@grpc/grpc-js';
import type { KeyObject } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { ClientToken } from '../../chain/call.js';
import type { Clock } from '../../chain/clock.js';
import { WireError } from '../../errors/wire-error.js';
import { FdDuplex } from '../../fdpass/fd-duplex.js';
import { issueToken } from '../../identity/token.js';
import type { Svid } from '../../identity/types.js';
import type { Descriptors, Peer } from '../peer.js';
import type { Shown } from './identify.js';

/** What a connection was made of. */
export interface TlsPeerParts {
  readonly shown: Shown;
  /** What we have shown: tokens are signed with its key, however often we get a new one. */
  readonly svid: Svid;
  readonly socket: TLSSocket;
  /** What TLS runs over. */
  readonly transport: FdDuplex | object;
  readonly tokenLifetimeMs: number;
  readonly clock: Clock;
}

/** How long one token goes with call after call: signing takes longer than many a call. */
const tokenReuseMs = 1_000;

/** See the head of this file. */
export class TlsPeer implements Peer {
  readonly id: string;
  readonly publicKey: KeyObject;
  readonly notAfterMs: number;
  /** DER, the leaf first. */
  readonly chain: readonly Buffer[];
  /** When the connection was made; milliseconds since 1970. */
  readonly sinceMs: number;
  readonly descriptors?: Descriptors;
  readonly #parts: TlsPeerParts;
  #token: Promise<ClientToken> | undefined;
  #tokenUntilMs = 0;

  constructor(parts: TlsPeerParts) {
    const { shown, transport, clock } = parts;
    this.id = shown.id;
    this.publicKey = shown.publicKey;
    this.notAfterMs = shown.notAfterMs;
    this.chain = shown.chain;
    this.sinceMs = clock.now();
    this.#parts = parts;
    if (transport instanceof FdDuplex) {
      this.descriptors = {
        take: (inode, signal) => transport.takeFile(inode, signal),
        send: (fd) => {
          transport.sendFile(fd);
        },
      };
    }
  }

  token(): Promise<ClientToken> {
    const { svid, tokenLifetimeMs, clock } = this.#parts;
    const now = clock.now();
    if (this.#token !== undefined && now < this.#tokenUntilMs) return this.#token;
    const expiresMs = Math.min(now + tokenLifetimeMs, svid.notAfterMs, this.notAfterMs);
    if (expiresMs <= now) return Promise.reject(ended(svid, this.id, now));
    this.#tokenUntilMs = Math.min(now + tokenReuseMs, expiresMs);
    this.#token = issueToken(svid.key, { subject: svid.id, audience: this.id, expiresMs });
    return this.#token;
  }

  /** Whether the connection has ended. */
  get isOver(): boolean {
    return this.#parts.socket.destroyed;
  }

  /** Cut the connection. */
  destroy(): void {
    this.#parts.socket.destroy();
  }
}

function ended(svid: Svid, peer: string, nowMs: number): WireError {
  const whose = svid.notAfterMs <= nowMs ? `our certificate (${svid.id})` : `that of ${peer}`;
  const text = `no token for ${peer}: ${whose} has ended on this connection, and there is no new one yet`;
  return new WireError(status.UNAVAILABLE, text);
}
