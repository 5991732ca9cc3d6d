// SPDX-License-Identifier: Apache-2.0
/** The access-log service over a real socket, with messages as Envoy encodes them. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { StreamAccessLogsMessage } from '../../api/gen/envoy/service/accesslog/v3/als.js';
import { parseAddress } from '../../api/grpc/address.js';
import { dial, message } from '../../test/doubles/envoy-log.js';
import { serveAccessLog, usualAccessLogLimits, type AccessLogOptions } from './access-log.js';
import { requestOf, type LoggedRequest } from './entry.js';

async function serve(t: Test, more: Partial<AccessLogOptions> = {}) {
  const got: LoggedRequest[] = [];
  const service = await serveAccessLog({
    address: parseAddress('tcp://127.0.0.1:0'),
    socketMode: 0o600,
    onEntry: (entry, envoy) => {
      const request = requestOf(entry, envoy, new Set(['user']));
      if (request !== undefined) got.push(request);
    },
    ...more,
  });
  t.teardown(() => service.close());
  return { service, got, open: dial(t, service.url), openElsewhere: dial(t, service.url) };
}

async function until(isSo: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!isSo()) {
    if (Date.now() > end) throw new Error('it does not come true');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

t.test('a request, field by field', async (t) => {
  const { service, got, open } = await serve(t);
  const stream = open();
  stream.send(message('r-1', 'edge-1'));
  stream.send(message('r-2'));
  await until(() => got.length === 2);
  t.strictSame(got[0], {
    envoy: 'edge-1',
    id: 'r-1',
    began: 1_700_000_000_250,
    sent: 1_700_000_000_252,
    from: 1_700_000_000_252,
    to: 1_700_000_001_250,
    http: { method: 'POST', path: '/echo?x', host: 'web.example:8000', headers: { user: 'boss' } },
    connection: { protocol: 'tcp', source: '172.16.0.1:40000', destination: '10.60.0.9:8000' },
    route: 'rule:boss',
    cluster: 'web|low-latency',
    attempts: 1,
    code: 200,
    details: 'via_upstream',
  });
  t.equal(got[1]?.envoy, 'edge-1', 'who it is stands in the first message');
  t.match(service.envoys, [{ name: 'edge-1', streams: 1, connections: 1, entries: 2 }]);
  stream.end();
  t.equal(await stream.ended, status.OK);
  t.match(service.envoys, [{ streams: 0 }]);
});

t.test('what is no request’s last word, and what is odd', async (t) => {
  const { service, got, open } = await serve(t);
  const stream = open();
  const six = (address: string) => ({ socketAddress: { address, portValue: 80, protocol: 1 } });
  for (const more of [
    { accessLogType: 9 },
    { accessLogType: 5 },
    { intermediateLogEntry: true },
    { accessLogType: 77 },
  ]) {
    stream.send(message('not', 'edge-1', more));
  }
  const tcp = StreamAccessLogsMessage.fromPartial({ tcpLogs: { logEntry: [{}, {}] } });
  stream.send(tcp);
  stream.send(
    message('six', 'edge-1', {
      upstreamLocalAddress: six('fd00:0:0::1'),
      upstreamRemoteAddress: six('FD00:60::9'),
    }),
  );
  stream.send(message('mapped', 'edge-1', { upstreamLocalAddress: six('::ffff:172.16.0.1') }));
  stream.send(message('none', 'edge-1', { upstreamLocalAddress: undefined }));
  stream.send(message('name', 'edge-1', { upstreamLocalAddress: six('web.example') }));
  stream.send(message('dead', 'edge-1', { timeToLastUpstreamRxByte: undefined, accessLogType: 0 }));
  await until(() => got.length === 5);
  t.strictSame(
    got.map(({ id, connection }) => [id, connection?.source]),
    [
      ['six', '[fd00::1]:80'],
      ['mapped', '172.16.0.1:80'],
      ['none', undefined],
      ['name', undefined],
      ['dead', '172.16.0.1:40000'],
    ],
  );
  t.match(got[0]?.connection, { protocol: 'udp', destination: '[fd00:60::9]:80' });
  t.equal(got[4]?.to, 1_700_000_002_250, 'without a last byte it ends with the request');
  t.equal(service.tcpEntries, 2);
});

t.test('an Envoy that begins anew, and one that dies', async (t) => {
  const { service, got, open } = await serve(t);
  const first = open();
  first.send(message('a', 'edge-1'));
  const other = open();
  other.send(message('b', 'edge-2'));
  await until(() => got.length === 2);
  first.cancel();
  await until(() => service.envoys[0]?.streams === 0);
  const again = open();
  again.send(message('c', 'edge-1'));
  await until(() => got.length === 3);
  t.match(service.envoys, [
    { name: 'edge-1', streams: 1, connections: 2, entries: 2 },
    { name: 'edge-2', streams: 1, connections: 1, entries: 1 },
  ]);
});

t.test('too much, too many, and rubbish', async (t) => {
  const limits = { ...usualAccessLogLimits, message: 10_000, streams: 2, envoys: 1 };
  const { service, got, open, openElsewhere } = await serve(t, { limits });
  const [long, rubbish] = [open(), open()];
  long.send(message('x'.repeat(20_000), 'edge-1'));
  t.equal(await long.ended, status.RESOURCE_EXHAUSTED);
  rubbish.send(Buffer.from('ffffffff', 'hex'));
  t.not(await rubbish.ended, status.OK);
  const [one, two] = [open(), open()];
  one.send(message('1', 'edge-1'));
  two.send(message('2', 'edge-2'));
  await until(() => got.length === 2);
  // HTTP/2 keeps a third one of the same connection waiting.
  const third = openElsewhere();
  third.send(message('3', 'edge-3'));
  t.equal(await third.ended, status.RESOURCE_EXHAUSTED);
  t.strictSame(
    service.envoys.map(({ name }) => name),
    ['edge-1', 'others'],
  );
  t.equal(service.refused, 2);
  t.equal(got.length, 2);
});

t.test('a unix socket has the mode that was asked for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ww-audit-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'als.sock');
  const { got, open, service } = await serve(t, {
    address: parseAddress(`unix:${socket}`),
    socketMode: 0o660,
  });
  t.equal(statSync(socket).mode & 0o777, 0o660);
  const stream = open();
  stream.send(message('r', 'edge-1'));
  await until(() => got.length === 1);
  const closing = service.close();
  t.not(await stream.ended, status.OK, 'it is cut off');
  await closing;
});
