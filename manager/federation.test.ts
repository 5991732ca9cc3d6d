// SPDX-License-Identifier: Apache-2.0
/** Two managers with authorities of their own: strangers, then federated, then one withdraws the other's bundle. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { systemClock as clock } from '../api/chain/clock.js';
import { readEnvironment } from '../api/env/read-environment.js';
import { NetworkServiceEndpoint } from '../api/gen/registry.js';
import { channels } from '../api/grpc/dial.js';
import { spiffe } from '../api/identity/security.js';
import { workloadIdentity } from '../api/identity/workload-api.js';
import { silentLogger } from '../api/log/log.js';
import { remoteRegistries } from '../api/registry/remote.js';
import { importBundle, removeBundle } from './authority/bundle-folder.js';
import { bundlePem } from './authority/bundle-text.js';
import { readRoots } from './authority/roots.js';
import { table } from './config.js';
import { start } from './main.js';

const log = silentLogger();

/** A manager whose file lists the other as its peer, and a client of it. */
async function site(t: Test, base: string, name: string, [own, other]: readonly [string, string]) {
  const path = (file: string) => join(base, `${name}-${file}`);
  const peer = name === 'edge' ? 'cloud' : 'edge';
  const control = `${own}:5001`;
  const peers = (more: object = {}) => [{ site: peer, control: [`${other}:5001`], ...more }];
  const write = (more: object = {}) =>
    writeFile(
      path('site.yaml'),
      JSON.stringify({
        ...{ apiVersion: 'wanwire.io/v1alpha1', kind: 'Site', metadata: { name } },
        spec: {
          ...{ trustDomain: `${name}.example`, control: [control], peers: peers(more) },
          links: [{ name: 'fibre', device: 'lo', trusted: true }],
        },
      }),
    );
  await write();
  const { config } = readEnvironment(table, {
    NSM_NAME: name,
    NSM_LISTEN_ON: `unix://${path('nsm.sock')}`,
    NSM_DIAL_TIMEOUT: '2s',
    WANWIRE_SITE_FILE: path('site.yaml'),
    WANWIRE_TRUST_DIR: path('trust'),
    WANWIRE_AGENT_LISTEN_ON: `unix://${path('agent.sock')}`,
    WANWIRE_EXCLUDED_PREFIXES_FILE: path('none.yaml'),
  });
  const manager = await start(config, log);
  t.teardown(() => manager.close());
  const signal = AbortSignal.timeout(10_000);
  const source = await workloadIdentity(`unix://${path('agent.sock')}`, { log, clock, signal });
  const security = spiffe(source);
  t.teardown(() => security[Symbol.dispose]());
  const own_ = channels({ security, dialTimeoutMs: 2_000, log, clock });
  t.teardown(() => own_[Symbol.dispose]());
  const { endpoints } = remoteRegistries(own_.acquire(`unix://${path('nsm.sock')}`));
  const call = () => ({ signal: AbortSignal.timeout(5_000), log, clock });
  const folder = path('trust');
  return {
    path,
    write,
    folder,
    bundle: async () => ({
      trustDomain: `${name}.example`,
      roots: ((await readRoots(folder))?.roots ?? []).map(({ certificate }) => certificate),
    }),
    register: (endpoint: string) =>
      endpoints.register(
        call(),
        NetworkServiceEndpoint.fromPartial({
          ...{ name: endpoint, url: 'tcp://192.0.2.1:1', networkServiceNames: ['wan'] },
        }),
      ),
    /** The names of endpoints at the other site, or why there are none. */
    see: async (service = 'wan'): Promise<string> => {
      const query = NetworkServiceEndpoint.fromPartial({
        networkServiceNames: [`${service}@${peer}`],
      });
      const found: string[] = [];
      try {
        for await (const { entry } of endpoints.find(call(), query, false)) found.push(entry.name);
        return found.join();
      } catch (reason) {
        return reason instanceof Error ? reason.message : String(reason);
      }
    },
  };
}

async function until(what: RegExp, look: () => Promise<string>): Promise<string> {
  const endMs = Date.now() + 40_000;
  for (;;) {
    const seen = await look();
    if (what.test(seen) || Date.now() > endMs) return seen;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

t.test('strangers, federated, withdrawn', async (t) => {
  const base = await mkdtemp(join(tmpdir(), 'ww-federation-'));
  await chmod(base, 0o755);
  t.teardown(() => rm(base, { recursive: true }));
  // Nobody else listens at these addresses: a port of 127.0.0.1 may be anybody's by now.
  const [high, low] = [128 + ((process.pid >> 8) % 128), process.pid % 256];
  const [a, b] = [1, 2].map((last) => `127.${String(high)}.${String(low)}.${String(last)}`);
  if (a === undefined || b === undefined) throw new TypeError('two');
  const edge = await site(t, base, 'edge', [a, b]);
  const cloud = await site(t, base, 'cloud', [b, a]);
  await cloud.register('gateway');
  t.match(await edge.see(), /trust domain cloud.example is not known here.*wanwire trust import/);

  await importBundle(edge.folder, await cloud.bundle());
  const oneWay = await until(/edge.example|refused|certificate/, () => edge.see());
  t.notMatch(oneWay, /^gateway@cloud$/, `it takes both: ${oneWay}`);
  // The other way a site's file may name it.
  await writeFile(cloud.path('edge.pem'), bundlePem(await edge.bundle()));
  await cloud.write({ trustBundle: 'cloud-edge.pem' });
  t.equal(await until(/^gateway@cloud$/, () => edge.see()), 'gateway@cloud', 'federated');

  await removeBundle(edge.folder, 'cloud.example');
  // What was found before is remembered, as of any site that is away; nothing new is asked there.
  let count = 0;
  const fresh = () => edge.see(`fresh-${String(++count)}`);
  t.match(await until(/cloud.example is not known/, fresh), /cloud.example is not known here/);
  await importBundle(edge.folder, await cloud.bundle());
  t.equal(await until(/^$/, fresh), '', 'trusted again: it answers that there is none');
});
