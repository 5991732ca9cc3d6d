// SPDX-License-Identifier: Apache-2.0
// The example as a user has it: built, imported through `wanwire/nse`, behind a real manager.
import t from 'tap';
import { pino } from 'pino';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { systemClock as clock } from '../../api/chain/clock.js';
import { ipOf } from '../../api/chain/connection.js';
import { readEnvironment } from '../../api/env/read-environment.js';
import { NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { channels } from '../../api/grpc/dial.js';
import { insecure } from '../../api/identity/security.js';
import { silentLogger } from '../../api/log/log.js';
import { remoteRegistries } from '../../api/registry/remote.js';
import { start as startManager } from '../../manager/main.js';
import { table as managerTable } from '../../manager/config.js';
import { start as startClient } from '../../nsc-sidecar/main.js';
import { table as clientTable } from '../../nsc-sidecar/config.js';
import { hello } from './hello.js';

t.test('hello is found, gives addresses and routes, greets once and says good-bye', async (t) => {
  const log = silentLogger();
  const folder = mkdtempSync(`${tmpdir()}/ww-hello-`);
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const url = `unix://${folder}/manager.sock`;
  const plain = { WANWIRE_INSECURE: 'true' };
  const files = { WANWIRE_EXCLUDED_PREFIXES_FILE: `${folder}/none.yaml` };
  const env = { NSM_LISTEN_ON: url, ...files, ...plain };
  const manager = await startManager(readEnvironment(managerTable, env).config, log);
  t.teardown(() => manager.close());

  const said: { msg: string; app?: string; addresses?: string[] }[] = [];
  const noting = pino({}, { write: (line: string) => said.push(JSON.parse(line) as never) });
  const running = await hello(url, noting);

  const peers = channels({ security: insecure('finder'), dialTimeoutMs: 5_000, log });
  t.teardown(() => {
    peers[Symbol.dispose]();
  });
  const registries = remoteRegistries(peers.acquire(url));
  const find = async (): Promise<NetworkServiceEndpoint[]> => {
    const { signal } = new AbortController();
    const query = NetworkServiceEndpoint.fromPartial({ networkServiceNames: ['hello'] });
    const found: NetworkServiceEndpoint[] = [];
    const call = { signal, log, clock };
    for await (const { entry } of registries.endpoints.find(call, query, false)) found.push(entry);
    return found;
  };
  const [found] = await find();
  t.match(found, { name: 'hello-1', url: running.urls[0] });

  const { config } = readEnvironment(clientTable, {
    NSM_NETWORK_SERVICES: 'kernel://hello/nsm-1?app=blue',
    NSM_CONNECT_TO: found?.url,
    NSM_LIVENESS_CHECK_ENABLED: 'false',
    ...plain,
  });
  const client = await startClient(config, log);
  // A second life of the client asks for the wire it has: a refresh, no second greeting.
  const again = await startClient(config, log);
  const [wire] = client.connections;
  const ip = wire && ipOf(wire);
  t.match(ip, {
    srcIpAddrs: ['172.16.1.1/32', '2001:db8:1::1/128'],
    dstIpAddrs: ['172.16.1.0/32', '2001:db8:1::/128'],
  });
  t.match(ip?.srcRoutes.map(({ prefix }) => prefix).toSorted(), [
    '10.60.0.0/16',
    '172.16.1.0/32',
    '2001:db8:1::/128',
  ]);
  await again.close();
  await client.close();
  await running.close();
  t.strictSame(await find(), []);
  const greetings = said.filter(({ msg }) => ['hello', 'good-bye'].includes(msg));
  t.match(greetings, [
    { msg: 'hello', app: 'blue', addresses: ip?.srcIpAddrs },
    { msg: 'good-bye', app: 'blue' },
  ]);
  t.equal(greetings.length, 2);
});
