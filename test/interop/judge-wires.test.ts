// SPDX-License-Identifier: Apache-2.0
/**
 * Our processes with identities of our own Workload API, and the judge among them as client, endpoint,
 * manager and registry. Its namespaces have no process in them: only a descriptor leads there.
 */
import { statSync } from 'node:fs';
import t, { type Test } from 'tap';
import { pod } from '../../lab/roles.js';
import { World, type Player } from '../../lab/world.js';
import { sandbox, type Sandbox } from '../netns/sandbox.js';
import { command } from '../stage/command.js';
import { descriptors } from '../stage/processes.js';
import { until } from '../stage/up.js';
import { startAuthority } from './authority.js';
import * as cast from './cast.js';
import {
  Judge,
  noJudge,
  refusal,
  type Answer,
  type Message,
  type Seen,
  type Told,
} from './judge.js';
import { domain } from './spire.js';

t.setTimeout(180_000);
const skip = noJudge() ?? false;
const id = (part: string): string => `spiffe://${domain}/${part}`;
const [source, target] = ['172.31.9.1', '172.31.9.2'];
const empty = '{"Index":0,"PathSegments":null}';
const services = '/registry.NetworkServiceRegistry/';
const endpoints = '/registry.NetworkServiceEndpointRegistry/';
const network = '/networkservice.NetworkService/';
const monitor = '/connection.MonitorConnection/MonitorConnections';

interface Stage {
  readonly it: cast.Cast;
  readonly world: World;
  readonly judge: Judge;
  readonly manager: Player;
  readonly forwarder: Player;
}

function inode(path: string): string {
  const { dev, ino } = statSync(path);
  return `inode://${String(dev)}/${String(ino)}`;
}

/** A Request for a service, from a namespace. */
function wish(service: string, place: Sandbox, more: Message = {}): Message {
  const parameters = { inodeURL: place.url, name: 'nsm-1' };
  return {
    connection: {
      id: 'judge-0',
      networkService: service,
      path: { index: 0, pathSegments: [{ name: 'judge', id: 'judge-0' }] },
      ...more,
    },
    mechanismPreferences: [{ cls: 'LOCAL', type: 'KERNEL', parameters }],
  };
}

async function links(place: Sandbox): Promise<readonly string[]> {
  return (await place.ip('link')).map(({ ifname }) => ifname).filter((name) => name !== 'lo');
}

async function asClient(t: Test, { it, judge, manager, forwarder }: Stage): Promise<void> {
  const nse = await cast.endpoint(it, 'nse', '172.31.1.0/24');
  const place = await sandbox(t);
  await place.ip('link', 'set', 'lo', 'up');
  await judge.ask('dial', { name: 'nsc', identity: 'judge', url: cast.managerUrl(it) });
  const ask = (message: Message, more: Message = {}): Promise<Answer> =>
    judge.call('nsc', `${network}Request`, message, { files: [place.path], ...more });
  const first = await ask(wish(cast.service, place));
  t.match(first, { peer: id('manager'), verdict: '' });
  const told = first.message as {
    readonly context: { readonly ipContext: { readonly dstIpAddrs: readonly string[] } };
    readonly path: { readonly pathSegments: readonly { readonly expires: string }[] };
  };
  t.strictSame(await links(place), ['nsm-1']);
  const to = told.context.ipContext.dstIpAddrs[0]?.replace(/\/.*/, '') ?? '';
  t.match(await place.run('ping', '-c', '3', '-i', '0.2', '-W', '2', to), / 0% packet loss/);

  const refreshed = await ask({ connection: first.message });
  t.equal(refreshed.verdict, '', 'a refresh');
  t.strictSame(await links(place), ['nsm-1']);
  await judge.ask('dial', { name: 'watch', identity: 'judge', url: cast.forwarderUrl(it) });
  const watch = { client: 'watch', method: monitor, message: {}, count: 1 };
  t.match(await judge.ask('stream', watch), [{ connections: {} }]);

  await judge.call('nsc', `${network}Close`, refreshed.message, { files: [place.path] });
  await until('no interface', async () => (await links(place)).length === 0);
  const before = await Promise.all([manager, forwarder].map(({ pid }) => descriptors(pid)));
  for (let round = 0; round < 10; round++) {
    const answer = await ask(wish(cast.service, place));
    await judge.call('nsc', `${network}Close`, answer.message, { files: [place.path] });
  }
  await until('as many descriptors as before', async () => {
    const now = await Promise.all([manager, forwarder].map(({ pid }) => descriptors(pid)));
    return now.every((count, at) => count <= (before[at] ?? 0));
  });

  const nobody = await sandbox(t);
  const lost = await refusal(
    judge.call('nsc', `${network}Request`, wish(cast.service, nobody), { timeoutMs: 20_000 }),
  );
  t.notMatch(lost, /^OK|DeadlineExceeded/, 'a descriptor that never comes is told in time');
  t.match(lost, nobody.url);
  await nse.end('SIGTERM');
}

async function asEndpoint(t: Test, stage: Stage): Promise<void> {
  const { it, world, judge } = stage;
  const place = await sandbox(t);
  const url = `unix://${world.path('judge.sock')}`;
  const as = {
    identity: 'judge',
    segment: 'judged',
    source: `${source}/32`,
    target: `${target}/32`,
  };
  await judge.ask('serve', { ...as, name: 'nse', url, namespace: place.path });
  await judge.ask('dial', { name: 'registrant', identity: 'judge', url: cast.managerUrl(it) });
  const service = { name: 'judged', payload: 'IP' };
  await judge.call('registrant', `${services}Register`, service, { path: empty });
  const entry = {
    name: 'judged',
    networkServiceNames: ['judged'],
    url: inode(world.path('judge.sock')),
  };
  const files = [world.path('judge.sock')];
  const along = { path: empty, files };
  const kept = await judge.call('registrant', `${endpoints}Register`, entry, along);
  t.strictSame(kept.message['pathIds'], [id('judge'), id('manager')]);
  t.equal(kept.message['url'], entry.url, 'the URL comes back as it was');

  const home = await pod(world, 'home');
  const asked = { NSM_NETWORK_SERVICES: 'kernel://judged/nsm-1' };
  const nsc = await cast.client(it, home, asked);
  const [seen] = await judge.seen('nse');
  t.match(seen, { peer: id('forwarder'), verdict: '' });
  t.match(await home.run('ping', '-c', '3', '-i', '0.2', '-W', '2', target), / 0% packet loss/);
  t.equal((await links(place)).length, 1);
  const more: Seen[] = [];
  await until('a refresh', async () => {
    more.push(...(await judge.seen('nse')).filter(({ method }) => method.endsWith('.Request')));
    return more.length > 0;
  });
  t.ok(more.every(({ verdict }) => verdict === ''));
  t.equal(await nsc.end('SIGTERM'), 0);
  await until('no interface', async () => (await links(place)).length === 0);
  const closes = (await judge.seen('nse')).filter(({ method }) => method.endsWith('.Close'));
  t.match(closes, [{ peer: id('forwarder'), verdict: '' }]);
  await judge.ask('stop', { name: 'nse' });

  const mute = await sandbox(t);
  await judge.ask('serve', { ...as, name: 'mute', url, namespace: mute.path, mute: true });
  const again = { path: empty, files: [world.path('judge.sock')] };
  const entryAgain = { ...entry, url: inode(world.path('judge.sock')) };
  await judge.call('registrant', `${endpoints}Register`, entryAgain, again);
  const from = await sandbox(t);
  const request = judge.call('registrant', `${network}Request`, wish('judged', from), {
    ...{ files: [from.path], timeoutMs: 20_000 },
  });
  t.match(await refusal(request), mute.url, "an endpoint's descriptor that never comes");
  t.strictSame(await links(from), []);
  await judge.ask('stop', { name: 'mute' });
}

/** A manager whose answers prove nothing: the client has to say so, by the rule's name. */
async function asLiar(t: Test, { it, world, judge }: Stage): Promise<void> {
  const mint = async (order: Message): Promise<string> =>
    judge.ask('mint', { identity: 'judge', audience: [id('client')], ...order });
  const lies = {
    'tokens-expired': await mint({ lifetimeMs: -90_000 }),
    'tokens-chained': await mint({ subject: id('another'), lifetimeMs: 60_000 }),
    'next-token-signed': await mint({ sign: 'stranger', lifetimeMs: 60_000 }),
  };
  for (const [rule, token] of Object.entries(lies)) {
    const url = `unix://${world.path(`${rule}.sock`)}`;
    await judge.ask('serve', { name: rule, identity: 'judge', url, segment: 'judge', token });
    const home = await pod(world, `home of ${rule}`);
    const client = cast.client(it, home, { NSM_CONNECT_TO: url });
    client.catch(() => undefined);
    await until(`a refusal by ${rule}`, () => {
      const running = world.players.find(({ name }) => name === 'nsc');
      return running?.log().includes(rule) === true;
    });
    await world.player('nsc').end('SIGKILL');
    await t.rejects(client, /ended before it was ready/, rule);
    await judge.ask('stop', { name: rule });
  }
}

async function asManager(t: Test, { it, world, judge }: Stage): Promise<void> {
  const url = `unix://${world.path('judge-manager.sock')}`;
  await judge.ask('serve', { name: 'mgr', identity: 'judge', url, segment: 'judge-manager' });
  const settings = { NSM_CONNECT_TO: url };
  const home = await pod(world, 'another-home');
  const nsc = await cast.client(it, home, settings);
  const requests = (await judge.seen('mgr')).filter(({ method }) => method.endsWith('.Request'));
  t.match(requests[0], { peer: id('client'), verdict: '' });
  const { mechanismPreferences: [preference] = [] } = requests[0]?.message as {
    readonly mechanismPreferences?: readonly {
      readonly parameters: { readonly inodeURL: string };
    }[];
  };
  const its = inode(`/proc/${String(home.pid)}/ns/net`);
  t.equal(preference?.parameters.inodeURL, its);
  t.match(await judge.ask('take', { server: 'mgr', url: its }), { leadsTo: /^net:/ });
  t.equal(await nsc.end('SIGTERM'), 0);
  t.match((await judge.seen('mgr')).at(-1), { method: /Close$/, verdict: '' });

  const nse = await cast.endpoint(it, 'judged-nse', '172.31.2.0/24', settings);
  const told = await judge.seen('mgr');
  t.match(told[0], { method: /NetworkServiceRegistry.Register$/, peer: id('endpoint') });
  t.ok(
    told.every(({ verdict }) => verdict === ''),
    'each call with a good token',
  );
  const entry = told.find(({ method }) => /EndpointRegistry.Register$/.test(method));
  t.match(entry?.path?.[0], /"PathSegments"/);
  const at = String(entry?.message['url']);
  t.match(at, /^inode:/);
  t.match(await judge.ask('take', { server: 'mgr', url: at }), { leadsTo: /\.sock|listen/ });
  await nse.end('SIGTERM');
  await judge.ask('stop', { name: 'mgr' });
}

t.test('the judge and our processes', { skip }, async (t) => {
  await using world = await World.open(command());
  const agent = await startAuthority(world, cast.groups);
  await using judge = await Judge.open(cast.groups.get('judge'));
  const told = await judge.ask<Told>('identity', { name: 'judge', socket: agent });
  t.match(told, { id: id('judge'), verifies: true, elliptic: true, uris: 1 });
  t.ok(
    told.notAfterMs > Date.now() && told.notAfterMs <= Date.now() + 3_600_000,
    'an hour or less',
  );
  const pairing = { client: 'ours', manager: 'ours', endpoint: 'ours' } as const;
  const it: cast.Cast = { world, agent, pairing, payload: 'IP', lifetime: '25s' };
  await cast.manager(it);
  const forwarder = await cast.forwarder(it);
  const stage = { it, world, judge, manager: world.player('manager'), forwarder };
  await t.test('as a client', async (t) => asClient(t, stage));
  await t.test('as an endpoint', async (t) => asEndpoint(t, stage));
  await t.test('as a manager', async (t) => asManager(t, stage));
  await t.test('as a manager that lies', async (t) => asLiar(t, stage));
});
