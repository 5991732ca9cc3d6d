// SPDX-License-Identifier: Apache-2.0
/** A bare NSM client: one gRPC call per method and nothing more, so that a test or benchmark sees each call's fate. */
import { Connection, Mechanism } from '../../api/gen/connection.js';
import { NetworkServiceRequest, NetworkServiceService } from '../../api/gen/networkservice.js';
import { developmentTokens } from '../../api/elements/tokens.js';
import { systemClock } from '../../api/chain/clock.js';
import type { CallOptions, Channel } from '../../api/grpc/channel.js';

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

  constructor(channel: Channel, name = 'caller', lifetimeMs = 600_000) {
    this.#channel = channel;
    this.#name = name;
    this.#tokens = developmentTokens(name, lifetimeMs, systemClock);
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
    return this.#channel.unary(NetworkServiceService.request, request, this.#options(withinMs));
  }

  /** Close what was answered. */
  async close(connection: Connection, withinMs = patienceMs): Promise<void> {
    await this.#channel.unary(NetworkServiceService.close, connection, this.#options(withinMs));
  }

  #options(withinMs: number): CallOptions {
    const { token, expiresMs } = this.#tokens.issue();
    return {
      signal: AbortSignal.timeout(withinMs + 1_000),
      deadlineMs: Date.now() + withinMs,
      metadata: {
        'nsm-client-token': token,
        'nsm-client-token-expires': new Date(expiresMs).toISOString(),
      },
    };
  }
}
