// SPDX-License-Identifier: Apache-2.0
/** The judge at NSM's own manager and registry: what these accept and refuse of it, it may demand of us. */
import { existsSync, statSync } from 'node:fs';
import t from 'tap';
import { World } from '../../lab/world.js';
import { command } from '../stage/command.js';
import { until } from '../stage/up.js';
import { manager, managerUrl, type Cast } from './cast.js';
import { Judge, noJudge, refusal, type Answer } from './judge.js';
import { missing, nsm } from './programs.js';

const skip = noJudge() ?? missing(nsm);
const registry = '/registry.NetworkServiceEndpointRegistry/';
const path = '{"Index":0,"PathSegments":null}';

t.test('the judge is a client, an endpoint and a forwarder of NSM', { skip }, async (t) => {
  await using world = await World.open(command());
  await using judge = await Judge.open();
  const agent = `unix://${world.path('agent.sock')}`;
  await judge.ask('root', { name: 'one', domain: 'one.test' });
  const trust = { 'one.test': ['one'] };
  await judge.ask('agent', { name: 'agent', socket: agent });
  const uris = ['spiffe://one.test/nsm'];
  await judge.ask('issue', { agent: 'agent', root: 'one', uris, trust });
  const cast: Cast = {
    ...{ world, agent, payload: 'IP', lifetime: '1m' },
    pairing: { client: 'theirs', manager: 'theirs', endpoint: 'theirs' },
  };
  await manager(cast);

  for (const who of ['client', 'forwarder'])
    await judge.ask('forge', { name: who, root: 'one', uris: [`spiffe://one.test/${who}`], trust });
  const url = `unix://${world.path('judge.sock')}`;
  const namespace = '/proc/self/ns/net';
  await judge.ask('serve', { name: 'fwd', identity: 'forwarder', url, segment: 'fwd', namespace });
  await judge.ask('dial', { name: 'fwd', identity: 'forwarder', url: managerUrl(cast) });
  const service = { name: 'forwarder', payload: 'IP' };
  const services = '/registry.NetworkServiceRegistry/Register';
  await until('an answer of the manager', async () => {
    return (await refusal(judge.call('fwd', services, service, { path }))) === 'OK';
  });
  const { dev, ino } = statSync(world.path('judge.sock'));
  const entry = {
    name: 'fwd',
    networkServiceNames: ['forwarder'],
    networkServiceLabels: { forwarder: { labels: { p2p: 'true' } } },
    url: `inode://${String(dev)}/${String(ino)}`,
  };
  const files = [world.path('judge.sock')];
  const registered = await judge.call('fwd', `${registry}Register`, entry, { path, files });
  t.equal(registered.peer, 'spiffe://one.test/nsm');
  t.match(registered.path?.[0], /^{"Index":0,"PathSegments":\[{"token":"/);
  const again = { path: registered.path?.[0], files };
  await judge.call('fwd', `${registry}Register`, entry, again);
  const wanted = { networkServiceEndpoint: { networkServiceNames: ['forwarder'] } };
  const method = `${registry}Find`;
  const found = await judge.ask('stream', { client: 'fwd', method, message: wanted, fetch: true });
  t.match(found, [{ networkServiceEndpoint: { name: 'fwd' }, fetched: [entry.url] }]);

  await judge.ask('dial', { name: 'nsc', identity: 'client', url: managerUrl(cast) });
  await judge.call('nsc', services, { name: 'judged', payload: 'IP' }, { path });
  const { dev: device, ino: node } = statSync('/proc/self/ns/net');
  const inodeURL = `inode://${String(device)}/${String(node)}`;
  const connection = {
    id: 'c-0',
    networkService: 'judged',
    path: { index: 0, pathSegments: [{ name: 'client', id: 'c-0' }] },
  };
  const preference = { cls: 'LOCAL', type: 'KERNEL', parameters: { inodeURL, name: 'nsm-1' } };
  const request = { connection, mechanismPreferences: [preference] };
  const ask = (more: Readonly<Record<string, unknown>>): Promise<Answer> =>
    judge.call('nsc', '/networkservice.NetworkService/Request', request, {
      ...{ files: [namespace], fetch: true, timeoutMs: 15_000 },
      ...more,
    });
  const answer = await ask({});
  t.equal(answer.verdict, '');
  t.match(answer.message, { id: 'c-0', path: { pathSegments: [{}, {}, { name: 'fwd' }] } });
  t.match(await judge.seen('fwd'), [{ peer: 'spiffe://one.test/nsm', verdict: '' }]);
  t.match(await judge.ask('take', { server: 'fwd', url: inodeURL }), { leadsTo: /^net:/ });

  const other = await judge.ask('mint', {
    identity: 'client',
    lifetimeMs: 60_000,
    sign: 'stranger',
  });
  t.match(await refusal(ask({ token: other })), /PermissionDenied/);
  t.match(await refusal(ask({ token: '' })), /PermissionDenied|Unknown/);
  t.ok(existsSync(world.path('nsm.io.sock')));
});
