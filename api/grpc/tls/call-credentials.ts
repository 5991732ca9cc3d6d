// SPDX-License-Identifier: Apache-2.0
/** What a call takes from the connection that carries it: a token for that peer, and a way for descriptors. */
import { CallCredentials, Metadata, status } from '@grpc/grpc-js';
import { WireError } from '../../errors/wire-error.js';
import { tokenMetadata } from '../../identity/development-tokens.js';
import type { CallOptions } from '../channel.js';
import type { TlsPeer } from './tls-peer.js';

/** Of one address: its present connection gives each call a token. */
export class ConnectionCredentials extends CallCredentials {
  #connection: TlsPeer | undefined;
  readonly #used = new WeakSet<TlsPeer>();
  readonly #onUse: () => void;
  readonly #onOver: () => void;

  /** `onUse` is told of each call that goes out, `onOver` of one that had no connection left to go out on. */
  constructor(onUse: () => void, onOver: () => void) {
    super();
    this.#onUse = onUse;
    this.#onOver = onOver;
  }

  /** The one that calls go out on from now on. */
  set connection(peer: TlsPeer) {
    this.#connection = peer;
  }

  /** Whether a call has gone out on it. */
  isUsed(peer: TlsPeer): boolean {
    return this.#used.has(peer);
  }

  override generateMetadata(): Promise<Metadata> {
    return this.carry({});
  }

  /** The metadata of one call, whose descriptors are on their way once it resolves. */
  async carry({ descriptors = [], onPeer }: Carried): Promise<Metadata> {
    const peer = this.#connection;
    if (peer === undefined) throw new WireError(status.UNAVAILABLE, 'there is no connection');
    // The call fails as one does that met the end of its connection; the next finds another.
    if (peer.isOver) this.#onOver();
    this.#used.add(peer);
    this.#onUse();
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(tokenMetadata(await peer.token()))) {
      metadata.set(key, value);
    }
    onPeer?.(peer);
    if (!peer.isOver) for (const fd of descriptors) peer.descriptors?.send(fd);
    return metadata;
  }

  override compose(other: CallCredentials): CallCredentials {
    return other.compose(this);
  }

  override _equals(other: CallCredentials): boolean {
    return other === this;
  }
}

type Carried = Pick<CallOptions, 'descriptors' | 'onPeer'>;

/** Of one call that has descriptors to send or wants to know who carries it. */
export class CarriedCall extends CallCredentials {
  readonly #carried: Carried;

  constructor(carried: Carried) {
    super();
    this.#carried = carried;
  }

  override generateMetadata(): Promise<Metadata> {
    return Promise.resolve(new Metadata());
  }

  /** grpc-js does this whenever it has found a connection for the call, the second time too. */
  override compose(other: CallCredentials): CallCredentials {
    return other instanceof ConnectionCredentials ? new OnConnection(other, this.#carried) : this;
  }

  override _equals(other: CallCredentials): boolean {
    return other === this;
  }
}

class OnConnection extends CallCredentials {
  readonly #connection: ConnectionCredentials;
  readonly #carried: Carried;

  constructor(connection: ConnectionCredentials, carried: Carried) {
    super();
    this.#connection = connection;
    this.#carried = carried;
  }

  override generateMetadata(): Promise<Metadata> {
    return this.#connection.carry(this.#carried);
  }

  override compose(): CallCredentials {
    return this;
  }

  override _equals(other: CallCredentials): boolean {
    return other === this;
  }
}
