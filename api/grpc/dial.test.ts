// SPDX-License-Identifier: Apache-2.0
/** What dial does about peers that are not there, come late, come back, or must not be dialled. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { UnreachableError } from '../errors/unreachable-error.js';
import { WireError } from '../errors/wire-error.js';
import { NetworkServiceService } from '../gen/networkservice.js';
import { insecure } from '../identity/security.js';
import { silentLogger } from '../log/log.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { dialler, echo, options, server, socketUrl, wish } from '../../test/doubles/grpc-pair.js';
import { channels } from './dial.js';

const { request } = NetworkServiceService;

t.test('nobody there: unreachable within the dial timeout, with the reason', async (t) => {
  const url = await socketUrl(t);
  const channel = dialler(t, 100).acquire(url);
  const failure = await channel.unary(request, wish('a'), options()).catch((e: unknown) => e);
  t.ok(failure instanceof UnreachableError);
  t.match(failure, { code: status.UNAVAILABLE, message: /^unix:.*ENOENT/ });
});

t.test('a peer that comes late is waited for', async (t) => {
  const url = await socketUrl(t);
  const channel = dialler(t, 10_000).acquire(url);
  const answer = channel.unary(request, wish('a'), options());
  await settle();
  await server(t, url, { chain: echo });
  t.equal((await answer).id, 'a');
});

t.test('a peer that was restarted answers the next call', async (t) => {
  const url = await socketUrl(t);
  const first = await server(t, url, { chain: echo });
  const channel = dialler(t).acquire(url);
  await channel.unary(request, wish('a'), options());
  await first.close(0);
  await server(t, url, { chain: echo });
  t.equal((await channel.unary(request, wish('b'), options())).id, 'b');
});

t.test('a peer that says UNAVAILABLE is not unreachable', async (t) => {
  const url = await socketUrl(t);
  const reason = new WireError(status.UNAVAILABLE, 'the one behind me is away');
  await server(t, url, { chain: { ...echo, request: () => Promise.reject(reason) } });
  const channel = dialler(t).acquire(url);
  const failure = await channel.unary(request, wish('a'), options()).catch((e: unknown) => e);
  t.match(failure, { name: 'WireError', code: status.UNAVAILABLE });
  t.notOk(failure instanceof UnreachableError);
});

t.test('giving up while there is no connection yet', async (t) => {
  const channel = dialler(t, 60_000).acquire(await socketUrl(t));
  const giveUp = new AbortController();
  const answer = channel.unary(request, wish('a'), options({ signal: giveUp.signal }));
  await settle();
  giveUp.abort();
  await t.rejects(answer, { code: status.CANCELLED });
});

t.test('one connection for all shares, closed after the last', async (t) => {
  const url = await socketUrl(t);
  await server(t, url, { chain: echo });
  const clock = new ManualClock();
  const all = channels({
    security: insecure('test'),
    dialTimeoutMs: 2_000,
    log: silentLogger(),
    clock,
  });
  t.teardown(() => {
    all[Symbol.dispose]();
  });
  const one = all.acquire(url);
  const two = all.acquire(url);
  await one.unary(request, wish('a'), options());
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  await clock.advance(60_000);
  t.equal((await two.unary(request, wish('b'), options())).id, 'b', 'two still has its share');
  two[Symbol.dispose]();
  const three = all.acquire(url);
  await clock.advance(60_000);
  t.equal((await three.unary(request, wish('c'), options())).id, 'c', 'taken up in time');
  three[Symbol.dispose]();
  await clock.advance(60_000);
  await t.rejects(three.unary(request, wish('d'), options()), { code: status.CANCELLED });
  t.equal(clock.timers, 0);
});

t.test('what must not be dialled is refused at once', (t) => {
  const log = silentLogger();
  const plain = channels({ dialTimeoutMs: 1, security: insecure('test'), log });
  for (const url of ['tcp://192.0.2.1:5001', 'tcp://[2001:db8::1]:5001', 'tcp://localhost.x:1']) {
    t.throws(() => plain.acquire(url), { message: /loopback/ });
  }
  t.throws(() => plain.acquire('tcp://127.0.0.1:1,192.0.2.1:5001'), { message: /loopback/ });
  const wrong = ['', 'x', 'unix:x', 'unix://host/x', 'tcp://h', 'tcp://h:99999', 'http://h:1'];
  for (const url of [...wrong, `unix:///${'x'.repeat(200)}`, 'inode://4/1', 'unix:///a\0b']) {
    t.throws(() => plain.acquire(url), { code: status.INVALID_ARGUMENT }, url);
  }
  plain[Symbol.dispose]();
  t.throws(() => plain.acquire('unix:///run/x.sock'), { code: status.CANCELLED });
  t.end();
});

t.test(
  'control addresses may be dialled and listened on in plaintext, each with one warning',
  async (t) => {
    const warned: unknown[] = [];
    const log = { ...silentLogger(), warn: (fields: unknown) => warned.push(fields) };
    const allowed = (place: string): boolean =>
      place === '192.0.2.1:5001' || place === '[2001:db8::1]:5001';
    const peers = channels({
      dialTimeoutMs: 1,
      security: insecure('test'),
      log: log as never,
      allowed,
    });
    t.teardown(() => {
      peers[Symbol.dispose]();
    });
    peers.acquire('tcp://192.0.2.1:5001,[2001:DB8:0::1]:5001');
    peers.acquire('tcp://192.0.2.1:5001');
    t.same(warned, [{ address: '192.0.2.1:5001' }, { address: '[2001:db8::1]:5001' }]);
    t.throws(() => peers.acquire('tcp://192.0.2.1:5002'), { message: /spec.peers/ });
    t.throws(() => peers.acquire('tcp://192.0.2.1:5001,192.0.2.2:5001'), { message: /192.0.2.2/ });
  },
);
