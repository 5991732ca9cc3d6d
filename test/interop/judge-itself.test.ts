// SPDX-License-Identifier: Apache-2.0
/** The judge against itself, Go against Go: what it says of us is worth only what it sees here. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t from 'tap';
import { until } from '../stage/up.js';
import { Judge, noJudge, refusal, type Told } from './judge.js';

const skip = noJudge() ?? false;
const [here, there] = ['spiffe://one.test/client', 'spiffe://one.test/server'];
const request = {
  connection: {
    id: 'c-0',
    networkService: 'judged',
    payload: 'IP',
    path: { index: 0, pathSegments: [{ name: 'client', id: 'c-0' }] },
  },
  mechanismPreferences: [{ cls: 'LOCAL', type: 'KERNEL', parameters: { inodeURL: 'file:///x' } }],
};

t.test('it serves, calls, passes descriptors and knows good from bad', { skip }, async (t) => {
  await using judge = await Judge.open();
  const folder = mkdtempSync(`${tmpdir()}/ww-judge-`);
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  await judge.ask('root', { name: 'one', domain: 'one.test' });
  await judge.ask('root', { name: 'two', domain: 'two.test' });
  const trust = { 'one.test': ['one'] };
  const socket = `unix://${folder}/agent.sock`;
  await judge.ask('agent', { name: 'agent', socket });
  await judge.ask('issue', { agent: 'agent', root: 'one', uris: [there], trust });
  await judge.ask('forge', { name: 'client', root: 'one', uris: [here], trust });

  const told = await judge.ask<Told>('identity', { name: 'server', socket });
  t.match(told, { id: there, roots: 1, verifies: true, elliptic: true, uris: 1 });
  t.match(await judge.ask('agent', { name: 'agent' }), { watchers: 1 });

  const url = `unix://${folder}/server.sock`;
  const namespace = '/proc/self/ns/net';
  await judge.ask('serve', { name: 'nse', identity: 'server', url, segment: 'nse', namespace });
  await judge.ask('dial', { name: 'nsc', identity: 'client', url });
  const method = '/networkservice.NetworkService/Request';
  const files = ['/proc/self/ns/uts'];
  const answer = await judge.call('nsc', method, request, { files, fetch: true });
  const { dev, ino } = statSync(namespace);
  const name = `inode://${String(dev)}/${String(ino)}`;
  t.match(answer, { peer: there, verdict: '', fetched: [name] });
  t.match(answer.message, { mechanism: { parameters: { inodeURL: name } } });
  const uts = statSync('/proc/self/ns/uts');
  const sent = `inode://${String(uts.dev)}/${String(uts.ino)}`;
  t.match(await judge.ask('take', { server: 'nse', url: sent }), { leadsTo: /^uts:/ });
  t.match(await judge.seen('nse'), [{ peer: here, verdict: '' }]);

  const monitor = '/connection.MonitorConnection/MonitorConnections';
  const events = await judge.ask('stream', { client: 'nsc', method: monitor, count: 1 });
  t.match(events, [{ connections: { 'nse-c-0': { id: 'c-0' } } }]);

  const bad: Readonly<Record<string, readonly [object, RegExp]>> = {
    expired: [{ audience: [there], lifetimeMs: -5_000 }, /expired/],
    'by another key': [{ audience: [there], lifetimeMs: 60_000, sign: 'stranger' }, /verification/],
    'for another': [{ audience: [here], lifetimeMs: 60_000 }, /aud is/],
    'for a string': [{ audience: there, lifetimeMs: 60_000 }, /aud is no array/],
    'without an algorithm': [{ audience: [there], lifetimeMs: 60_000, sign: 'none' }, /signing/],
    'by the public key': [{ audience: [there], lifetimeMs: 60_000, sign: 'hs256' }, /signing/],
  };
  for (const [what, [order, words]] of Object.entries(bad)) {
    const token = await judge.ask('mint', { identity: 'client', ...order });
    await judge.call('nsc', '/networkservice.NetworkService/Close', request.connection, { token });
    t.match((await judge.seen('nse')).at(-1)?.verdict, words, `a token ${what}`);
  }

  await judge.ask('forge', { name: 'stranger', root: 'two', uris: ['spiffe://two.test/x'], trust });
  await judge.ask('dial', { name: 'stranger', identity: 'stranger', url });
  t.match(await refusal(judge.call('stranger', method, request)), /Unavailable/);
  for (const how of ['plain', 'half', 'anonymous', 'no-alpn', 'old'])
    t.notMatch(
      await judge.ask('knock', { url, identity: 'client', how, timeoutMs: 300 }),
      { outcome: 'accepted' },
      how,
    );
  t.match(await judge.ask('knock', { url, identity: 'client', how: 'tls' }), {
    outcome: 'accepted',
  });

  const register = '/registry.NetworkServiceEndpointRegistry/Register';
  const path = '{"Index":0,"PathSegments":null}';
  const entry = await judge.call('nsc', register, { name: 'e', url: 'unix:///x' }, { path });
  t.match(entry.path, [/^{"Index":0,"PathSegments":\[{"token":"ey/]);

  await judge.ask('issue', { agent: 'agent', root: 'one', uris: [there], trust });
  await until('another certificate, taken from the stream', async () => {
    return (await judge.ask<Told>('identity', { name: 'server' })).serial !== told.serial;
  });
});
