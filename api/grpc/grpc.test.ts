// SPDX-License-Identifier: Apache-2.0
/** Real sockets, real gRPC: what a peer sees of serve and what we see of a peer through dial. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { systemClock } from '../chain/clock.js';
import type { Call } from '../chain/call.js';
import type { Chain } from '../chain/element.js';
import { WireError } from '../errors/wire-error.js';
import {
  Connection,
  ConnectionEvent,
  MonitorConnectionService,
  MonitorScopeSelector,
} from '../gen/connection.js';
import { NetworkServiceRequest, NetworkServiceService } from '../gen/networkservice.js';
import { silentLogger } from '../log/log.js';
import type { CallOptions, Channel, Method } from './channel.js';
import { channels } from './dial.js';
import { serve, type ServeOptions, type Serving } from './serve.js';

type Test = typeof t;
const log = silentLogger();
const clock = systemClock;
const echo: Chain = {
  request: (_call, request) => Promise.resolve(request.connection),
  close: () => Promise.resolve(),
};

async function socketUrl(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ww-grpc-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return `unix://${join(folder, 'x.sock')}`;
}

async function server(t: Test, url: string, change: Partial<ServeOptions>): Promise<Serving> {
  const serving = await serve({ listenOn: [url], insecure: true, log, clock, ...change });
  t.teardown(() => serving.close(0));
  return serving;
}

function dial(t: Test, url: string, dialTimeoutMs = 2_000): Channel {
  const all = channels({ dialTimeoutMs, insecure: true, log });
  t.teardown(() => {
    all[Symbol.dispose]();
  });
  return all.acquire(url);
}

function options(change: Partial<CallOptions> = {}): CallOptions {
  return { signal: new AbortController().signal, deadlineMs: Date.now() + 10_000, ...change };
}

const { request, close } = NetworkServiceService;
const wish = (id: string): NetworkServiceRequest =>
  NetworkServiceRequest.fromPartial({ connection: { id } });

t.test('a Request goes to the chain and its answer comes back', async (t) => {
  const url = await socketUrl(t);
  let seen: Call | undefined;
  const chain: Chain = {
    ...echo,
    request(call, { connection }) {
      seen = call;
      return Promise.resolve({ ...connection, payload: 'IP' });
    },
  };
  await server(t, url, { chain });
  const metadata = {
    'nsm-client-token': 'abc',
    'nsm-client-token-expires': '2030-01-02T03:04:05.123456789+01:00',
  };
  const answer = await dial(t, url).unary(request, wish('a'), options({ metadata }));
  t.match(answer, { id: 'a', payload: 'IP' });
  t.same(seen?.token, { token: 'abc', expiresMs: Date.UTC(2030, 0, 2, 2, 4, 5, 123) });
});
