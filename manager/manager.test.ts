// SPDX-License-Identifier: Apache-2.0
/** The whole manager over real sockets: registration, choice of a forwarder, restart. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { systemClock as clock } from '../api/chain/clock.js';
import { compose } from '../api/chain/compose.js';
import { begin } from '../api/elements/begin.js';
import { updatePath } from '../api/elements/update-path.js';
import { readEnvironment } from '../api/env/read-environment.js';
import { Connection } from '../api/gen/connection.js';
import { NetworkServiceRequest, NetworkServiceService } from '../api/gen/networkservice.js';
import { NetworkService, NetworkServiceEndpoint } from '../api/gen/registry.js';
import { channels } from '../api/grpc/dial.js';
import { serve } from '../api/grpc/serve.js';
import { insecure } from '../api/identity/security.js';
import { silentLogger } from '../api/log/log.js';
import { keepRegistered } from '../api/registry/registration.js';
import { remoteRegistries } from '../api/registry/remote.js';
import { failing, recording } from '../test/doubles/elements.js';
import { table } from './config.js';
import { start } from './main.js';

const log = silentLogger();

async function world(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'ww-manager-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const url = `unix://${join(folder, 'nsm.io.sock')}`;
  const env = {
    NSM_LISTEN_ON: url,
    WANWIRE_INSECURE: 'true',
    WANWIRE_EXCLUDED_PREFIXES_FILE: join(folder, 'excluded.yaml'),
    NODE_NAME: 'node-1',
  };
  const peers = channels({ security: insecure('client'), dialTimeoutMs: 5_000, log });
  t.teardown(() => {
    peers[Symbol.dispose]();
  });
  const manager = (change: Record<string, string> = {}) =>
    start(readEnvironment(table, { ...env, ...change }).config, log);
  const registriesOf = (name: string) => {
    const own = channels({ security: insecure(name), dialTimeoutMs: 5_000, log });
    t.teardown(() => {
      own[Symbol.dispose]();
    });
    return remoteRegistries(own.acquire(url));
  };
  /** A forwarder that answers each Request, or fails it. */
  async function forwarder(t: Test, name: string, error?: Error) {
    const seen = recording();
    const own = `unix://${join(folder, `${name}.sock`)}`;
    const last = error === undefined ? [] : [failing(error)];
    const chain = compose(updatePath(name), begin(), seen, ...last);
    const serving = await serve({ listenOn: [own], security: insecure(name), log, clock, chain });
    const registration = keepRegistered({
      registries: registriesOf(name),
      endpoint: NetworkServiceEndpoint.fromPartial({
        name,
        url: own,
        networkServiceNames: ['forwarder'],
        networkServiceLabels: { forwarder: { labels: { p2p: 'true' } } },
      }),
      clock,
      log,
    });
    const close = async (): Promise<void> => {
      await registration.close();
      await serving.close(0);
    };
    t.teardown(close);
    await registration.ready;
    return { seen, close };
  }
  function ask(connection: Connection, timeoutMs = 10_000): Promise<Connection> {
    const request = NetworkServiceRequest.fromPartial({ connection });
    return peers.acquire(url).unary(NetworkServiceService.request, request, options(timeoutMs));
  }
  function close(connection: Connection): Promise<unknown> {
    return peers.acquire(url).unary(NetworkServiceService.close, connection, options(10_000));
  }
  function options(timeoutMs: number) {
    const { signal } = new AbortController();
    return { signal, deadlineMs: Date.now() + timeoutMs };
  }
  return { url, folder, manager, registriesOf, forwarder, ask, close };
}

function wish(): Connection {
  return Connection.fromPartial({
    id: 'client-0',
    networkService: 'hello',
    path: { index: 0, pathSegments: [{ name: 'client', id: 'client-0' }] },
  });
}

const hello = NetworkService.fromPartial({ name: 'hello' });

function call() {
  return { signal: new AbortController().signal, log, clock };
}

t.test('a Request goes to a forwarder, a refresh to the same one, a Close too', async (t) => {
  const w = await world(t);
  const running = await w.manager();
  t.teardown(() => running.close());
  const one = await w.forwarder(t, 'forwarder-1');
  const two = await w.forwarder(t, 'forwarder-2');
  await w.registriesOf('nse').services.register(call(), hello);

  const first = await w.ask(wish());
  t.equal(first.id, 'client-0');
  t.same(
    first.path?.pathSegments.map(({ name }) => name),
    ['client', 'nmgr', 'forwarder-1'],
  );
  t.same(one.seen.requests[0]?.connection.labels, { nodeName: 'node-1' });
  const second = await w.ask(first);
  t.same(
    second.path?.pathSegments.map(({ id }) => id),
    first.path?.pathSegments.map(({ id }) => id),
  );
  t.equal(one.seen.requests.length, 2);
  await w.close(second);
  t.equal(one.seen.closes.length, 1);
  t.equal(two.seen.requests.length, 0);
});

t.test('a forwarder that refuses is passed over', async (t) => {
  const w = await world(t);
  const running = await w.manager();
  t.teardown(() => running.close());
  const bad = await w.forwarder(t, 'forwarder-1', new Error('broken'));
  const good = await w.forwarder(t, 'forwarder-2');
  await w.registriesOf('nse').services.register(call(), hello);
  await w.ask(wish());
  t.equal(bad.seen.requests.length, 1);
  t.equal(good.seen.requests.length, 1);
});

t.test('a refresh finds its way after the manager restarted', async (t) => {
  const w = await world(t);
  const before = await w.manager();
  const one = await w.forwarder(t, 'forwarder-1');
  const two = await w.forwarder(t, 'forwarder-2');
  const endpoint = keepRegistered({
    registries: w.registriesOf('nse'),
    service: hello,
    endpoint: NetworkServiceEndpoint.fromPartial({ name: 'nse', url: 'unix:///tmp/nse' }),
    clock,
    log,
  });
  await endpoint.ready;
  const first = await w.ask(wish());
  await before.close();
  const after = await w.manager();
  // Forwarders and endpoint register again by themselves; the Request waits for that.
  const second = await w.ask(first);
  t.equal(second.path?.pathSegments[2]?.id, first.path?.pathSegments[2]?.id);
  t.equal(one.seen.requests.length, 2);
  t.equal(two.seen.requests.length, 0);
  await Promise.all([endpoint.close(), one.close(), two.close()]);
  await after.close();
});

t.test('what is missing is named', async (t) => {
  const w = await world(t);
  const running = await w.manager();
  t.teardown(() => running.close());
  const others = w.registriesOf('nse').services;
  await others.register(call(), NetworkService.fromPartial({ name: 'other' }));
  await t.rejects(w.ask(wish(), 300), {
    code: status.NOT_FOUND,
    message: 'network service "hello" is not registered: registered: other',
  });
  await others.register(call(), hello);
  await t.rejects(w.ask(wish(), 300), {
    code: status.NOT_FOUND,
    message: 'no forwarder is registered (network service "forwarder")',
  });
  await t.rejects(w.ask({ ...wish(), networkService: '' }), {
    code: status.INVALID_ARGUMENT,
    message: /connection.network_service/,
  });
  await t.rejects(w.ask({ ...wish(), payload: 'ETHERNET' }), {
    code: status.INVALID_ARGUMENT,
    message: /connection.payload: "ETHERNET" is not valid: want IP/,
  });
});

t.test('callers over TCP see the public URL', async (t) => {
  const w = await world(t);
  const running = await w.manager({ NSM_LISTEN_ON: `${w.url},tcp://127.0.0.1:0` });
  t.teardown(() => running.close());
  const publicUrl = running.urls[1] ?? '';
  const entry = NetworkServiceEndpoint.fromPartial({ name: 'nse', url: 'unix:///tmp/nse' });
  const local = w.registriesOf('nse').endpoints;
  t.equal((await local.register(call(), entry)).url, 'unix:///tmp/nse');
  const peers = channels({ security: insecure('far'), dialTimeoutMs: 1_000, log });
  t.teardown(() => {
    peers[Symbol.dispose]();
  });
  const far = remoteRegistries(peers.acquire(publicUrl)).endpoints;
  const urls = async (registry: typeof far, url: string): Promise<string[]> => {
    const query = NetworkServiceEndpoint.fromPartial({ url });
    const found: string[] = [];
    for await (const one of registry.find(call(), query, false)) found.push(one.entry.url);
    return found;
  };
  t.same(await urls(local, ''), ['unix:///tmp/nse']);
  t.same(await urls(far, ''), [publicUrl]);
  t.same(await urls(far, publicUrl), [publicUrl]);
  t.same(await urls(far, 'unix:'), []);
});

t.test('it does not start where it must not listen', async (t) => {
  const w = await world(t);
  const open = { WANWIRE_INSECURE: 'false', WANWIRE_TRUST_DIR: t.testdir({}) };
  await chmod(open.WANWIRE_TRUST_DIR, 0o755);
  await t.rejects(w.manager(open), { message: /mode 0755: others may have read.*chmod 0700/ });
  await t.rejects(w.manager({ NSM_LISTEN_ON: 'tcp://192.0.2.1:5001' }), { message: /loopback/ });
  const running = await w.manager();
  t.teardown(() => running.close());
  await t.rejects(w.manager(), { message: /another process listens on/ });
});
