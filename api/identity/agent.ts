// SPDX-License-Identifier: Apache-2.0
/** A SPIFFE agent as its Workload API shows it: plaintext on a socket of this machine, as the standard has it. */
import { ChannelCredentials, Client, Metadata } from '@grpc/grpc-js';
import { abortReason } from '../chain/clock.js';
import {
  SpiffeWorkloadAPIService,
  X509SVIDRequest,
  type X509SVIDResponse,
} from '../gen/workload.js';
import { grpcTarget, parseAddress } from '../grpc/address.js';
import { agentTrouble } from './agent-trouble.js';
import type { Identity } from './types.js';
import { identityOf } from './workload-message.js';

const channelOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.default_authority': 'localhost',
  'grpc.use_local_subchannel_pool': 1,
};

/**
 * Of pings, in milliseconds. A SPIRE agent, as other servers in Go, ends the connection of who pings more often than
 * every 5 minutes (GOAWAY, too_many_pings). On one machine the kernel tells when the agent is gone.
 */
const pings = { unix: -1, tcp: 330_000 };

/** A way to the agent; nothing is dialled before it is asked. */
export class Agent implements Disposable {
  readonly #client: Client;

  /** INVALID_ARGUMENT where `socket` is no `unix:///path` and no `tcp://ip:port`. */
  constructor(socket: string) {
    const address = parseAddress(socket, 'SPIFFE_ENDPOINT_SOCKET');
    const options = { ...channelOptions, 'grpc.keepalive_time_ms': pings[address.kind] };
    this.#client = new Client(grpcTarget(address), ChannelCredentials.createInsecure(), options);
  }

  /** Each answer of one stream, until `signal`; throws what grpc-js does when it breaks. */
  async *answers(signal: AbortSignal): AsyncGenerator<X509SVIDResponse> {
    if (signal.aborted) throw abortReason(signal);
    const { path, requestSerialize, responseDeserialize } = SpiffeWorkloadAPIService.fetchX509Svid;
    const metadata = new Metadata();
    // What keeps a browser, or whoever is made to ask in another's name, away.
    metadata.set('workload.spiffe.io', 'true');
    const stream = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      X509SVIDRequest.create(),
      metadata,
    );
    // An error after the last read (a cancelled stream has one) must not be an uncaught one.
    stream.on('error', () => undefined);
    const cancel = (): void => {
      stream.cancel();
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      yield* stream as AsyncIterable<X509SVIDResponse>;
    } finally {
      signal.removeEventListener('abort', cancel);
      cancel();
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** Ask the agent at `socket` once; UNAVAILABLE saying why it has none, and what to do. */
export async function askAgent(socket: string, signal: AbortSignal): Promise<Identity> {
  using agent = new Agent(socket);
  try {
    for await (const answer of agent.answers(signal)) return identityOf(answer);
  } catch (reason) {
    if (signal.aborted) throw abortReason(signal);
    throw agentTrouble(socket, reason);
  }
  throw agentTrouble(socket, new Error('it ended the stream without an answer'));
}
