// SPDX-License-Identifier: Apache-2.0
/** An Envoy as far as it sends its access log: streams, and messages as Envoy encodes them. */
import {
  Client,
  credentials,
  status,
  type ClientWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Test } from 'tap';
import {
  AccessLogServiceService,
  StreamAccessLogsMessage,
} from '../../api/gen/envoy/service/accesslog/v3/als.js';

const { path } = AccessLogServiceService.streamAccessLogs;

/** One Envoy's stream. */
export interface LogStream {
  send(message: StreamAccessLogsMessage | Buffer): void;
  end(): void;
  cancel(): void;
  /** How it ended. */
  readonly ended: Promise<status>;
}

/** Opens streams, all over one connection. */
export function dial(t: Test, url: string): () => LogStream {
  const client = new Client(
    url.replace(/^(tcp|unix):\/\//, (_, kind) => (kind === 'tcp' ? '' : 'unix:')),
    credentials.createInsecure(),
    { 'grpc.use_local_subchannel_pool': 1 },
  );
  t.teardown(() => client.close());
  return (): LogStream => {
    let end: (code: status) => void = () => undefined;
    const ended = new Promise<status>((resolve) => (end = resolve));
    const encode = (one: StreamAccessLogsMessage | Buffer): Buffer =>
      Buffer.isBuffer(one) ? one : Buffer.from(StreamAccessLogsMessage.encode(one).finish());
    const call: ClientWritableStream<StreamAccessLogsMessage | Buffer> =
      client.makeClientStreamRequest(
        path,
        encode,
        (bytes: Buffer) => bytes,
        (reason: ServiceError | null) => end(reason?.code ?? status.OK),
      );
    call.on('error', () => undefined);
    return {
      send: (message) => void call.write(message),
      end: () => void call.end(),
      cancel: () => call.cancel(),
      ended,
    };
  };
}

/** A message of an Envoy about one request. */
export function message(id: string, node?: string, more: object = {}): StreamAccessLogsMessage {
  const address = (ip: string, portValue: number) => ({
    socketAddress: { address: ip, portValue },
  });
  return StreamAccessLogsMessage.fromPartial({
    ...(node === undefined ? {} : { identifier: { node: { id: node }, logName: 'web' } }),
    httpLogs: {
      logEntry: [
        {
          commonProperties: {
            startTime: { seconds: 1_700_000_000n, nanos: 250_000_000 },
            timeToFirstUpstreamTxByte: { seconds: 0n, nanos: 2_000_000 },
            timeToLastUpstreamRxByte: { seconds: 1n, nanos: 0 },
            duration: { seconds: 2n, nanos: 0 },
            upstreamLocalAddress: address('172.16.0.1', 40_000),
            upstreamRemoteAddress: address('10.60.0.9', 8_000),
            upstreamCluster: 'web|low-latency',
            routeName: 'rule:boss',
            upstreamRequestAttemptCount: 1,
            accessLogType: 6,
            ...more,
          },
          request: {
            requestMethod: 3,
            authority: 'web.example:8000',
            path: '/new',
            originalPath: '/echo?x',
            requestId: id,
            requestHeaders: { user: 'boss', other: 'x', __proto__: 'y' },
          },
          response: { responseCode: 200, responseCodeDetails: 'via_upstream' },
        },
      ],
    },
  });
}
