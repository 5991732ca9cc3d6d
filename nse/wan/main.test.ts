// SPDX-License-Identifier: Apache-2.0
// A bare client asks a site's endpoint directly, over real unix sockets; no kernel is touched.
import t, { type Test } from 'tap';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock } from '../../api/chain/clock.js';
import { ipOf } from '../../api/chain/connection.js';
import { readEnvironment } from '../../api/env/read-environment.js';
import type { Connection } from '../../api/gen/connection.js';
import { NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { channels } from '../../api/grpc/dial.js';
import { serve } from '../../api/grpc/serve.js';
import { insecure } from '../../api/identity/security.js';
import { silentLogger } from '../../api/log/log.js';
import { registryCall, testRegistries } from '../../test/doubles/registries.js';
import { Caller } from '../../test/stage/caller.js';
import { table } from '../config.js';
import { start } from '../main.js';
import { gatewayParameter } from './gateway.js';

const log = silentLogger();
const security = insecure('test');
const site = `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: cloud}
spec:
  links:
    - {name: fibre, device: wan0, class: low-latency, trusted: true}
    - {name: lte, device: wan1, trusted: true}
  gateway: {prefixes: [["192.0.2.0/24"]], routes: ["10.60.0.0/24"], nat: true}
`;

/** A manager's registries on a socket, a site's file, and what begins lives of its endpoint. */
async function stage(t: Test) {
  // `t.testdir()` is too deep for the 107 bytes of a socket's path.
  const folder = mkdtempSync(`${tmpdir()}/ww-test-`);
  t.teardown(() => rmSync(folder, { recursive: true }));
  const registries = testRegistries();
  const manager = `unix://${join(folder, 'manager.sock')}`;
  const serving = await serve({ listenOn: [manager], security, log, clock, registries });
  const peers = channels({ security, dialTimeoutMs: 2_000, log });
  t.teardown(async () => {
    peers[Symbol.dispose]();
    await serving.close(0);
    registries[Symbol.dispose]();
  });
  const file = join(folder, 'site.yaml');
  writeFileSync(file, site);
  const state = join(folder, 'state');
  const live = async (change: Record<string, string> = {}) => {
    const { config } = readEnvironment(table, {
      NSM_NAME: 'cloud-wan',
      NSM_CONNECT_TO: manager,
      NSM_UNREGISTER_ITSELF: 'true',
      WANWIRE_SITE_FILE: file,
      WANWIRE_STATE_DIR: state,
      WANWIRE_INSECURE: 'true',
      ...change,
    });
    const running = await start(config, log);
    t.teardown(() => running.close());
    const caller = (name: string) => new Caller(peers.acquire(running.urls[0] ?? ''), name);
    return { close: () => running.close(), caller };
  };
  const entries = async (): Promise<Record<string, readonly string[]>> => {
    const found: Record<string, readonly string[]> = {};
    const query = NetworkServiceEndpoint.create();
    for await (const { entry } of registries.endpoints.find(registryCall(), query, false))
      found[entry.name] = entry.networkServiceNames;
    return found;
  };
  return { file, state, live, entries };
}

const wish = (id: string, endpoint: string) => ({
  id,
  service: 'wan',
  endpoint,
  inodeUrl: 'inode://4/1',
});

const source = (connection: Connection): string => ipOf(connection).srcIpAddrs.join();

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

t.test(
  'all entries lead to one process, which gives addresses and asks for a gateway',
  async (t) => {
    const { live, entries } = await stage(t);
    const { caller, close } = await live();
    t.strictSame(Object.keys(await entries()).sort(), [
      'cloud-wan',
      'cloud-wan-best-effort-lte',
      'cloud-wan-fibre',
      'cloud-wan-low-latency-fibre',
      'cloud-wan-lte',
    ]);
    const answer = await caller('one').ask(wish('one', 'cloud-wan-lte'));
    t.equal(source(answer), '192.0.2.1/32');
    t.equal(answer.networkServiceEndpointName, 'cloud-wan-lte');
    t.strictSame(JSON.parse(answer.mechanism?.parameters[gatewayParameter] ?? ''), {
      prefixes: ['192.0.2.0/24'],
      routes: ['10.60.0.0/24'],
      nat: true,
    });
    await close();
    t.strictSame(await entries(), {});
  },
);

t.test('the next life knows the wires of the one before', async (t) => {
  const { state, live } = await stage(t);
  const first = await live();
  const before = await first.caller('one').ask(wish('one', 'cloud-wan'));
  await first.close();

  const second = await live();
  const other = await second.caller('two').ask(wish('two', 'cloud-wan'));
  t.equal(source(other), '192.0.2.3/32', 'nobody gets the address of a wire that stands');
  const again = await second.caller('one').refresh(before);
  t.equal(source(again), source(before));
  await second.caller('one').close(again);
  t.equal(readdirSync(state).length, 1);
  const third = await second.caller('three').ask(wish('three', 'cloud-wan'));
  t.equal(source(third), source(before), 'and it is free once it is closed');
});

t.test('a wire that nobody refreshed since is closed there too', async (t) => {
  const { live } = await stage(t);
  const first = await live();
  const before = await first.caller('one').ask(wish('one', 'cloud-wan'));
  await first.close();
  const second = await live();
  await second.caller('one').close(before);
  const next = await second.caller('two').ask(wish('two', 'cloud-wan'));
  t.equal(source(next), source(before));
});

t.test('a link that goes keeps its entry for the wires that were made to it', async (t) => {
  const { file, live, entries } = await stage(t);
  const { caller } = await live();
  const wire = await caller('one').ask(wish('one', 'cloud-wan-lte'));
  writeFileSync(file, site.replace(/.*lte.*\n/, ''));
  await until(async () => !('cloud-wan-best-effort-lte' in (await entries())));
  await until(async () => (await entries())['cloud-wan-lte']?.length === 0);
  t.equal(source(await caller('one').refresh(wire)), source(wire));
  await caller('one').close(wire);
  await until(async () => !('cloud-wan-lte' in (await entries())));
  t.strictSame((await entries())['cloud-wan'], ['wan']);
});

t.test(
  'a site that is no gateway is no endpoint, and a wrong file tells its mistakes',
  async (t) => {
    const { file, live, entries } = await stage(t);
    writeFileSync(file, site.replace(/ {2}gateway.*\n/, ''));
    await t.rejects(live(), { message: /^spec\.gateway: nothing is not valid: want a gateway/ });
    writeFileSync(file, site.replace('metadata: {name: cloud}', 'metadata: {}'));
    await t.rejects(live(), { name: 'SiteError', message: /site\.yaml:3:\d+: metadata\.name/ });
    t.strictSame(await entries(), {});
  },
);
