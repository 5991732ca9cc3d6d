// SPDX-License-Identifier: Apache-2.0
import t, { type Test } from 'tap';
import { status } from '@grpc/grpc-js';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { authority, svid, TestSource } from '../../../test/doubles/certificates.js';
import { options, socketUrl, wish } from '../../../test/doubles/grpc-pair.js';
import type { Call } from '../../chain/call.js';
import { systemClock } from '../../chain/clock.js';
import type { Chain } from '../../chain/element.js';
import type { Peer } from '../../chain/peer.js';
import { MonitorConnectionService } from '../../gen/connection.js';
import { NetworkServiceService } from '../../gen/networkservice.js';
import { insecure, spiffe, type Security } from '../../identity/security.js';
import { verifyToken } from '../../identity/token.js';
import type { Bundles, Svid } from '../../identity/types.js';
import { silentLogger, type Logger } from '../../log/log.js';
import type { Channels } from '../channel.js';
import { channels } from '../dial.js';
import { serve, type ServeOptions, type Serving } from '../serve.js';

const edge = await authority('edge.test');
const other = await authority('other.test');
const clientId = 'spiffe://edge.test/client';
const serverId = 'spiffe://edge.test/server';
const trusted: Bundles = new Map([
  ['edge.test', [edge.certificate]],
  ['other.test', [other.certificate]],
]);
const { request } = NetworkServiceService;
const openFiles = (): number => readdirSync('/proc/self/fd').length;

/** A logger whose lines can be read. */
function listening(): { log: Logger; text: () => string } {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  return { log, text: () => lines.join('') };
}

interface Seen {
  readonly calls: Call[];
  readonly chain: Chain;
}

/** A chain that keeps each call. */
function seeing(act: (call: Call) => Promise<void> = () => Promise.resolve()): Seen {
  const calls: Call[] = [];
  const chain: Chain = {
    async request(call, { connection }) {
      calls.push(call);
      await act(call);
      return connection;
    },
    close: () => Promise.resolve(),
  };
  return { calls, chain };
}

/** Tests do not wait for half a minute. */
const handshakeMs = 2_000;

async function serving(
  t: Test,
  security: Security,
  change: Partial<ServeOptions>,
): Promise<Serving> {
  const log = silentLogger();
  const listenOn = [await socketUrl(t), 'tcp://127.0.0.1:0'];
  const server = await serve({
    listenOn,
    security,
    log,
    clock: systemClock,
    handshakeMs,
    ...change,
  });
  t.teardown(() => server.close(0));
  return server;
}

function dialling(t: Test, security: Security, dialTimeoutMs = 2_000) {
  const all = channels({ security, dialTimeoutMs, log: silentLogger(), handshakeMs });
  t.teardown(() => {
    all[Symbol.dispose]();
  });
  return all;
}

const good = async (id: string, bundles = trusted) => new TestSource(await svid(edge, id), bundles);

t.test(
  'both ends know each other, and each call has a token for that very connection',
  async (t) => {
    const [ours, theirs] = [await good(clientId), await good(serverId)];
    const seen = seeing();
    const server = await serving(t, spiffe(theirs), { chain: seen.chain });
    const before = openFiles();
    const all = channels({ security: spiffe(ours), dialTimeoutMs: 2_000, log: silentLogger() });
    const several = `tcp://127.0.0.1:1,${String(server.urls[1]).slice('tcp://'.length)}`;
    for (const url of [...server.urls, several]) {
      const channel = all.acquire(url);
      let carrier: Peer | undefined;
      const onPeer = (peer: Peer): void => {
        carrier = peer;
      };
      await channel.unary(request, wish('a'), options({ onPeer }));
      await channel.unary(request, wish('a'), options());
      const [first, second] = seen.calls.splice(0);
      t.equal(carrier?.id, serverId);
      t.equal(first?.peer?.id, clientId);
      t.equal(first?.peer, second?.peer, 'one connection');
      t.equal(first?.token?.token, second?.token?.token, 'and, within a second, one token');
      const key = ours.current().svid.certificate.publicKey;
      const claims = await verifyToken(first?.token?.token ?? '', key, {
        audience: serverId,
        nowMs: Date.now(),
      });
      t.match(claims, { subject: clientId, audience: [serverId] });
      const back = await first?.peer?.token();
      t.match(
        await verifyToken(back?.token ?? '', theirs.current().svid.certificate.publicKey, {
          audience: clientId,
          nowMs: Date.now(),
        }),
        { subject: serverId },
      );
    }
    all[Symbol.dispose]();
    await until(() => openFiles() <= before);
    t.ok(openFiles() <= before, 'nothing stays open');
  },
);

t.test('descriptors in both directions, and one that never comes', async (t) => {
  const folder = t.testdir({});
  const files = Array.from({ length: 40 }, (_, at) => {
    mkdirSync(join(folder, String(at)));
    const fd = openSync(join(folder, String(at)), 'r');
    t.teardown(() => {
      closeSync(fd);
    });
    return { fd, ...fstatSync(fd, { bigint: true }) };
  });
  const [answer, ...rest] = files;
  if (answer === undefined) throw new Error('no file');
  const got: bigint[] = [];
  const seen = seeing(async ({ peer, signal, deadlineMs }) => {
    const soon = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs - Date.now())]);
    for (const file of rest) {
      const fd = await peer?.descriptors?.take(file, soon);
      got.push(fstatSync(fd ?? -1, { bigint: true }).ino);
      closeSync(fd ?? -1);
    }
    peer?.descriptors?.send(answer.fd);
  });
  const server = await serving(t, spiffe(await good(serverId)), { chain: seen.chain });
  const all = dialling(t, spiffe(await good(clientId)));
  const channel = all.acquire(server.urls[0] ?? '');
  await channel.unary(request, wish('warm'), options({ descriptors: rest.map(({ fd }) => fd) }));
  got.length = 0;
  const before = openFiles();
  let carrier: Peer | undefined;
  const change = {
    descriptors: rest.map(({ fd }) => fd),
    onPeer: (peer: Peer) => {
      carrier = peer;
    },
  };
  await Promise.all(
    Array.from({ length: 8 }, () => channel.unary(request, wish('a'), options(change))),
  );
  t.equal(got.length, 8 * rest.length);
  t.same(new Set(got), new Set(rest.map(({ ino }) => ino)));
  const fd = await carrier?.descriptors?.take(answer, AbortSignal.timeout(2_000));
  t.equal(fstatSync(fd ?? -1, { bigint: true }).ino, answer.ino);
  closeSync(fd ?? -1);
  await sleep(20);
  t.ok(openFiles() <= before + 1, 'the answer stays a while, and nothing else');
  const never = carrier?.descriptors?.take({ dev: 4n, ino: 1n }, AbortSignal.timeout(20));
  await t.rejects(Promise.resolve(never), { code: status.NOT_FOUND, message: /did not come/ });
  const overTcp = all.acquire(server.urls[1] ?? '');
  const short = options({ ...change, deadlineMs: Date.now() + 2_000 });
  seen.calls.length = 0;
  await t.rejects(overTcp.unary(request, wish('a'), short), 'TCP carries none');
  t.equal(seen.calls[0]?.peer?.descriptors, undefined);
  t.equal(carrier?.descriptors, undefined);
});

/** What is wrong with a certificate, and what its peer says. */
const hourMs = 3_600_000;
const wrong: Record<string, [RegExp, () => Promise<Svid>]> = {
  expired: [
    /was valid until/,
    () =>
      svid(edge, clientId, {
        notBeforeMs: Date.now() - 2 * hourMs,
        notAfterMs: Date.now() - hourMs,
      }),
  ],
  'not yet valid': [
    /is valid from/,
    () =>
      svid(edge, clientId, {
        notBeforeMs: Date.now() + hourMs,
        notAfterMs: Date.now() + 2 * hourMs,
      }),
  ],
  'of an unknown domain': [
    /trust domain nowhere\.test is not known here/,
    async () => svid(await authority('nowhere.test'), 'spiffe://nowhere.test/x'),
  ],
  "of one domain, signed by another's root": [
    /signed by a root of other\.test, which may not speak for edge\.test/,
    () => svid(other, clientId),
  ],
  'of a root that is no more': [
    /not signed by any root that is known here for edge\.test/,
    async () => svid(await authority('edge.test'), clientId),
  ],
  'without a SPIFFE ID': [/no URI/, () => svid(edge, clientId, { uris: [] })],
  'with two SPIFFE IDs': [/2 URIs/, () => svid(edge, clientId, { uris: [clientId, serverId] })],
  "a CA's": [/CA's certificate/, () => svid(edge, clientId, { isAuthority: true })],
};

t.test('certificates that are not accepted, from either end', async (t) => {
  const { log, text } = listening();
  const rightServer = await serving(t, spiffe(await good(serverId)), {
    chain: seeing().chain,
    log,
  });
  // All at once on a busy machine.
  const patienceMs = 4_000;
  const right = dialling(t, spiffe(await good(clientId)), patienceMs);
  const cases = Object.entries(wrong).map(async ([name, [words, make]]) => {
    const bad = spiffe(new TestSource(await make(), trusted));
    const { urls } = await serving(t, bad, { chain: seeing().chain });
    const badClient = dialling(t, bad, patienceMs);
    const refused = /right after the TLS handshake: it may have refused our certificate/;
    const call = (all: Channels, url: string): Promise<unknown> =>
      all.acquire(url).unary(request, wish('a'), options());
    await Promise.all([
      ...rightServer.urls.map((url) => t.rejects(call(badClient, url), { message: refused }, name)),
      ...urls.map((url) => t.rejects(call(right, url), { message: words }, `a server's: ${name}`)),
    ]);
    t.match(text(), words, `the server says why: ${name}`);
  });
  await Promise.all(cases);
});

t.test('plaintext to TLS and the reverse, in clear words', async (t) => {
  const { log, text } = listening();
  const server = await serving(t, spiffe(await good(serverId)), { chain: seeing().chain, log });
  for (const url of server.urls) {
    const call = dialling(t, insecure('x'), 300).acquire(url).unary(request, wish('a'), options());
    await t.rejects(call, { message: /plaintext/ });
  }
  t.match(text(), /a client does not speak TLS: does it run with WANWIRE_INSECURE=true/);
  const plain = await serving(t, insecure('x'), { chain: seeing().chain });
  for (const url of plain.urls) {
    const all = dialling(t, spiffe(await good(clientId)), 300);
    const call = all.acquire(url).unary(request, wish('a'), options());
    await t.rejects(call, { message: /the peer does not speak TLS: does it run with WANWIRE_INS/ });
  }
});

t.test('handshakes that stop half-way leave nothing, however many', async (t) => {
  const { log, text } = listening();
  const server = await serving(t, spiffe(await good(serverId)), { chain: seeing().chain, log });
  const path = server.urls[0]?.slice('unix://'.length) ?? '';
  const hello = await clientHello();
  const before = openFiles();
  for (let at = 0; at < 60; at++) {
    const socket = connect(path);
    await once(socket, 'connect');
    if (at % 3 > 0) socket.write(at % 3 === 1 ? hello : hello.subarray(0, hello.length / 2));
    await sleep(1);
    if (at % 2 === 0) socket.destroy();
    else socket.end();
    socket.on('error', () => undefined).resume();
  }
  await until(() => openFiles() <= before);
  t.equal(openFiles(), before, 'no descriptors left');
  // Some that stay and say nothing, at either end.
  const slow = connect(path);
  const closed = once(slow.resume(), 'close');
  const silent = createServer((socket) => socket.resume()).listen(`${path}.silent`);
  t.teardown(() => silent.close());
  const all = dialling(t, spiffe(await good(clientId)), 3_000);
  const call = all.acquire(`unix://${path}.silent`).unary(request, wish('a'), options());
  await t.rejects(call, { message: /the peer did not end its TLS handshake within 2000 ms/ });
  await closed;
  t.match(text(), /did not end its TLS handshake within 2000 ms/);
});

t.test(
  'rotation: new calls over new connections, streams go on, bundles can be withdrawn',
  async (t) => {
    const [ours, theirs] = [await good(clientId), await good(serverId)];
    const seen = seeing();
    const stop = new AbortController();
    const events = {
      async *subscribe(_selector: unknown, signal: AbortSignal) {
        for (;;) {
          yield { type: 1 as const, connections: {} };
          await sleep(10, undefined, { signal }).catch(() => undefined);
          if (signal.aborted) return;
        }
      },
    };
    const server = await serving(t, spiffe(theirs), { chain: seen.chain, events });
    const all = dialling(t, spiffe(ours));
    const several = `tcp://127.0.0.1:1,${String(server.urls[1]).slice('tcp://'.length)}`;
    for (const url of [server.urls[0] ?? '', several]) {
      const channel = all.acquire(url);
      const selector = { pathSegments: [], networkServices: [] };
      let messages = 0;
      let failed = 0;
      let streamEnd: unknown = 'runs';
      const watch = async (): Promise<void> => {
        const stream = channel.stream(MonitorConnectionService.monitorConnections, selector, {
          signal: stop.signal,
        });
        for await (const _ of stream) messages++;
        streamEnd = 'ended';
      };
      const watching = watch().catch((reason: unknown) => {
        streamEnd = reason;
      });
      let loading = true;
      const load = Array.from({ length: 8 }, async () => {
        while (loading) {
          await channel.unary(request, wish('a'), options()).catch((reason: unknown) => {
            failed++;
            t.comment(String(reason));
          });
          seen.calls.length = Math.min(seen.calls.length, 8);
        }
      });
      await sleep(100);
      const firstPeers = new Set(seen.calls.map(({ peer }) => peer));
      for (let turn = 0; turn < 3; turn++) {
        ours.set(await svid(edge, clientId), trusted);
        await sleep(60);
        theirs.set(await svid(edge, serverId), trusted);
        await sleep(150);
      }
      loading = false;
      await Promise.all(load);
      const then = messages;
      await sleep(50);
      t.equal(streamEnd, 'runs', 'the stream that was open goes on');
      t.ok(messages > then);
      t.equal(failed, 0, 'no call failed');
      seen.calls.length = 0;
      let shown: Peer | undefined;
      await channel.unary(request, wish('b'), options({ onPeer: (peer) => (shown = peer) }));
      t.notOk(firstPeers.has(seen.calls[0]?.peer));
      const newest = (peer: Peer | undefined, of: TestSource): boolean | undefined =>
        peer?.publicKey.equals(of.current().svid.certificate.publicKey);
      t.ok(newest(seen.calls[0]?.peer, ours), 'the server sees the new certificate');
      t.ok(newest(shown, theirs), 'the client sees the new certificate');
      const { svid: own } = theirs.current();
      theirs.set(own, new Map([['other.test', [other.certificate]]]));
      await watching;
      t.type(streamEnd, Error, 'who is trusted no more is cut off');
      await t.rejects(channel.unary(request, wish('c'), options()), { code: status.UNAVAILABLE });
      theirs.set(own, trusted);
      await channel.unary(request, wish('c'), options());
      channel[Symbol.dispose]();
    }
  },
);

async function until(is: () => boolean): Promise<void> {
  for (let at = 0; at < 100 && !is(); at++) await sleep(20);
}

/** What a TLS client says first. */
async function clientHello(): Promise<Buffer> {
  const { connect: connectTls } = await import('node:tls');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}
