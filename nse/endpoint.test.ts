// SPDX-License-Identifier: Apache-2.0
// A client asks an endpoint directly, over real unix sockets; no kernel is touched.
import t, { type Test } from 'tap';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { systemClock } from '../api/chain/clock.js';
import { ipOf } from '../api/chain/connection.js';
import { readEnvironment } from '../api/env/read-environment.js';
import type { NetworkService, NetworkServiceEndpoint } from '../api/gen/registry.js';
import { serve } from '../api/grpc/serve.js';
import { insecure } from '../api/identity/security.js';
import { silentLogger } from '../api/log/log.js';
import type { Registries, Registry } from '../api/registry/registry.js';
import { table as clientTable } from '../nsc-sidecar/config.js';
import { start as startClient, type Client } from '../nsc-sidecar/main.js';
import { table } from './config.js';
import { endpoint, type Endpoint, type EndpointOptions } from './endpoint.js';
import { start } from './main.js';

const log = silentLogger();

interface Book<T> extends Registry<T> {
  readonly entries: Map<string, T>;
}

/** Keeps what is registered; a watch waits for its end. */
function book<T extends { name: string }>(): Book<T> {
  const entries = new Map<string, T>();
  return {
    entries,
    register(_call, entry) {
      entries.set(entry.name, entry);
      return Promise.resolve(entry);
    },
    unregister(_call, { name }) {
      entries.delete(name);
      return Promise.resolve();
    },
    async *find({ signal }, { name }) {
      const entry = entries.get(name);
      if (entry !== undefined) yield { entry, deleted: false };
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
    },
  };
}

interface Registrar extends Registries {
  readonly services: Book<NetworkService>;
  readonly endpoints: Book<NetworkServiceEndpoint>;
  readonly url: string;
}

/** `t.testdir()` is too deep for the 107 bytes of a socket's path. */
function folder(t: Test): string {
  const path = mkdtempSync(`${tmpdir()}/ww-test-`);
  t.teardown(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}

async function registrar(t: Test): Promise<Registrar> {
  const registries = {
    services: book<NetworkService>(),
    endpoints: book<NetworkServiceEndpoint>(),
  };
  const url = `unix://${folder(t)}/registry.sock`;
  const options = {
    listenOn: [url],
    security: insecure('test'),
    log,
    clock: systemClock,
    registries,
  };
  const serving = await serve(options);
  t.teardown(() => serving.close(0));
  return { ...registries, url };
}

function client(to: Endpoint, services: string, name = 'nsc'): Promise<Client> {
  const { config } = readEnvironment(clientTable, {
    NSM_NAME: name,
    NSM_NETWORK_SERVICES: services,
    NSM_CONNECT_TO: to.urls[0],
    NSM_LIVENESS_CHECK_ENABLED: 'false',
    WANWIRE_INSECURE: 'true',
    WANWIRE_START_WHEN: 'all',
  });
  return startClient(config, log);
}

const description: EndpointOptions = {
  name: 'nse-1',
  services: ['hello', 'bye'],
  labels: { app: 'x' },
  prefixes: [['172.16.1.100/30'], ['2001:db8::/126']],
  insecure: true,
};

t.test('an endpoint registers, answers and leaves nothing', async (t) => {
  const { services, endpoints, url } = await registrar(t);
  const running = await endpoint({ ...description, connectTo: url });
  t.strictSame([...services.entries.keys()], ['hello', 'bye']);
  t.match(services.entries.get('hello'), { payload: 'IP' });
  t.match(endpoints.entries.get('nse-1'), {
    url: running.urls[0],
    networkServiceNames: ['hello', 'bye'],
    networkServiceLabels: { hello: { labels: { app: 'x' } }, bye: { labels: { app: 'x' } } },
  });
  const [socket = ''] = running.urls.map((text) => text.replace('unix://', ''));
  t.ok(existsSync(socket));
  await running.close();
  await running.close();
  t.notOk(existsSync(socket));
  t.notOk(existsSync(socket.replace(/\/[^/]*$/, '')), 'nor its folder');
  t.equal(endpoints.entries.size, 0);
});

t.test('two wires of one client get addresses, routes and interface names', async (t) => {
  const { url } = await registrar(t);
  const running = await endpoint({ ...description, connectTo: url });
  const asking = await client(running, 'kernel://hello/nsm-1?app=blue,kernel://bye');
  const [first, second] = asking.connections;
  t.match(first, {
    id: 'nsc-0',
    labels: { app: 'blue' },
    mechanism: { cls: 'LOCAL', type: 'KERNEL', parameters: { name: 'nsm-1' } },
    path: { index: 0, pathSegments: [{ name: 'nsc', id: 'nsc-0' }, { name: 'nse-1' }] },
  });
  t.match(second, { id: 'nsc-1', mechanism: { parameters: { name: /^bye-[0-9a-f]{11}$/ } } });
  const addresses = [first, second].flatMap((wire) => (wire ? ipOf(wire).srcIpAddrs : []));
  t.strictSame(addresses.toSorted(), [
    '172.16.1.101/32',
    '172.16.1.103/32',
    '2001:db8::1/128',
    '2001:db8::3/128',
  ]);
  t.match(first && ipOf(first).srcRoutes.length, 2);
  t.equal(running.events.size, 2);
  await asking.close();
  t.equal(running.events.size, 0);
  await running.close();
});

t.test('a client that was killed finds its wire again', async (t) => {
  const { url } = await registrar(t);
  const running = await endpoint({ ...description, connectTo: url });
  const before = await client(running, 'kernel://hello/nsm-1');
  // Nothing of the first life is closed, as after kill -9.
  const after = await client(running, 'kernel://hello/nsm-1');
  t.match(after.connections, [{ path: { pathSegments: [{}, { id: /./ }] } }]);
  const ids = [before, after].map(({ connections }) => connections[0]?.path?.pathSegments[1]?.id);
  t.equal(ids[0], ids[1]);
  t.equal(running.events.size, 1);
  await Promise.all([before.close(), after.close()]);
  t.equal(running.events.size, 0);
  await running.close();
});

t.test(
  'the process: labels of its place, and an entry that stays unless told otherwise',
  async (t) => {
    const { endpoints, url } = await registrar(t);
    const env = {
      NSM_CONNECT_TO: url,
      NSM_LABELS: 'app:db',
      NODE_NAME: 'node-1',
      WANWIRE_INSECURE: 'true',
    };
    const { config } = readEnvironment(table, env);
    const running = await start(config, log);
    const labels = { app: 'db', nodeName: 'node-1' };
    const known = { networkServiceLabels: { 'icmp-responder': { labels } } };
    t.match(endpoints.entries.get('icmp-server'), known);
    await running.close();
    t.equal(endpoints.entries.size, 1, "NSM's default");
    const told = readEnvironment(table, { ...env, NSM_UNREGISTER_ITSELF: 'true' });
    await (await start(told.config, log)).close();
    t.equal(endpoints.entries.size, 0);
  },
);

t.test('what cannot be started is refused and leaves nothing', async (t) => {
  const { url } = await registrar(t);
  await t.rejects(endpoint({ ...description, connectTo: url, insecure: false }), /INSECURE/);
  await t.rejects(endpoint({ ...description, connectTo: 'http://x' }), { code: 3 });
  await t.rejects(endpoint({ ...description, name: '', connectTo: url }), { code: 3 });
  const signal = AbortSignal.abort(new Error('enough'));
  await t.rejects(endpoint({ ...description, connectTo: url, signal }), { message: 'enough' });
  const later = new AbortController();
  const nobody = `unix://${folder(t)}/nobody.sock`;
  const waiting = endpoint({ ...description, connectTo: nobody, signal: later.signal });
  setImmediate(() => {
    later.abort(new Error('enough'));
  });
  await t.rejects(waiting, { message: 'enough' });
});
