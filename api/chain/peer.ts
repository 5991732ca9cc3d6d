// SPDX-License-Identifier: Apache-2.0
/** Who is at the other end of one connection, as its certificate proves. Without TLS there is no such thing. */
import type { KeyObject } from 'node:crypto';

/** The caller's token, as it came in the metadata `nsm-client-token` and `nsm-client-token-expires`. */
export interface ClientToken {
  /** A JWT, or an unsigned development token. */
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
}

/** A file by what the kernel knows it by; `inode://DEV/INO` on the wire. */
export interface Inode {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** File descriptors beside the bytes of one unix connection (SCM_RIGHTS). */
export interface Descriptors {
  /**
   * What the peer has sent, or sends before `signal` aborts: a descriptor that is the caller's to close.
   * The same file may be taken again for a second, and one that nobody takes stays ten: who holds a network namespace keeps it alive.
   * NOT_FOUND where it does not come.
   */
  take(inode: Inode, signal: AbortSignal): Promise<number>;
  /** Send one with the next bytes that are written; the caller's may be closed at once. */
  send(fd: number): void;
}

/** The other end of a connection. */
export interface Peer {
  /** Its SPIFFE ID. */
  readonly id: string;
  /** Of its certificate: what its tokens are signed with. */
  readonly publicKey: KeyObject;
  /** When its certificate ends; milliseconds since 1970. */
  readonly notAfterMs: number;
  /** A token of ours for this peer, signed with the key that this connection has shown. */
  token(): Promise<ClientToken>;
  /** None over TCP. */
  readonly descriptors?: Descriptors;
}
