// SPDX-License-Identifier: Apache-2.0
/** One peer at several addresses: which is used, what a dead one costs, and what is told when none answers. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { systemClock } from '../chain/clock.js';
import type { Chain } from '../chain/element.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { NetworkServiceService } from '../gen/networkservice.js';
import { insecure } from '../identity/security.js';
import { silentLogger } from '../log/log.js';
import { dialler, echo, options, wish } from '../../test/doubles/grpc-pair.js';
import { parseAddresses, peerUrl } from './address.js';
import { serve, type Serving } from './serve.js';

const { request } = NetworkServiceService;

/** A server on `host`, and on the port it had before where that is given. */
async function at(t: Test, host: string, port = 0, chain: Chain = echo) {
  const plain = { security: insecure('test'), log: silentLogger(), clock: systemClock };
  const serving: Serving = await serve({
    listenOn: [`tcp://${host}:${String(port)}`],
    chain,
    ...plain,
  });
  t.teardown(() => serving.close(0));
  const place = (serving.urls[0] ?? '').slice('tcp://'.length);
  return { place, port: Number(/\d+$/.exec(place)?.[0]), close: () => serving.close(0) };
}

/** An address where connections are taken and nothing is ever said; `connections` counts them. */
async function silent(t: Test): Promise<{ place: string; connections: () => number }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.4', resolve);
  });
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { place: `127.0.0.4:${String(port)}`, connections: () => sockets.length };
}

/** A way to 127.0.0.2 that can be made to carry nothing any more. */
async function relay(t: Test, port: number): Promise<{ place: string; freeze: () => void }> {
  const sockets: Socket[] = [];
  let frozen = false;
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    if (frozen) return;
    const onward = connect(port, '127.0.0.2');
    sockets.push(onward.on('error', () => undefined));
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.4', resolve);
  });
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const freeze = (): void => {
    frozen = true;
    for (const socket of sockets) socket.unpipe().pause();
  };
  return { place: `127.0.0.4:${String((server.address() as AddressInfo).port)}`, freeze };
}

/** An address where nobody listens any more. */
async function deadPlace(t: Test): Promise<string> {
  const gone = await at(t, '127.0.0.5');
  await gone.close();
  return gone.place;
}

/** A chain that says who it is. */
function named(name: string): Chain {
  return {
    ...echo,
    request: (_call, { connection }) => Promise.resolve({ ...connection, networkService: name }),
  };
}

t.test(
  'the first that connects answers: a dead and a silent one before it do not matter',
  async (t) => {
    const live = await at(t, '127.0.0.2');
    const url = peerUrl([await deadPlace(t), (await silent(t)).place, live.place]);
    const channel = dialler(t, 60_000).acquire(url);
    t.equal((await channel.unary(request, wish('a'), options())).id, 'a');
  },
);

t.test('the first is preferred, and names and both families may be mixed', async (t) => {
  const one = await at(t, '127.0.0.2', 0, named('one'));
  const two = await at(t, '[::1]', 0, named('two'));
  const ask = async (...places: string[]): Promise<string> => {
    using channel = dialler(t).acquire(peerUrl(places));
    return (await channel.unary(request, wish('a'), options())).networkService;
  };
  t.equal(await ask(one.place, two.place), 'one');
  t.equal(await ask(two.place, one.place), 'two');
  const three = await at(t, '127.0.0.1', 0, named('three'));
  t.equal(await ask(await deadPlace(t), `localhost:${String(three.port)}`, one.place), 'three');
});

t.test('a connection that breaks is made again at whichever address answers', async (t) => {
  const one = await at(t, '127.0.0.2', 0, named('one'));
  const two = await at(t, '127.0.0.3', 0, named('two'));
  const channel = dialler(t).acquire(peerUrl([one.place, two.place]));
  const who = async (): Promise<string> =>
    (await channel.unary(request, wish('a'), options())).networkService;
  t.equal(await who(), 'one');
  await one.close();
  t.equal(await who(), 'two');
  const again = await at(t, '127.0.0.2', one.port, named('one'));
  t.equal(await who(), 'two', 'what works is not left');
  await two.close();
  t.equal(await who(), 'one');
  await again.close();
});

t.test('a peer that comes late is waited for', async (t) => {
  const gone = await at(t, '127.0.0.2');
  await gone.close();
  const channel = dialler(t, 20_000).acquire(peerUrl([await deadPlace(t), gone.place]));
  const answer = channel.unary(request, wish('a'), options({ deadlineMs: Date.now() + 20_000 }));
  await at(t, '127.0.0.2', gone.port);
  t.equal((await answer).id, 'a');
});

t.test('nobody there: unreachable, with what was wrong at each address', async (t) => {
  const [dead, mute] = [await deadPlace(t), await silent(t)];
  const channel = dialler(t, 500).acquire(peerUrl([dead, mute.place]));
  const failure = await channel.unary(request, wish('a'), options()).catch((e: unknown) => e);
  t.ok(failure instanceof UnreachableError);
  t.match(failure, {
    code: status.UNAVAILABLE,
    message: `tcp://${dead},${mute.place}: ${dead}: connect ECONNREFUSED ${dead}; ${mute.place}: no answer within 500 ms`,
  });
  await t.rejects(channel.unary(request, wish('a'), options()), { code: status.UNAVAILABLE });
  t.equal(mute.connections(), 1, 'who does not answer is not rung twice');
});

t.test('a call that heard nothing makes the next one look elsewhere', async (t) => {
  const one = await at(t, '127.0.0.2', 0, named('one'));
  const two = await at(t, '127.0.0.3', 0, named('two'));
  const way = await relay(t, one.port);
  const channel = dialler(t, 10_000).acquire(peerUrl([way.place, two.place]));
  const who = async (timeoutMs: number): Promise<string> => {
    const deadlineMs = Date.now() + timeoutMs;
    return (await channel.unary(request, wish('a'), options({ deadlineMs }))).networkService;
  };
  t.equal(await who(10_000), 'one');
  way.freeze();
  await t.rejects(who(100), { code: status.DEADLINE_EXCEEDED });
  t.equal(await who(10_000), 'two');
});

t.test('what is no list of addresses', (t) => {
  for (const url of [
    'tcp://a:1,',
    'tcp://,a:1',
    'tcp://a:1,b',
    'tcp://a:1,unix:///x',
    'tcp://a:1 ,b:1',
  ]) {
    t.throws(() => parseAddresses(url), { code: status.INVALID_ARGUMENT }, url);
  }
  const many = peerUrl(Array.from({ length: 17 }, (_, at) => `h:${String(at + 1)}`));
  t.throws(() => parseAddresses(many), { message: /at most 16 addresses/ });
  t.same(parseAddresses('tcp://[2001:db8::1]:5,h:6,h:6').length, 2, 'none twice');
  t.end();
});
