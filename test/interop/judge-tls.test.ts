// SPDX-License-Identifier: Apache-2.0
/**
 * Our manager before the judge's agent and the judge's certificates: who gets in, who does not, and what
 * becomes of both when the agent changes its mind. All TLS and tokens on the other side are Go's.
 */
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import { World, type Player } from '../../lab/world.js';
import { command } from '../stage/command.js';
import { descriptors } from '../stage/processes.js';
import { until } from '../stage/up.js';
import { Judge, noJudge, refusal, type Message } from './judge.js';

t.setTimeout(180_000);
const skip = noJudge() ?? false;
const own = 'spiffe://one.test/manager';
const find = '/registry.NetworkServiceEndpointRegistry/Find';
const request = '/networkservice.NetworkService/Request';
const register = '/registry.NetworkServiceEndpointRegistry/Register';
const monitor = '/connection.MonitorConnection/MonitorConnections';
const empty = '{"Index":0,"PathSegments":null}';
const wish = {
  connection: {
    id: 'c-0',
    networkService: 'nowhere',
    path: { index: 0, pathSegments: [{ name: 'client', id: 'c-0' }] },
  },
};
const both = { 'one.test': ['one'], 'two.test': ['two'] };

/** A manager of ours whose identity is the judge's to give. */
class Court implements AsyncDisposable {
  readonly world: World;
  readonly judge: Judge;
  readonly url: string;
  #dialled = 0;

  private constructor(world: World, judge: Judge) {
    this.world = world;
    this.judge = judge;
    this.url = `unix://${world.path('manager.sock')}`;
  }

  static async open(): Promise<Court> {
    const made = new Court(await World.open(command()), await Judge.open());
    const { judge } = made;
    for (const root of ['one', 'two', 'three'])
      await judge.ask('root', { name: root, domain: `${root}.test` });
    await made.agent();
    await judge.ask('forge', {
      ...{ name: 'good', root: 'one', uris: ['spiffe://one.test/client'] },
      trust: both,
    });
    return made;
  }

  async agent(): Promise<void> {
    const socket = `unix://${this.world.path('agent.sock')}`;
    await this.judge.ask('agent', { name: 'agent', socket });
  }

  async issue(more: Message = {}): Promise<string> {
    const order = { agent: 'agent', root: 'one', uris: [own], trust: both, ...more };
    return (await this.judge.ask<{ serial: string }>('issue', order)).serial;
  }

  async manager(): Promise<Player> {
    const env = {
      SPIFFE_ENDPOINT_SOCKET: `unix://${this.world.path('agent.sock')}`,
      NSM_NAME: 'manager',
      NSM_LISTEN_ON: this.url,
    };
    return this.world.start({ name: 'manager', command: 'manager', env });
  }

  /** A channel of its own, which begins with a handshake; the name of it. */
  async dial(identity: string): Promise<string> {
    const name = `${identity}-${String(this.#dialled++)}`;
    await this.judge.ask('dial', { name, identity, url: this.url });
    return name;
  }

  /** What a first call of somebody comes to. */
  async meet(identity: string, more: Message = {}): Promise<string> {
    const client = await this.dial(identity);
    const answer = await refusal(
      this.judge.ask('stream', { client, method: find, message: {}, timeoutMs: 20_000, ...more }),
    );
    await this.judge.ask('hangup', { name: client });
    return answer;
  }

  /** As `meet`, with a certificate made for it. */
  async show(name: string, certificate: Message): Promise<string> {
    await this.judge.ask('forge', { name, root: 'one', trust: both, ...certificate });
    return this.meet(name);
  }

  async knock(how: string, more: Message = {}): Promise<{ outcome: string; afterMs: number }> {
    return this.judge.ask('knock', { url: this.url, identity: 'good', how, ...more });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    await this.judge[Symbol.asyncDispose]();
  }
}

async function handshakes(t: Test, court: Court, manager: Player): Promise<void> {
  t.match(await court.knock('tls'), { outcome: 'accepted' });
  t.equal(await court.meet('good'), 'OK');
  const before = await descriptors(manager.pid);
  for (const how of ['plain', 'anonymous', 'no-alpn', 'old'])
    t.notMatch(await court.knock(how, { timeoutMs: 8_000 }), { outcome: /accepted|open/ }, how);
  // It is a unix socket: 15 s.
  const timeoutMs = 25_000;
  const slow = await Promise.all(['silent', 'half'].map((how) => court.knock(how, { timeoutMs })));
  t.notMatch(slow, [{ outcome: /accepted|open/ }], 'a handshake has its time');
  t.notMatch(slow, [{}, { outcome: /accepted|open/ }], 'and half of one as well');
  // Gone in mid-handshake, twenty times.
  for (const how of ['half', 'silent']) await court.knock(how, { times: 10, timeoutMs: 20 });
  await until('no more descriptors', async () => (await descriptors(manager.pid)) <= before);

  const [client, federated] = ['spiffe://one.test/x', 'spiffe://two.test/x'];
  t.equal(await court.show('federated', { root: 'two', uris: [federated] }), 'OK');
  const bad: Readonly<Record<string, Message>> = {
    'of an unknown domain': { root: 'three', uris: ['spiffe://three.test/x'] },
    'of our domain by an unknown root': { root: 'three', uris: [client] },
    "of our domain by the other one's root": { root: 'two', uris: [client] },
    'of the other domain by our root': { root: 'one', uris: [federated] },
    'without a URI': { uris: [] },
    'with two': { uris: [client, 'spiffe://one.test/y'] },
    'with a URI that is no SPIFFE ID': { uris: ['https://one.test/x'] },
    'that has expired': { uris: [client], startMs: -600_000, endMs: -120_000 },
    'that is not yet valid': { uris: [client], startMs: 120_000 },
    'that may sign others': { uris: [client], authority: true },
  };
  for (const [what, certificate] of Object.entries(bad))
    t.match(await court.show(what, certificate), /^Unavailable/, `a certificate ${what}`);
  t.notMatch(manager.log(), /PRIVATE KEY|eyJ/, 'no secret in the log');
}

async function tokens(t: Test, court: Court): Promise<void> {
  const { judge } = court;
  const client = await court.dial('good');
  const aud = [own];
  const mint = async (order: Message): Promise<string> =>
    judge.ask('mint', { identity: 'good', ...order });
  // Until the last of these calls, however long they take here.
  const good = await mint({ audience: aud, lifetimeMs: 600_000 });
  const bad: Readonly<Record<string, readonly [string, string]>> = {
    'that is not there': ['', 'nsm-client-token: missing'],
    'that is none': ['abc', 'tokens-valid'],
    'cut off': [good.slice(0, -20), 'prev-token-signed|tokens-valid'],
    'cut in half': [good.slice(0, good.length / 2), 'tokens-valid|prev-token-signed'],
    'with more behind': [`${good}.x`, 'tokens-valid'],
    'over-long': [`${good.slice(0, 40)}${'A'.repeat(6_000)}${good.slice(40)}`, 'tokens-valid'],
    expired: [await mint({ audience: aud, lifetimeMs: -5_000 }), 'tokens-expired'],
    'without an end': [await mint({ audience: aud }), 'tokens-expired'],
    'by another key': [
      await mint({ audience: aud, lifetimeMs: 60_000, sign: 'stranger' }),
      'prev-token-signed',
    ],
    'for another': [
      await mint({ audience: ['spiffe://one.test/else'], lifetimeMs: 60_000 }),
      'tokens-chained',
    ],
    'for a string': [await mint({ audience: own, lifetimeMs: 60_000 }), 'tokens-chained'],
    'for nobody': [await mint({ lifetimeMs: 60_000 }), 'tokens-chained'],
    'without an algorithm': [
      await mint({ audience: aud, lifetimeMs: 60_000, sign: 'none' }),
      'prev-token-signed|tokens-valid',
    ],
    'by the public key': [
      await mint({ audience: aud, lifetimeMs: 60_000, sign: 'hs256' }),
      'prev-token-signed|tokens-valid',
    ],
  };
  await judge.ask('forge', {
    ...{ name: 'thief', root: 'one', uris: ['spiffe://one.test/client'], trust: both },
  });
  const thief = await court.dial('thief');
  const entry = { name: 'e', networkServiceNames: ['s'], url: 'tcp://127.0.0.1:9' };
  for (const [what, [token, rule]] of Object.entries(bad)) {
    const wanted = new RegExp(`^(PermissionDenied|Unauthenticated): .*(${rule})`);
    t.match(
      await refusal(judge.call(client, request, wish, { token })),
      wanted,
      `Request: ${what}`,
    );
    const more = { token, path: empty };
    t.match(await refusal(judge.call(client, register, entry, more)), wanted, `Register: ${what}`);
  }
  const stolen = refusal(judge.call(thief, request, wish, { token: good }));
  t.match(await stolen, /^PermissionDenied: .*prev-token-signed/, 'replayed on another connection');
  // A good one comes as far as the registry.
  t.notMatch(await refusal(judge.call(client, request, wish)), /PermissionDenied/);
  t.notMatch(await refusal(judge.call(client, request, wish, { token: good })), /PermissionDenied/);

  // In the middle of a path.
  for (const [what, [token, rule]] of Object.entries(bad).filter(([name]) =>
    /exp|for an/.test(name),
  )) {
    const pathSegments = [
      { name: 'first', id: 'f', token },
      { name: 'client', id: 'c-0' },
    ];
    const message = { connection: { ...wish.connection, path: { index: 1, pathSegments } } };
    const wanted = new RegExp(`^PermissionDenied: .*(${rule})`);
    t.match(await refusal(judge.call(client, request, message)), wanted, `in a path: ${what}`);
  }

  // Whose entry is it?
  const mine = await judge.call(client, register, entry, { path: empty });
  t.equal(mine.peer, own);
  t.match(mine.path?.[0], /^{"Index":0,"PathSegments":\[{"token":"ey/);
  t.strictSame(mine.message['pathIds'], ['spiffe://one.test/client', own]);
  await judge.call(client, register, entry, { path: mine.path?.[0] });
  await judge.ask('forge', {
    ...{ name: 'other', root: 'one', uris: ['spiffe://one.test/other'], trust: both },
  });
  const other = refusal(judge.call(await court.dial('other'), register, entry, { path: empty }));
  t.match(await other, /^PermissionDenied: .*client-allowed/, 'an entry of another identity');
  t.match(await refusal(judge.call(client, register, entry, {})), /PermissionDenied/, 'no path');
}

async function changes(t: Test, court: Court): Promise<void> {
  const { judge } = court;
  const old = await court.dial('good');
  const stream = judge.ask('stream', {
    client: old,
    method: monitor,
    message: {},
    timeoutMs: 6_000,
  });
  const serial = await court.issue();
  await until('the new certificate', async () => (await shown(court)) === serial);
  // A new root, first beside the old one, then alone.
  await judge.ask('root', { name: 'next', domain: 'one.test' });
  const trust = { ...both, 'one.test': ['one', 'next'] };
  await judge.ask('forge', { name: 'modern', root: 'next', uris: ['spiffe://one.test/m'], trust });
  t.match(await court.meet('modern'), /^Unavailable/);
  const turned = await court.issue({ root: 'next', trust });
  await until('the new root', async () => (await shown(court, 'modern')) === turned);
  t.equal(await court.meet('modern'), 'OK');
  t.match(await refusal(stream), 'OK', 'a stream goes on through all of it');

  await judge.ask('forge', { name: 'guest', root: 'two', uris: ['spiffe://two.test/x'], trust });
  const guest = await court.dial('guest');
  const held = judge.ask('stream', {
    client: guest,
    method: monitor,
    message: {},
    timeoutMs: 60_000,
  });
  await sleep(500);
  const began = Date.now();
  await court.issue({ root: 'next', trust: { 'one.test': ['one', 'next'] } });
  await refusal(held);
  t.ok(Date.now() - began < 40_000, 'who is no longer believed is cut off');
  t.match(await court.meet('guest'), /^Unavailable/);

  await judge.ask('agent', { name: 'agent', stop: true });
  t.equal(await court.meet('modern'), 'OK', 'without its agent');
  await court.agent();
  const after = await court.issue({ root: 'next', trust });
  await until('another agent', async () => (await shown(court, 'modern')) === after);
  await court.issue({ root: 'next', trust, endMs: 4_000 });
  await until('a short life', async () => (await shown(court, 'modern')) !== after);
  await judge.ask('agent', { name: 'agent', stop: true });
  await until('nothing after its end', async () => /^Unavailable/.test(await court.meet('modern')));
}

/** The serial number of the certificate that the manager shows now. */
async function shown(court: Court, identity = 'good'): Promise<string> {
  const answer = await court.judge.ask<{ serial: string }>('knock', {
    ...{ url: court.url, identity, how: 'tls' },
  });
  return answer.serial;
}

t.test('the judge and our manager', { skip }, async (t) => {
  await using court = await Court.open();
  const starting = court.manager();
  starting.catch(() => undefined);
  await sleep(1_000);
  t.match(
    await refusal(court.judge.ask('knock', { url: court.url, how: 'silent', timeoutMs: 100 })),
    /no such file|refused/,
    'nobody listens without an identity',
  );
  await court.issue();
  const manager = await starting;
  t.equal(readFileSync(`/proc/${String(manager.pid)}/comm`, 'utf8'), 'node\n');
  await t.test('handshakes', async (t) => handshakes(t, court, manager));
  await t.test('tokens', async (t) => tokens(t, court));
  await t.test('changes', async (t) => changes(t, court));
});
