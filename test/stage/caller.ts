// SPDX-License-Identifier: Apache-2.0
/** A bare NSM client: one gRPC call per method and nothing more, so that a test or benchmark sees each call's fate. */
import { closeSync } from 'node:fs';
import { Connection, Mechanism } from '../../api/gen/connection.js';
import { NetworkServiceRequest, NetworkServiceService } from '../../api/gen/networkservice.js';
import { developmentTokens, tokenMetadata } from '../../api/identity/development-tokens.js';
import { systemClock } from '../../api/chain/clock.js';
import type { CallOptions, Channel } from '../../api/grpc/channel.js';
import { openNamespace } from './processes.js';

/** What a {@link Caller} asks for. */
export interface Wish {
  /** The connection's id at the client. */
  readonly id: string;
  readonly service: string;
  /** The interface's name; the forwarder chooses one when it is missing. */
  readonly interfaceName?: string;
  /** `inode://dev/ino` of the client's network namespace. */
  readonly inodeUrl: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly endpoint?: string;
  readonly payload?: string;
  readonly excludedPrefixes?: readonly string[];
}

/** How long a call may take unless it says otherwise. */
const patienceMs = 15_000;

/** Calls NetworkService on one channel in one name. */
export class Caller {
  readonly #channel: Channel;
  readonly #name: string;
  readonly #tokens;

  /** With `lifetimeMs` its tokens are unsigned ones that live so long; else they are the channel's. */
  constructor(channel: Channel, name = 'caller', lifetimeMs?: number) {
    this.#channel = channel;
    this.#name = name;
    this.#tokens =
      lifetimeMs === undefined ? undefined : developmentTokens(name, lifetimeMs, systemClock);
  }

  /** The first Request of a wish. */
  first(wish: Wish): NetworkServiceRequest {
    const parameters = {
      inodeURL: wish.inodeUrl,
      ...(wish.interfaceName === undefined ? {} : { name: wish.interfaceName }),
    };
    return NetworkServiceRequest.create({
      connection: Connection.create({
        id: wish.id,
        networkService: wish.service,
        networkServiceEndpointName: wish.endpoint ?? '',
        payload: wish.payload ?? '',
        labels: { ...wish.labels },
        context: {
          ipContext: { excludedPrefixes: [...(wish.excludedPrefixes ?? [])] },
          dnsContext: {},
        },
        path: { index: 0, pathSegments: [{ name: this.#name, id: wish.id }] },
      }),
      mechanismPreferences: [Mechanism.create({ cls: 'LOCAL', type: 'KERNEL', parameters })],
    });
  }

  /** Ask for it. */
  ask(wish: Wish, withinMs = patienceMs): Promise<Connection> {
    return this.send(this.first(wish), withinMs);
  }

  /** Ask again for what was answered. */
  refresh(connection: Connection, withinMs = patienceMs): Promise<Connection> {
    return this.send(NetworkServiceRequest.create({ connection }), withinMs);
  }

  /** Send any Request. */
  send(request: NetworkServiceRequest, withinMs = patienceMs): Promise<Connection> {
    const { connection, mechanismPreferences } = request;
    const mechanisms = [connection?.mechanism, ...mechanismPreferences];
    return this.#withFiles(mechanisms, withinMs, (options) =>
      this.#channel.unary(NetworkServiceService.request, request, options),
    );
  }

  /** Close what was answered. */
  async close(connection: Connection, withinMs = patienceMs): Promise<void> {
    await this.#withFiles([connection.mechanism], withinMs, (options) =>
      this.#channel.unary(NetworkServiceService.close, connection, options),
    );
  }

  /** As every client does, it sends the namespaces it names. */
  async #withFiles<T>(
    mechanisms: readonly (Mechanism | undefined)[],
    withinMs: number,
    act: (options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const urls = new Set(mechanisms.map((one) => one?.parameters['inodeURL'] ?? ''));
    const descriptors = [...urls].flatMap((url) => openNamespace(url) ?? []);
    try {
      return await act({ ...this.#options(withinMs), descriptors });
    } finally {
      for (const fd of descriptors) closeSync(fd);
    }
  }

  #options(withinMs: number): CallOptions {
    return {
      signal: AbortSignal.timeout(withinMs + 1_000),
      deadlineMs: Date.now() + withinMs,
      ...(this.#tokens && { metadata: tokenMetadata(this.#tokens.issue()) }),
    };
  }
}
