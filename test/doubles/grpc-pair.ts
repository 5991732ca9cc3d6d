// SPDX-License-Identifier: Apache-2.0
/** A real server on a real unix socket and a channel to it, both gone after the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { systemClock } from '../../api/chain/clock.js';
import type { Chain } from '../../api/chain/element.js';
import { NetworkServiceRequest } from '../../api/gen/networkservice.js';
import type { CallOptions, Channel, Channels } from '../../api/grpc/channel.js';
import { channels } from '../../api/grpc/dial.js';
import { serve, type ServeOptions, type Serving } from '../../api/grpc/serve.js';
import { insecure } from '../../api/identity/security.js';
import { silentLogger } from '../../api/log/log.js';

const log = silentLogger();
const security = insecure('test');

/** A chain that answers with the Connection it was asked for. */
export const echo: Chain = {
  request: (_call, request) => Promise.resolve(request.connection),
  close: () => Promise.resolve(),
};

/** The URL of a socket in a folder of its own; nothing listens there yet. */
export async function socketUrl(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ww-grpc-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return `unix://${join(folder, 'x.sock')}`;
}

/** A server on `url`. */
export async function server(
  t: Test,
  url: string,
  change: Partial<ServeOptions>,
): Promise<Serving> {
  const options = { listenOn: [url], security, log, clock: systemClock };
  const serving = await serve({ ...options, ...change });
  t.teardown(() => serving.close(0));
  return serving;
}

/** All channels of one client. */
export function dialler(t: Test, dialTimeoutMs = 2_000): Channels {
  const all = channels({ security, dialTimeoutMs, log });
  t.teardown(() => {
    all[Symbol.dispose]();
  });
  return all;
}

/** A server and a channel to it. */
export async function pair(t: Test, change: Partial<ServeOptions>): Promise<Channel> {
  const url = await socketUrl(t);
  await server(t, url, change);
  return dialler(t).acquire(url);
}

/** Ten seconds and no signal, unless changed. */
export function options(change: Partial<CallOptions> = {}): CallOptions {
  return { signal: new AbortController().signal, deadlineMs: Date.now() + 10_000, ...change };
}

/** A Request of a Connection with this id. */
export function wish(id: string): NetworkServiceRequest {
  return NetworkServiceRequest.fromPartial({ connection: { id } });
}
