// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { svid, type TestSource } from '../../../test/doubles/certificates.js';
import { options, wish } from '../../../test/doubles/grpc-pair.js';
import {
  clientId,
  dialling,
  edge,
  good,
  listening,
  other,
  reasonOf,
  seeing,
  serverId,
  serving,
  trusted,
} from '../../../test/doubles/tls-pair.js';
import { systemClock } from '../../chain/clock.js';
import type { Peer } from '../../chain/peer.js';
import { MonitorConnectionService } from '../../gen/connection.js';
import { NetworkServiceService } from '../../gen/networkservice.js';
import { spiffe } from '../../identity/security.js';
import { verifyToken } from '../../identity/token.js';

const { request } = NetworkServiceService;
const openFiles = (): number => readdirSync('/proc/self/fd').length;

t.test(
  'both ends know each other, and each call has a token for that very connection',
  async (t) => {
    const [ours, theirs] = [await good(clientId), await good(serverId)];
    const seen = seeing();
    const server = await serving(t, spiffe(theirs), { chain: seen.chain });
    const before = openFiles();
    // Tokens last a second of this clock.
    const nowMs = Date.now();
    const clock = { ...systemClock, now: () => nowMs };
    const all = dialling(t, spiffe(ours), 10_000, { clock });
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
  const fd = await carrier?.descriptors?.take(answer, AbortSignal.timeout(10_000));
  t.equal(fstatSync(fd ?? -1, { bigint: true }).ino, answer.ino);
  closeSync(fd ?? -1);
  await sleep(20);
  t.ok(openFiles() <= before + 1, 'the answer stays a while, and nothing else');
  const never = carrier?.descriptors?.take({ dev: 4n, ino: 1n }, AbortSignal.timeout(20));
  await t.rejects(Promise.resolve(never), { code: status.NOT_FOUND, message: /did not come/ });
  const overTcp = all.acquire(server.urls[1] ?? '');
  seen.calls.length = 0;
  await t.rejects(overTcp.unary(request, wish('a'), options(change)), 'TCP carries none');
  t.equal(seen.calls[0]?.peer?.descriptors, undefined);
  t.equal(carrier?.descriptors, undefined);
});

t.test('handshakes that stop half-way leave nothing, however many', async (t) => {
  const { log, text } = listening();
  // Tests do not wait for as long as servers do.
  const handshakeMs = 2_000;
  const change = { chain: seeing().chain, log, handshakeMs };
  const server = await serving(t, spiffe(await good(serverId)), change);
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
  const all = dialling(t, spiffe(await good(clientId)), 3_000, { handshakeMs });
  const channel = all.acquire(`unix://${path}.silent`);
  const words = /the peer did not end its TLS handshake within 2000 ms/;
  const call = () => channel.unary(request, wish('a'), options());
  t.match(await reasonOf(words, call), { message: words });
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
    const all = dialling(t, spiffe(ours), 5_000);
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
      await until(() => seen.calls.length === 8);
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
      await until(() => messages > then);
      t.equal(streamEnd, 'runs', 'the stream that was open goes on');
      t.ok(messages > then);
      t.equal(failed, 0, 'no call failed');
      let shown: Peer | undefined;
      const newest = (peer: Peer | undefined, of: TestSource): boolean =>
        peer?.publicKey.equals(of.current().svid.certificate.publicKey) === true;
      await until(async () => {
        seen.calls.length = 0;
        await channel.unary(request, wish('b'), options({ onPeer: (peer) => (shown = peer) }));
        return newest(seen.calls[0]?.peer, ours) && newest(shown, theirs);
      });
      t.notOk(firstPeers.has(seen.calls[0]?.peer));
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

/** What it has not come to then is asserted after it. */
async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  for (let at = 0; at < 1_000 && !(await is()); at++) await sleep(20);
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
