// SPDX-License-Identifier: Apache-2.0
/**
 * The server's end of TLS: connections are made secure here, and only then grpc-js sees them.
 *
 * On a unix socket TLS runs over `FdDuplex`, so that descriptors come beneath
 * it. Each connection has a TLS server of its own: that is the one public way to
 * know which secure socket sits on which stream, and each handshake takes the identity of
 * its moment. With a new certificate of our own, clients are asked to come again
 * (GOAWAY) and calls that run go on where they are.
 */
import { createServer, type ListenOptions, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import { ServerCredentials, status, type ConnectionInjector, type Server } from '@grpc/grpc-js';
import { WireError } from '../../errors/wire-error.js';
import { descriptorOf } from '../../fdpass/addon.js';
import { FdDuplex } from '../../fdpass/fd-duplex.js';
import type { Identity } from '../../identity/types.js';
import type { Address } from '../address.js';
import type { Peer } from '../peer.js';
import { Connections, type TlsSurroundings } from './connections.js';
import { tlsOptions, tlsWords } from './context.js';
import { handshakeTrouble, identify } from './identify.js';
import { TlsPeer } from './tls-peer.js';
import { Troubles } from './troubles.js';

/** A listening socket whose connections `server` serves. */
export class TlsServer {
  readonly #server: Server;
  readonly #address: Address;
  readonly #around: TlsSurroundings;
  readonly #connections: Connections;
  readonly #troubles: Troubles;
  readonly #listener: NetServer;
  readonly #handshakes = new Set<Socket | FdDuplex>();
  #injector: ConnectionInjector;
  #isStopped = false;

  constructor(server: Server, address: Address, around: TlsSurroundings) {
    this.#server = server;
    this.#address = address;
    this.#around = around;
    this.#troubles = new Troubles(around);
    this.#injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#connections = new Connections(around, () => {
      this.#renew();
    });
    const pauseOnConnect = address.kind === 'unix';
    this.#listener = createServer({ pauseOnConnect, noDelay: true }, (socket) => {
      this.#accept(socket);
    });
  }

  /** Listen; resolves to the port that was taken, 0 for a unix socket. */
  listen(): Promise<number> {
    const listener = this.#listener;
    const address = this.#address;
    return new Promise((resolve, reject) => {
      const onError = (cause: Error): void => {
        const text = `cannot listen on ${address.url}: ${cause.message}`;
        reject(new WireError(status.UNAVAILABLE, text, { cause }));
      };
      listener.once('error', onError);
      listener.listen(placeOf(address), () => {
        listener.off('error', onError);
        listener.on('error', (err) => {
          this.#around.log.error({ url: address.url, err }, 'a listening socket fails');
        });
        const at = listener.address();
        resolve(at !== null && typeof at === 'object' ? at.port : 0);
      });
    });
  }

  /** Whose connection it is that grpc-js calls by this name. */
  readonly peerOf = (name: string): Peer | undefined => this.#connections.get(name);

  /** Take no more connections; those in mid-handshake end. The socket's file goes. */
  stop(): void {
    this.#isStopped = true;
    this.#listener.close();
    for (const transport of this.#handshakes) transport.destroy();
    this.#connections[Symbol.dispose]();
  }

  /** Resolves once no connection is left. */
  async emptied(): Promise<void> {
    while (this.#connections.size > 0) await this.#connections.changed();
  }

  /** Cut what is left. */
  cut(): void {
    this.#connections.destroyAll();
  }

  #accept(raw: Socket): void {
    if (this.#isStopped) {
      raw.destroy();
      return;
    }
    let transport: Socket | FdDuplex;
    let identity: Identity;
    try {
      identity = this.#connections.identity();
      transport = this.#transportOf(raw);
    } catch (reason) {
      this.#troubles.tell(this.#address.url, reason);
      raw.destroy();
      return;
    }
    this.#handshakes.add(transport);
    const withinMs = this.#around.handshakeMs(this.#address.kind === 'unix');
    const over = (): void => {
      this.#handshakes.delete(transport);
    };
    const fail = (reason: unknown): void => {
      over();
      this.#troubles.tell(this.#address.url, handshakeTrouble(reason, 'a client', withinMs));
      transport.destroy();
    };
    const onEnd = (): void => {
      if (this.#handshakes.has(transport)) fail({ code: 'ECONNRESET' });
    };
    transport.once('end', onEnd);
    transport.once('close', over);
    transport.on('error', () => undefined);
    const tls = createTls({
      ...tlsOptions(identity),
      requestCert: true,
      // `identify` does it, and says in words what was wrong.
      rejectUnauthorized: false,
      ALPNProtocols: [tlsWords.alpn],
      handshakeTimeout: withinMs,
    });
    tls.on('tlsClientError', (reason) => {
      if (this.#handshakes.has(transport)) fail(reason);
    });
    tls.once('secureConnection', (socket) => {
      over();
      this.#take(socket, transport, identity);
    });
    tls.emit('connection', transport);
  }

  #transportOf(raw: Socket): Socket | FdDuplex {
    if (this.#address.kind !== 'unix') return raw;
    const duplex = new FdDuplex(descriptorOf(raw) ?? -1, {
      clock: this.#around.clock,
      onTrouble: (text) => {
        this.#troubles.tell(this.#address.url, text);
      },
    });
    // It has a descriptor of its own.
    raw.destroy();
    return duplex;
  }

  #take(socket: TLSSocket, transport: Socket | FdDuplex, { svid, bundles }: Identity): void {
    const { tokenLifetimeMs, clock } = this.#around;
    // It copies the stream's `true`: at the end of input it would never close.
    socket.allowHalfOpen = false;
    socket.on('error', () => undefined);
    try {
      if (this.#isStopped) throw new WireError(status.UNAVAILABLE, 'the server is closing');
      const shown = identify(socket, bundles, clock.now());
      const peer = new TlsPeer({ shown, svid, socket, transport, tokenLifetimeMs, clock });
      const name = this.#connections.add(peer);
      socket.once('close', () => {
        this.#connections.remove(name);
        transport.destroy();
      });
      // What `call.getPeer()` gives.
      Object.defineProperty(socket, 'remoteAddress', { value: name });
      Object.defineProperty(socket, 'remotePort', { value: 0 });
      this.#injector.injectConnection(socket);
    } catch (reason) {
      this.#troubles.tell(this.#address.url, reason);
      socket.destroy();
      transport.destroy();
    }
  }

  #renew(): void {
    const before = this.#injector;
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    // Idle connections end, and no others.
    before.destroy();
  }
}

function placeOf(address: Address): ListenOptions {
  if (address.kind === 'unix') return { path: address.path };
  const { host, port } = address;
  return host === '' ? { port } : { port, host };
}
