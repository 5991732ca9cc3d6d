// SPDX-License-Identifier: Apache-2.0
/** The whole way of a Request and of a registration with identities: TLS, tokens and rules, over real sockets. */
import t, { type Test } from 'tap';
import { ChannelCredentials, Client, Metadata } from '@grpc/grpc-js';
import { generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { systemClock as clock } from '../api/chain/clock.js';
import { compose } from '../api/chain/compose.js';
import { authorizeAnswer } from '../api/elements/authorize-answer.js';
import { begin } from '../api/elements/begin.js';
import { clientUrl } from '../api/elements/client-url.js';
import { remote } from '../api/elements/remote.js';
import { updatePath } from '../api/elements/update-path.js';
import { readEnvironment } from '../api/env/read-environment.js';
import { Connection } from '../api/gen/connection.js';
import { NetworkServiceRequest, NetworkServiceService } from '../api/gen/networkservice.js';
import {
  NetworkServiceEndpoint,
  NetworkServiceEndpointRegistryService as EndpointService,
} from '../api/gen/registry.js';
import { channels } from '../api/grpc/dial.js';
import { spiffe, type Security } from '../api/identity/security.js';
import { readToken } from '../api/identity/token.js';
import type { Svid } from '../api/identity/types.js';
import { silentLogger } from '../api/log/log.js';
import { emptyPath, formatPath, parsePath } from '../api/registry/path.js';
import { remoteRegistries } from '../api/registry/remote.js';
import { agentAnswer, TestAgent } from '../test/doubles/agent.js';
import { authority, svid, TestSource } from '../test/doubles/certificates.js';
import { testCall, testRequest } from '../test/doubles/elements.js';
import { endpointOf, forwarderOf } from '../test/doubles/site-members.js';
import { table } from './config.js';
import { start } from './main.js';

const log = silentLogger();
const ca = await authority('edge.test');
const bundles = new Map([['edge.test', [ca.certificate]]]);
const idOf = (name: string): string => `spiffe://edge.test/${name}`;
const managerId = idOf('manager');

async function world(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'ww-identity-'));
  const agent = new TestAgent(join(folder, 'agent.sock'));
  const issued = await ca.issue({ uris: [managerId] });
  agent.answer = agentAnswer([{ id: managerId, issued }], [ca.certificate]);
  await agent.start();
  const url = `unix://${join(folder, 'nsm.io.sock')}`;
  const env = {
    NSM_LISTEN_ON: url,
    SPIFFE_ENDPOINT_SOCKET: agent.url,
    WANWIRE_EXCLUDED_PREFIXES_FILE: join(folder, 'excluded.yaml'),
  };
  const manager = await start(readEnvironment(table, env).config, log);
  t.teardown(async () => {
    await manager.close();
    await agent.stop();
    await rm(folder, { recursive: true });
  });
  const securityOf = (own: Svid): Security => spiffe(new TestSource(own, bundles));
  const channelOf = (security: Security, to = url) => {
    const peers = channels({ security, dialTimeoutMs: 5_000, log });
    t.teardown(() => {
      peers[Symbol.dispose]();
    });
    return { peers, channel: peers.acquire(to) };
  };
  const as = async (name: string) => {
    const own = await svid(ca, idOf(name));
    const security = securityOf(own);
    return { own, security, ...channelOf(security) };
  };
  const member = async (name: string) => ({
    name,
    manager: url,
    url: `unix://${join(folder, `${name}.sock`)}`,
    security: securityOf(await svid(ca, idOf(name))),
  });
  return { url, as, member };
}

const nobodysFiles = { current: { site: { control: [], peers: [] } } };
const options = (metadata: Readonly<Record<string, string>> = {}) => ({
  signal: AbortSignal.timeout(10_000),
  deadlineMs: Date.now() + 10_000,
  metadata,
});

t.test(
  'a Request through client, manager, forwarder and endpoint, its refresh and its Close',
  async (t) => {
    const w = await world(t);
    await forwarderOf(t, { ...(await w.member('forwarder')), files: nobodysFiles, holdMs: 60_000 });
    const { seen } = await endpointOf(t, { ...(await w.member('nse')), labels: {} });
    const nsc = await w.as('nsc');
    const chain = compose(
      updatePath('nsc'),
      begin(),
      clientUrl(w.url),
      authorizeAnswer(nsc.security),
      remote(nsc.peers),
    );
    const path = { index: 0, pathSegments: [{ name: 'nsc', id: 'nsc-0' }] };
    const wish = testRequest({ id: 'nsc-0', networkService: 'wan', path });
    const answer = await chain.request(testCall(), wish);
    const segments = answer.path?.pathSegments ?? [];
    const said = segments.map(({ token }) => readToken(token));
    const names = ['nsc', 'manager', 'forwarder', 'nse'];
    t.same(
      said.map(({ subject }) => subject),
      names.map(idOf),
    );
    t.same(
      said.map(({ audience }) => audience?.[0]),
      [...names.slice(1), 'forwarder'].map(idOf),
      'each for the next',
    );
    const again = await chain.request(testCall(), { ...wish, connection: answer });
    t.same(
      again.path?.pathSegments.map(({ id }) => id),
      segments.map(({ id }) => id),
    );
    t.equal(seen.requests.length, 2);
    await chain.close(testCall(), again);
    t.equal(seen.closes.length, 1);
  },
);

/** grpc-js as it comes, which sends what it is told. */
function stock(t: Test, url: string, { key, chain }: Svid): Client {
  const pem = (der: Buffer): string => new X509Certificate(der).toString();
  const credentials = ChannelCredentials.createSsl(
    Buffer.from(ca.certificate.toString()),
    Buffer.from(key.export({ format: 'pem', type: 'pkcs8' })),
    Buffer.from(chain.map(pem).join('')),
    { checkServerIdentity: () => undefined },
  );
  const client = new Client(url.replace('unix://', 'unix:'), credentials, {
    'grpc.default_authority': 'localhost',
  });
  t.teardown(() => {
    client.close();
  });
  return client;
}

/** What a Request fails with. */
function call(from: Client, request: NetworkServiceRequest, metadata: Metadata): Promise<Error> {
  const { path, requestSerialize, responseDeserialize } = NetworkServiceService.request;
  return new Promise((resolve) => {
    from.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + 10_000 },
      (error) => {
        resolve(error === null ? new Error('answered') : new Error(error.details));
      },
    );
  });
}

t.test('tokens that are not in order, over the wire', async (t) => {
  const w = await world(t);
  const [nsc, thief] = [await w.as('nsc'), await w.as('thief')];
  const nowS = Math.floor(Date.now() / 1000);
  const words = { sub: idOf('nsc'), aud: [managerId], exp: nowS + 600 };
  const sign = (claims: object, key: KeyObject = nsc.own.key) =>
    new SignJWT({ ...words, ...claims }).setProtectedHeader({ alg: 'ES256' }).sign(key);
  const [fromNsc, fromThief] = [stock(t, w.url, nsc.own), stock(t, w.url, thief.own)];
  const ask = async (from: Client, token: string): Promise<string> => {
    const metadata = new Metadata();
    metadata.set('nsm-client-token', token);
    metadata.set('nsm-client-token-expires', new Date(Date.now() + 600_000).toISOString());
    const path = { index: 0, pathSegments: [{ name: 'nsc', id: 'nsc-0' }] };
    const connection = Connection.fromPartial({ id: 'nsc-0', networkService: 'wan', path });
    const request = NetworkServiceRequest.fromPartial({ connection });
    const reason = await call(from, request, metadata);
    if (token.length > 40 && reason.message.includes(token.slice(-40))) t.fail('tells the token');
    return reason.message;
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const good = await sign({});
  t.match(
    await ask(fromNsc, good),
    /network service.*wan|"wan"|wan/,
    'what is in order gets further',
  );
  t.notMatch(await ask(fromNsc, good), /^rule/);
  const cases: readonly [string, string, RegExp][] = [
    ['expired', await sign({ exp: nowS - 1 }), /^rule tokens-expired: segment 0 \(nsc\).*ended/],
    ['not yet valid', await sign({ nbf: nowS + 300 }), /^rule tokens-expired: .*begins/],
    ['for another', await sign({ aud: [idOf('nse')] }), /^rule tokens-chained: /],
    ['a text as aud', await sign({ aud: managerId }), /^rule tokens-chained: .*aud is no list/],
    ['another key', await sign({}, stranger), /^rule prev-token-signed: /],
    ['in another name', await sign({ sub: idOf('nse') }), /^rule prev-token-signed: /],
    ['alg none', `${part({ alg: 'none' })}.${part(words)}.`, /^rule prev-token-signed: .*none/],
    ['truncated', good.slice(0, -7), /^rule prev-token-signed: /],
    ['half', good.slice(0, good.length / 2), /^rule tokens-valid: /],
    ['over-long', `${good}${'x'.repeat(17_000)}`, /nsm-client-token.*at most 16384/],
  ];
  for (const [name, token, message] of cases) t.match(await ask(fromNsc, token), message, name);
  t.match(
    await ask(fromThief, good),
    /^rule prev-token-signed: .*token is of spiffe:\/\/edge.test\/nsc, .*certificate of spiffe:\/\/edge.test\/thief/,
    'replayed on another connection',
  );
});

t.test('a registration: its path, its owner, and what others may not do with it', async (t) => {
  const w = await world(t);
  const [nse, other] = [await w.as('nse'), await w.as('other')];
  const entry = NetworkServiceEndpoint.fromPartial({ name: 'nse-1', url: 'unix:///nse' });
  const call = () => ({ signal: AbortSignal.timeout(10_000), clock, log });
  const { endpoints } = remoteRegistries(nse.channel);
  const pathIds = [idOf('nse'), managerId];
  t.same((await endpoints.register(call(), entry)).pathIds, pathIds);
  t.same((await endpoints.register(call(), { ...entry, pathIds })).pathIds, pathIds, 'a refresh');
  const foreign = remoteRegistries(other.channel).endpoints;
  const mine = {
    code: 7,
    message: /rule client-allowed: endpoint nse-1 belongs to .*\/nse, not to .*\/other/,
  };
  await t.rejects(foreign.register(call(), { ...entry, pathIds }), mine);
  await t.rejects(foreign.unregister(call(), entry), mine);

  const unnamed = other.channel.unary(EndpointService.register, { ...entry, name: 'x' }, options());
  await t.rejects(unnamed, { code: 7, message: /rule prev-token-signed: .*metadata path/ });
  const wrong = options({ path: '{"Index":3}' });
  const odd = other.channel.unary(EndpointService.register, { ...entry, name: 'x' }, wrong);
  await t.rejects(odd, { code: 3, message: /metadata path/ });

  // Behind another manager: the registrant's token was made for that one.
  const between = await w.as('nsmgr');
  const nowS = Math.floor(Date.now() / 1000);
  const behind = await new SignJWT({ sub: idOf('far'), aud: [idOf('nsmgr')], exp: nowS + 60 })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(nse.own.key);
  const path = formatPath({ index: 1, tokens: [behind, 'stale'] });
  let answered = '';
  const far = await between.channel.unary(
    EndpointService.register,
    { ...entry, name: 'far', pathIds: [idOf('liar')] },
    { ...options({ path }), onHeaders: (headers) => (answered = headers['path'] ?? '') },
  );
  t.same(far.pathIds, [idOf('far'), idOf('nsmgr'), managerId]);
  const back = parsePath(answered);
  t.equal(back.index, 1, "the caller's own");
  t.same(
    back.tokens.map((token) => readToken(token).subject),
    far.pathIds,
  );

  await endpoints.unregister(call(), entry);
  t.same((await foreign.register(call(), entry)).pathIds, [idOf('other'), managerId]);
  t.equal(formatPath(emptyPath()), '{"Index":0,"PathSegments":null}');
});
