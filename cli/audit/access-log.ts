// SPDX-License-Identifier: Apache-2.0
/**
 * The access-log service: Envoys connect and send, and are never answered. Whoever can reach it can
 * send: messages, streams and names of Envoys are bounded, and who sends too much is refused and
 * counted.
 *
 * Leaves: nothing; a socket file that a killed process left is replaced at the start.
 */
import { Server, status, type ServerReadableStream } from '@grpc/grpc-js';
import {
  AccessLogServiceService,
  type StreamAccessLogsMessage,
  type StreamAccessLogsResponse,
} from '../../api/gen/envoy/service/accesslog/v3/als.js';
import type { HTTPAccessLogEntry } from '../../api/gen/envoy/data/accesslog/v3/accesslog.js';
import type { Address } from '../../api/grpc/address.js';
import { bind, listenPlain } from '../../api/grpc/listen.js';
import type { AuditEnvoy } from './types.js';

/** What anybody may send. */
export interface AccessLogLimits {
  /** Bytes of one message. */
  readonly message: number;
  /** Open at once, of all Envoys together. */
  readonly streams: number;
  /** Envoys that are told apart. */
  readonly envoys: number;
}

/** What {@link serveAccessLog} works with. */
export interface AccessLogOptions {
  readonly address: Address;
  /** Who may connect to a unix socket: 0o600 is the user that runs the audit alone. */
  readonly socketMode: number;
  readonly limits?: AccessLogLimits;
  /** Each entry of a request, as it comes. */
  readonly onEntry: (entry: HTTPAccessLogEntry, envoy: string) => void;
}

/** A service that is there. */
export interface AccessLogService {
  /** With the port that it got. */
  readonly url: string;
  readonly envoys: readonly AuditEnvoy[];
  /** Streams that were one too many, and those that sent what is no access log. */
  readonly refused: number;
  /** Entries of connections without HTTP. */
  readonly tcpEntries: number;
  /** Cuts all streams off. */
  close(): Promise<void>;
}

/** Usual limits: an Envoy flushes at 16 KiB or so, and one entry may have 60 KiB of headers. */
export const usualAccessLogLimits: AccessLogLimits = {
  message: 4 * 2 ** 20,
  streams: 64,
  envoys: 64,
};

const longestName = 128;
/** What an Envoy has to hang up. */
const graceMs = 500;
const others = 'others';

type Log = ServerReadableStream<StreamAccessLogsMessage, StreamAccessLogsResponse>;
type Answer = (reason: { code: status; details: string } | null, value?: object) => void;
type Sums = { -readonly [name in keyof AuditEnvoy]: AuditEnvoy[name] };

/** Listen; UNAVAILABLE or ALREADY_EXISTS where that is not possible. */
export async function serveAccessLog(options: AccessLogOptions): Promise<AccessLogService> {
  const { address, socketMode, limits = usualAccessLogLimits } = options;
  const server = new Server({
    'grpc.max_receive_message_length': limits.message,
    'grpc.max_concurrent_streams': limits.streams,
    'grpc.max_connection_idle_ms': 60_000,
    // An Envoy whose machine is gone gives no other sign.
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.enable_channelz': 0,
  });
  const hearing = new Hearing(options, limits);
  const { streamAccessLogs } = AccessLogServiceService;
  const requestDeserialize = hearing.decoded(streamAccessLogs.requestDeserialize);
  server.addService(
    { streamAccessLogs: { ...streamAccessLogs, requestDeserialize } },
    {
      streamAccessLogs: (call: Log, answer: Answer) => {
        hearing.hear(call, answer);
      },
    },
  );
  const url = await bind(address, socketMode, () => listenPlain(server, address));
  return {
    url,
    get envoys() {
      return hearing.envoys;
    },
    get refused() {
      return hearing.refused;
    },
    get tcpEntries() {
      return hearing.tcpEntries;
    },
    close: () => {
      hearing.close();
      return closed(server);
    },
  };
}

class Hearing {
  readonly #options: AccessLogOptions;
  readonly #limits: AccessLogLimits;
  readonly #envoys = new Map<string, Sums>();
  /** Ends each. */
  readonly #streams = new Set<(code?: status) => void>();
  refused = 0;
  tcpEntries = 0;

  constructor(options: AccessLogOptions, limits: AccessLogLimits) {
    this.#options = options;
    this.#limits = limits;
  }

  get envoys(): readonly AuditEnvoy[] {
    return [...this.#envoys.values()].map((one) => ({ ...one }));
  }

  close(): void {
    for (const end of [...this.#streams]) end(status.UNAVAILABLE);
  }

  hear(call: Log, answer: Answer): void {
    if (this.#streams.size >= this.#limits.streams) {
      this.refused++;
      const details = `at most ${String(this.#limits.streams)} streams`;
      answer({ code: status.RESOURCE_EXHAUSTED, details });
      return;
    }
    let envoy: Sums | undefined;
    const end = (code?: status): void => {
      if (!this.#streams.delete(end)) return;
      if (envoy !== undefined) envoy.streams--;
      if (code === status.OK) answer(null, {});
      else if (code !== undefined) answer({ code, details: 'the audit is over' });
    };
    this.#streams.add(end);
    call.on('data', (message: StreamAccessLogsMessage) => {
      envoy ??= this.#envoyOf(message, call.getPeer());
      this.#message(message, envoy);
    });
    call.on('end', () => {
      end(status.OK);
    });
    call.on('cancelled', () => {
      end();
    });
    call.on('error', () => {
      end();
    });
  }

  /** What is no message ends its stream; grpc-js tells nobody else. */
  decoded<T>(decode: (bytes: Buffer) => T): (bytes: Buffer) => T {
    return (bytes) => {
      try {
        return decode(bytes);
      } catch (reason) {
        this.refused++;
        throw reason;
      }
    };
  }

  #message(message: StreamAccessLogsMessage, envoy: Sums): void {
    this.tcpEntries += message.tcpLogs?.logEntry.length ?? 0;
    for (const entry of message.httpLogs?.logEntry ?? []) {
      envoy.entries++;
      this.#options.onEntry(entry, envoy.name);
    }
  }

  /** Who a stream is from; one that does not say it is known by its address. */
  #envoyOf({ identifier }: StreamAccessLogsMessage, peer: string): Sums {
    const told = identifier?.node?.id ?? '';
    const name = (told === '' ? peer : told).slice(0, longestName);
    const room = this.#envoys.has(name) || this.#envoys.size < this.#limits.envoys;
    const key = room ? name : others;
    const found = this.#envoys.get(key) ?? { name: key, streams: 0, connections: 0, entries: 0 };
    this.#envoys.set(key, found);
    found.streams++;
    found.connections++;
    return found;
  }
}

/** What hangs is cut off; nobody is waited for any longer. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
