// SPDX-License-Identifier: Apache-2.0
/**
 * The client's end of TLS, as grpc-js asks for it.
 *
 * The members with an underscore are grpc-js's own, of the version that
 * package-lock.json pins; `test/fault` and the tests beside this file hold them. Credentials
 * of the connection are asked for after a call has found its connection and before it goes out: there
 * the call gets a token for that very peer, and sends its descriptors beneath TLS.
 */
import type { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { ChannelCredentials, type CallCredentials } from '@grpc/grpc-js';
import { descriptorOf } from '../../fdpass/addon.js';
import { FdDuplex } from '../../fdpass/fd-duplex.js';
import { ConnectionCredentials } from './call-credentials.js';
import type { Connections } from './connections.js';
import { type TlsSurroundings } from './connections.js';
import { tlsOptions, tlsWords } from './context.js';
import { handshakeTrouble, identify } from './identify.js';
import { TlsPeer } from './tls-peer.js';

type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;
type Target = Parameters<ChannelCredentials['_createSecureConnector']>[0];
type Secured = Awaited<ReturnType<Connector['connect']>>;

/** How soon, and how late at the most, a connection is made anew for its peer's certificate. */
const shortestPauseMs = 1_000;
const longestPauseMs = 86_400_000;

/** Credentials that show our SVID, for one peer. */
export class SpiffeCredentials extends ChannelCredentials {
  readonly around: TlsSurroundings;
  /** Of all peers of this dialler. */
  readonly connections: Connections;
  /** What went wrong with the last handshake; nothing once a call went out after it. */
  trouble: string | undefined;

  constructor(around: TlsSurroundings, connections: Connections) {
    super();
    this.around = around;
    this.connections = connections;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(target: Target): Connector {
    return new SpiffeConnector(this, target.scheme === 'unix');
  }
}

/** What makes the connections to one address secure, one after the other. */
class SpiffeConnector implements Connector {
  readonly #credentials: SpiffeCredentials;
  readonly #isUnix: boolean;
  readonly #call: ConnectionCredentials;

  constructor(credentials: SpiffeCredentials, isUnix: boolean) {
    this.#credentials = credentials;
    this.#isUnix = isUnix;
    this.#call = new ConnectionCredentials(
      () => {
        credentials.trouble = undefined;
      },
      () => {
        credentials.connections.outlived();
      },
    );
  }

  waitForReady(): Promise<void> {
    return Promise.resolve();
  }

  getCallCredentials(): CallCredentials {
    return this.#call;
  }

  destroy(): void {
    // Its connections end with their sessions.
  }

  connect(raw: Socket): Promise<Secured> {
    return new Promise((resolve, reject) => {
      const { around, connections } = this.#credentials;
      const { clock, tokenLifetimeMs } = around;
      const identity = connections.identity();
      const { svid, bundles } = identity;
      // In the same turn as it connected: bytes that were read without us would have lost their descriptors.
      const transport = this.#isUnix ? takeOver(raw, around) : raw;
      const socket = connectTls({
        ...tlsOptions(identity),
        socket: transport,
        ALPNProtocols: [tlsWords.alpn],
        // `identify` does it, and says in words what was wrong.
        rejectUnauthorized: false,
        // A SPIFFE ID is no host's name.
        checkServerIdentity: () => undefined,
      });
      // It copies the stream's `true`: at the end of input it would never close.
      socket.allowHalfOpen = false;
      if (transport instanceof FdDuplex) keepAliveAs(socket, transport);
      const give = (text: string): void => {
        timer.cancel();
        if (peer === undefined) this.#credentials.trouble = text;
        reject(new Error(text));
        socket.destroy();
        transport.destroy();
      };
      const withinMs = around.handshakeMs(this.#isUnix);
      const timer = clock.after(withinMs, () => {
        give(handshakeTrouble({ code: 'ERR_TLS_HANDSHAKE_TIMEOUT' }, 'the peer', withinMs));
      });
      let peer: TlsPeer | undefined;
      // The server looks at our certificate after the handshake, and refuses it by leaving: grpc-js tells the words of this error.
      const refusal = (): string | undefined => {
        if (peer === undefined || this.#call.isUsed(peer)) return undefined;
        return (this.#credentials.trouble = leftAtOnce(peer.id, svid.id));
      };
      socket.on('error', (reason: Error) => {
        const text = refusal();
        if (text !== undefined) reason.message = text;
        give(handshakeTrouble(reason, 'the peer', withinMs));
      });
      socket.once('close', () => {
        transport.destroy();
        const text = refusal();
        if (text !== undefined) socket.emit('error', new Error(text));
        else give(handshakeTrouble({ code: 'ECONNRESET' }, 'the peer', withinMs));
      });
      socket.once('secureConnect', () => {
        timer.cancel();
        try {
          const shown = identify(socket, bundles, clock.now());
          peer = new TlsPeer({ shown, svid, socket, transport, tokenLifetimeMs, clock });
          const name = connections.add(peer);
          // Not every server asks to come again when it has another certificate, and ours may have been
          // renewed in mid-handshake: tokens end with either.
          const endMs = Math.min(peer.notAfterMs, svid.notAfterMs);
          const halfMs = Math.max((endMs - clock.now()) / 2, shortestPauseMs);
          const half = clock.after(Math.min(halfMs, longestPauseMs), () => {
            connections.outlived();
          });
          socket.once('close', () => {
            half.cancel();
            connections.remove(name);
          });
          this.#call.connection = peer;
          resolve({ socket, secure: true });
        } catch (reason) {
          give(reason instanceof Error ? reason.message : String(reason));
        }
      });
    });
  }
}

function takeOver(raw: Socket, { clock, log }: TlsSurroundings): FdDuplex {
  const duplex = new FdDuplex(descriptorOf(raw) ?? -1, {
    clock,
    onTrouble: (text) => {
      log.warn({ reason: text }, 'descriptors were lost');
    },
  });
  duplex.on('error', () => undefined);
  raw.destroy();
  return duplex;
}

/** grpc-js keeps the process alive while calls run, and not else. */
function keepAliveAs(socket: TLSSocket, transport: FdDuplex): void {
  socket.ref = () => {
    transport.ref();
    return socket;
  };
  socket.unref = () => {
    transport.unref();
    return socket;
  };
}

function leftAtOnce(peer: string, own: string): string {
  return (
    `${peer} closed the connection right after the TLS handshake: ` +
    `it may have refused our certificate (${own}), and its log says why`
  );
}
