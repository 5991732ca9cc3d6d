// SPDX-License-Identifier: Apache-2.0
/**
 * A real Envoy with our configuration, before a server that tells from which address it was asked: each
 * class has its own (of loopback), so the answer tells which cluster a request took.
 */
import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { httpRuleOf } from '../../api/site/http-match.js';
import { parsePolicies } from '../../api/site/policy.js';
import { envoyBootstrap, envoyRoutes } from '../../cli/envoy/static.js';
import {
  loggedRequest,
  requestBytes,
  requestPolicy,
  sentRequests,
} from '../doubles/http-requests.js';
import { exchange, freePort, startEnvoy } from './envoy.js';

const [policy] = parsePolicies(requestPolicy, 'requests.yaml');
if (policy === undefined) throw new Error('no policy');
const classes = policy.httpRules.map((rule) => rule.class);
const addressOf = (of: string): string => `127.0.1.${String(classes.indexOf(of) + 1)}`;
const common = {
  service: 'echo',
  policy,
  by: 'source',
  networkServices: classes.map((of) => `kernel://wan-${of}/nsm-${of}`).join(','),
  sources: Object.fromEntries(classes.map((of) => [of, addressOf(of)])),
} as const;

/** The class of the address that a request came from; nothing for that of no class. */
const classFrom = (address: string): string | undefined =>
  classes.find((of) => addressOf(of) === address);

t.test('Envoy takes the route that httpRuleOf tells', async (t) => {
  const server = createServer({ maxHeaderSize: 128 * 1024 }, (request, response) => {
    response.end(request.socket.remoteAddress);
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  await once(server, 'listening');
  const folder = t.testdir();
  const port = await freePort();
  const log = join(folder, 'access.log');
  const bootstrap = envoyBootstrap({
    ...common,
    upstream: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    listen: `127.0.0.1:${String(port)}`,
    accessLogs: [`file:${log}`],
  });
  const plain = Buffer.from('GET /ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  const envoy = await startEnvoy(t, folder, bootstrap, { ready: () => exchange(port, plain) });
  for (const sent of sentRequests) {
    const logged = loggedRequest(sent);
    const name = `${sent.method} ${sent.path} ${sent.host} ${JSON.stringify(sent.headers)}`;
    const { status, body } = await exchange(port, requestBytes(sent));
    const found = { status, class: classFrom(body), rule: httpRuleOf(policy, logged)?.name };
    t.strictSame(found, { status: 200, class: sent.rule, rule: sent.rule }, name.slice(0, 100));
  }

  const head = 'GET / HTTP/1.1\r\nhost: a\r\nuser: ';
  const big = Buffer.from(`${head}${'x'.repeat(64 * 1024)}\r\n\r\n`);
  t.match(await exchange(port, big), { status: 431 }, 'a header of 64 KB is refused, and in words');
  const control = Buffer.concat([
    Buffer.from(head),
    Buffer.from([0x00, 0x01]),
    Buffer.from('\r\n\r\n'),
  ]);
  t.match(await exchange(port, control), { status: 400 });
  const latin = Buffer.concat([
    Buffer.from(head),
    Buffer.from([0x62, 0xf6]),
    Buffer.from('\r\nconnection: close\r\n\r\n'),
  ]);
  t.match(
    await exchange(port, latin),
    { status: 200, body: '127.0.0.1' },
    'bytes that are no UTF-8',
  );
  const tunnel = Buffer.from(
    'CONNECT api.example:443 HTTP/1.1\r\nhost: api.example:443\r\nuser: boss\r\n\r\n',
  );
  t.match(await exchange(port, tunnel), { status: 404 }, 'nor is a tunnel opened');
  const star = Buffer.from('OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  t.match(await exchange(port, star), { status: 404 });
  t.ok(envoy.alive(), 'and goes on');

  const lines = async () => {
    const said = await readFile(log, 'utf8');
    // What comes after the last end of a line is half written.
    const all = said.split('\n').slice(0, -1);
    return all
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ path }) => path !== '/ready');
  };
  // It writes its log now and then.
  while ((await lines()).length < sentRequests.length + 5)
    await new Promise((go) => setTimeout(go, 100));
  for (const [at, line] of (await lines()).slice(0, sentRequests.length).entries()) {
    const { rule } = sentRequests[at] ?? {};
    t.equal(line['route'], rule === undefined ? 'default' : `rule:${rule}`, 'in its log too');
  }
});

t.test('HTTP/2 with prior knowledge stays HTTP/2', async (t) => {
  const server = createHttp2Server((request, response) => {
    response.end(`${request.httpVersion} ${String(request.socket.remoteAddress)}`);
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const port = await freePort();
  const bootstrap = envoyBootstrap({
    ...common,
    upstream: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    listen: `127.0.0.1:${String(port)}`,
  });
  const ask = async (count: number, headers: Record<string, string>): Promise<string[]> => {
    const session = connectHttp2(`http://127.0.0.1:${String(port)}`);
    session.on('error', () => undefined);
    try {
      return await Promise.all(
        Array.from({ length: count }, async () =>
          text(session.request({ ':path': '/', ...headers })),
        ),
      );
    } finally {
      session.destroy();
    }
  };
  await startEnvoy(t, t.testdir(), bootstrap, { ready: () => ask(1, {}) });
  const same = (all: readonly string[]) => [...new Set(all)];
  t.strictSame(same(await ask(200, { user: 'boss' })), [`2.0 ${addressOf('boss')}`]);
  t.strictSame(same(await ask(200, { user: 'minion' })), ['2.0 127.0.0.1']);
  t.strictSame(same(await ask(1, { ':authority': 'API.example' })), [`2.0 ${addressOf('host')}`]);
  t.strictSame(same(await ask(1, { ':path': '/v1/get', user: 'boss' })), [
    `2.0 ${addressOf('boss')}`,
  ]);
});

t.test('other routes are in force without another Envoy', async (t) => {
  const server = createServer((request, response) => {
    response.end(request.socket.remoteAddress);
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  await once(server, 'listening');
  const [folder, port] = [t.testdir(), await freePort()];
  const routesFile = join(folder, 'routes.json');
  const options = {
    ...common,
    upstream: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    listen: `127.0.0.1:${String(port)}`,
    routesFile,
  };
  const place = async (text: string): Promise<void> => {
    const [policy] = parsePolicies(text, 'routes.yaml');
    if (policy === undefined) throw new Error('no policy');
    await writeFile(`${routesFile}.new`, JSON.stringify(envoyRoutes({ ...options, policy })));
    await rename(`${routesFile}.new`, routesFile);
  };
  const minion = Buffer.from(
    'GET / HTTP/1.1\r\nhost: a\r\nuser: minion\r\nconnection: close\r\n\r\n',
  );
  await place(requestPolicy);
  await startEnvoy(t, folder, envoyBootstrap(options), { ready: () => exchange(port, minion) });
  t.match(await exchange(port, minion), { status: 200, body: '127.0.0.1' });
  await place(requestPolicy.replace('{user: boss}', '{user: minion}'));
  let answer = await exchange(port, minion);
  while (answer.body === '127.0.0.1') answer = await exchange(port, minion);
  t.strictSame(answer, { status: 200, body: addressOf('boss') });
});
