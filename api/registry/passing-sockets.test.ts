// SPDX-License-Identifier: Apache-2.0
// Socket files over real connections: registered, found again, dialled.
import t from 'tap';
import { closeSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { authority, svid, TestSource } from '../../test/doubles/certificates.js';
import { echo, options, server, socketUrl, wish } from '../../test/doubles/grpc-pair.js';
import { registries as managerRegistries } from '../../manager/registry/chain.js';
import { systemClock } from '../chain/clock.js';
import { NetworkServiceEndpoint } from '../gen/registry.js';
import { NetworkServiceService } from '../gen/networkservice.js';
import { channels } from '../grpc/dial.js';
import { serve } from '../grpc/serve.js';
import { spiffe } from '../identity/security.js';
import { silentLogger } from '../log/log.js';
import { remoteRegistries } from './remote.js';
import { SocketFiles } from './socket-files.js';

const root = await authority('edge.test');
const bundles = new Map([['edge.test', [root.certificate]]]);
const log = silentLogger();
const clock = systemClock;
const secured = async (name: string) =>
  spiffe(new TestSource(await svid(root, `spiffe://edge.test/${name}`), bundles));
const call = () => ({ signal: AbortSignal.timeout(10_000), log, clock });
const named = (name: string, url: string): NetworkServiceEndpoint =>
  NetworkServiceEndpoint.fromPartial({ name, url, networkServiceNames: ['s'] });

t.test('a registrant sends its socket, a forwarder gets it', async (t) => {
  const security = await secured('manager');
  const own = managerRegistries({
    security,
    expireMs: 60_000,
    info: {},
    publicUrl: () => undefined,
    clock,
    log,
  });
  t.teardown(() => {
    own[Symbol.dispose]();
  });
  const managerUrl = await socketUrl(t);
  const manager = await serve({ listenOn: [managerUrl], security, registries: own, log, clock });
  t.teardown(() => manager.close(0));
  const all = channels({ security: await secured('nse'), dialTimeoutMs: 2_000, log });
  t.teardown(() => {
    all[Symbol.dispose]();
  });
  const far = remoteRegistries(all.acquire(managerUrl)).endpoints;
  const find = async (): Promise<string[]> => {
    const urls: string[] = [];
    for await (const { entry } of far.find(call(), named('', ''), false)) urls.push(entry.url);
    return urls;
  };
  const stored = async (): Promise<string[]> => {
    const urls: string[] = [];
    for await (const { entry } of own.endpoints.find(call(), named('', ''), false)) {
      urls.push(entry.url);
    }
    return urls;
  };
  const url = await socketUrl(t);
  await server(t, url, { security: await secured('nse'), chain: echo });
  const answer = await far.register(call(), named('e', url));
  t.equal(answer.url, url, 'its own URL for who has registered');
  t.same(await stored(), [url], 'one that has a path here is known by that');
  t.same(await find(), [url], 'and found by that');
  const before = readdirSync('/proc/self/fd').length;
  for (let turn = 0; turn < 10; turn++) {
    await far.register(call(), named('e', url));
    await find();
  }
  t.ok(readdirSync('/proc/self/fd').length <= before + 2, 'nothing is held but for a moment');
  await far.unregister(call(), named('e', url));
  t.same(await stored(), []);
  const gone = await far.register(call(), named('f', `${url}.none`));
  t.equal(gone.url, `${url}.none`, 'one that is not there goes as it is');
});

t.test('one without a path here is held, and dialled all the same', async (t) => {
  const url = await socketUrl(t);
  const path = url.slice('unix://'.length);
  await server(t, url, { security: await secured('nse'), chain: echo });
  const { dev, ino } = statSync(path, { bigint: true });
  const fd = openSync(path, 0x20_0000);
  t.teardown(() => {
    closeSync(fd);
  });
  using files = new SocketFiles();
  const peer = {
    id: 'spiffe://edge.test/nse',
    descriptors: {
      take: () => Promise.resolve(openSync(`/proc/self/fd/${String(fd)}`, 0x20_0000)),
      send: () => undefined,
    },
  } as never;
  // Its name is another's now, as in a container.
  renameSync(path, `${path}.moved`);
  const entry = named('e', `inode://${String(dev)}/${String(ino)}`);
  const moved = await files.received(entry, { ...call(), peer });
  t.equal(moved.url, `${url}.moved`, 'the kernel knows where it went');
  rmSync(`${path}.moved`);
  const held = await files.received(entry, { ...call(), peer });
  t.match(held.url, /^unix:\/\/\/proc\/\d+\/fd\/\d+$/);
  t.equal((await files.received(entry, { ...call(), peer })).url, held.url, 'and one is enough');
  t.equal(files.size, 1);
  const all = channels({ security: await secured('forwarder'), dialTimeoutMs: 2_000, log });
  const { request } = NetworkServiceService;
  const answer = await all.acquire(held.url).unary(request, wish('a'), options());
  t.equal(answer.id, 'a');
  all[Symbol.dispose]();
  const never = await files.received(entry, call());
  t.equal(never.url, entry.url, 'as it is where the file does not come');
});
