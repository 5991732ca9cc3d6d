// SPDX-License-Identifier: Apache-2.0
/** What serve does about sockets that are taken and peers that send nonsense. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { spawnSync } from 'node:child_process';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import type { Chain } from '../chain/element.js';
import { Connection, PathSegment } from '../gen/connection.js';
import { HealthService } from '../gen/health.js';
import { NetworkServiceService } from '../gen/networkservice.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import {
  dialler,
  echo,
  options,
  pair,
  server,
  socketUrl,
  wish,
} from '../../test/doubles/grpc-pair.js';
import type { Method } from './channel.js';
import { defaultDeadlineMs } from './incoming.js';

const { request } = NetworkServiceService;
const pathOf = (url: string): string => url.slice('unix://'.length);

t.test('the socket is for its owner alone unless told otherwise', async (t) => {
  const [one, two] = [await socketUrl(t), await socketUrl(t)];
  await server(t, one, { chain: echo });
  await server(t, two, { chain: echo, socketMode: 0o777 });
  t.equal((await stat(pathOf(one))).mode & 0o777, 0o600);
  t.equal((await stat(pathOf(two))).mode & 0o777, 0o777);
});

t.test('a stale socket is taken over; a live one, or another file, is not', async (t) => {
  const url = await socketUrl(t);
  const script = `require('net').createServer().listen(${JSON.stringify(pathOf(url))}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  t.ok((await stat(pathOf(url))).isSocket());
  await server(t, url, { chain: echo });
  await t.rejects(server(t, url, { chain: echo }), {
    code: status.ALREADY_EXISTS,
    message: /another process listens on/,
  });
  t.equal((await dialler(t).acquire(url).unary(request, wish('a'), options())).id, 'a');
  const file = await socketUrl(t);
  await writeFile(pathOf(file), 'precious');
  await t.rejects(server(t, file, { chain: echo }), { message: /is not a socket/ });
});

t.test('one URL that cannot be bound, and none is', async (t) => {
  const [one, two] = [await socketUrl(t), await socketUrl(t)];
  const taken = createServer().listen(pathOf(two));
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  await t.rejects(server(t, one, { chain: echo, listenOn: [one, two] }));
  await t.rejects(stat(pathOf(one)), { code: 'ENOENT' });
  await t.rejects(server(t, one, { listenOn: [one, 'tcp://192.0.2.1:1'] }), {
    message: /loopback/,
  });
});

t.test('missing folders are made, and a free port is told', async (t) => {
  const url = `${await socketUrl(t)}.d/a/x.sock`;
  const { urls } = await server(t, url, { chain: echo, listenOn: [url, 'tcp://127.0.0.1:0'] });
  t.equal(urls[0], url);
  t.match(urls[1], /^tcp:\/\/127\.0\.0\.1:[1-9]\d+$/);
  const channel = dialler(t).acquire(urls[1] ?? '');
  t.equal((await channel.unary(request, wish('a'), options())).id, 'a');
});

t.test('a call without deadline gets one', async (t) => {
  const clock = new ManualClock();
  let arrived: (signal: AbortSignal) => void = () => undefined;
  const arrival = new Promise<AbortSignal>((resolve) => (arrived = resolve));
  const chain: Chain = {
    ...echo,
    request(call) {
      arrived(call.signal);
      return new Promise(() => undefined);
    },
  };
  const channel = await pair(t, { chain, clock });
  const { signal } = new AbortController();
  const answer = channel.unary(request, wish('a'), { signal });
  const refused = t.rejects(answer, { code: status.DEADLINE_EXCEEDED });
  const seen = await arrival;
  await clock.advance(defaultDeadlineMs - 1);
  t.notOk(seen.aborted);
  await clock.advance(1);
  await refused;
  t.ok(seen.aborted);
  t.equal(clock.timers, 0);
});

t.test('health is served for each service and for the server', async (t) => {
  const channel = await pair(t, { chain: echo });
  const check = (service: string) => channel.unary(HealthService.check, { service }, options());
  t.match(await check(''), { status: 1 });
  t.match(await check('networkservice.NetworkService'), { status: 1 });
  await t.rejects(check('registry.NetworkServiceRegistry'), { code: status.NOT_FOUND });
  const { signal } = new AbortController();
  const statuses: number[] = [];
  for (const service of ['', 'x']) {
    for await (const one of channel.stream(HealthService.watch, { service }, { signal })) {
      statuses.push(one.status);
      break;
    }
  }
  t.same(statuses, [1, 3]);
});

/** Sends bytes of our choice to a real RPC. */
function raw(path: string): Method<Buffer, Connection> {
  return {
    path,
    requestSerialize: (bytes) => bytes,
    responseDeserialize: (bytes) => Connection.decode(bytes),
  };
}

t.test('nonsense is refused, and the server lives', async (t) => {
  const channel = await pair(t, { chain: echo });
  const send = (bytes: Buffer, path: string = request.path) =>
    channel.unary(raw(path), bytes, options());
  await t.rejects(send(Buffer.from('ff', 'hex')), { code: status.INTERNAL });
  await t.rejects(send(Buffer.alloc(0)), {
    code: status.INVALID_ARGUMENT,
    message: 'connection: nothing is not valid: want a connection',
  });
  await t.rejects(send(Buffer.alloc(0), '/networkservice.NetworkService/Nothing'), {
    code: status.UNIMPLEMENTED,
  });
  await t.rejects(send(Buffer.alloc(2_000_000)), { code: status.RESOURCE_EXHAUSTED });
  // Groups within groups, which the decoder skips by recursion.
  await t.rejects(send(Buffer.alloc(1_000_000, 0x7b)), { code: status.INTERNAL });
  t.equal((await channel.unary(request, wish('a'), options())).id, 'a');
});

t.test('bytes that are no HTTP/2 hurt nobody', async (t) => {
  const url = await socketUrl(t);
  await server(t, url, { chain: echo });
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const texts = [randomBytes(65_536), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(0)];
  for (const bytes of [...texts, Buffer.concat([preface, randomBytes(65_536)])]) {
    const socket = connect(pathOf(url));
    socket.on('error', () => undefined);
    socket.resume();
    socket.end(bytes);
    await once(socket, 'close');
  }
  await settle();
  t.equal((await dialler(t).acquire(url).unary(request, wish('a'), options())).id, 'a');
});

t.test('a field without a sane size is named', async (t) => {
  const channel = await pair(t, { chain: echo });
  const long = 'x'.repeat(20_000);
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [String(at), '']));
  const segment = PathSegment.create();
  const segments = Array.from({ length: 65 }, () => segment);
  const of = Connection.fromPartial.bind(Connection);
  const cases: readonly (readonly [string, Connection])[] = [
    ['connection.id', of({ id: long })],
    ['connection.network_service', of({ networkService: long })],
    ['connection.labels', of({ labels: many })],
    ['connection.labels: key', of({ labels: { [long]: '' } })],
    ['connection.labels.a', of({ labels: { a: long } })],
    ['connection.mechanism.parameters.name', of({ mechanism: { parameters: { name: long } } })],
    ['connection.path.index', of({ path: { index: 1, pathSegments: [segment] } })],
    ['connection.path.path_segments', of({ path: { pathSegments: segments } })],
    [
      'connection.path.path_segments[1].name',
      of({ path: { pathSegments: [segment, { name: long }] } }),
    ],
    [
      'connection.context.ip_context.src_routes[0].prefix',
      of({ context: { ipContext: { srcRoutes: [{ prefix: long }] } } }),
    ],
    ['connection.context.extra_context.a', of({ context: { extraContext: { a: long } } })],
  ];
  for (const [field, connection] of cases) {
    const message = { connection, mechanismPreferences: [] };
    const answer = channel.unary(request, message, options());
    const failure: unknown = await answer.catch((reason: unknown) => reason);
    t.match(failure, { code: status.INVALID_ARGUMENT }, field);
    t.ok(failure instanceof Error && failure.message.startsWith(`${field}: `), String(failure));
  }
});
