// SPDX-License-Identifier: Apache-2.0
/**
 * What a real Envoy logs, and what the audit makes of it. Each class has an address of loopback, and the
 * service tells as a forwarder would on which link a connection came: `private` on a wrong one.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { parseAddress } from '../../api/grpc/address.js';
import { parsePolicies } from '../../api/site/policy.js';
import type { HeardForwarder } from '../../cli/audit/forwarders.js';
import { startAudit } from '../../cli/audit/run.js';
import { envoyBootstrap } from '../../cli/envoy/static.js';
import type { SessionEvent } from '../../forwarder/operator/session-event.js';
import { change, policyYaml } from '../doubles/audited.js';
import { memoryMaps } from '../doubles/memory-maps.js';
import { fillPlane } from '../doubles/plane-fixture.js';
import { until } from '../stage/up.js';
import { exchange, freePort, startEnvoy } from './envoy.js';

const sources = { 'low-latency': '127.0.1.1', private: '127.0.1.2' };
const linkFrom: Readonly<Record<string, string>> = { '127.0.0.1': 'lte' };

/** HTTP/1.1 and HTTP/2 on one port; tells each connection. */
async function service(t: Test, onConnection: (socket: Socket) => void): Promise<number> {
  const old = createServer((request, response) => {
    request.resume().on('end', () => response.end('old'));
  });
  const young = createHttp2Server((request, response) => {
    request.resume().on('end', () => response.end('young'));
  });
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    onConnection(socket);
    socket.on('error', () => undefined);
    const look = (): void => {
      const head = socket.read(3) as Buffer | null;
      if (head === null) return;
      socket.off('readable', look);
      socket.unshift(head);
      (head.toString('latin1') === 'PRI' ? young : old).emit('connection', socket);
    };
    socket.on('readable', look);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A forwarder that tells of the connections that it is given. */
function forwarder(): { heard: HeardForwarder; connected: (socket: Socket) => void } {
  const told: SessionEvent[] = [];
  let wake = (): void => undefined;
  const heard: HeardForwarder = {
    name: 'edge-forwarder',
    async *follow(signal, begun) {
      begun();
      signal.addEventListener('abort', () => wake());
      while (!signal.aborted) {
        yield* told.splice(0);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    isThere: async () => undefined,
    maps: () => {
      const maps = memoryMaps();
      fillPlane(maps.map);
      return maps;
    },
  };
  const connected = (socket: Socket): void => {
    const { remoteAddress = '', remotePort, localAddress = '', localPort } = socket;
    // The connection was there before the service saw it: on a busy machine, well before.
    const at = Date.now() - 2_000;
    told.push(
      change('create', at, linkFrom[remoteAddress] ?? 'fibre', {
        source: `${remoteAddress}:${String(remotePort)}`,
        destination: `${localAddress}:${String(localPort)}`,
      }),
    );
    wake();
  };
  return { heard, connected };
}

t.test('requests of a real Envoy, each with its link', async (t) => {
  const { heard, connected } = forwarder();
  const folder = t.testdir();
  const file = join(folder, 'policy.yaml');
  await writeFile(file, policyYaml);
  const [policy] = parsePolicies(policyYaml, file);
  if (policy === undefined) throw new Error('no policy');
  await using audit = await startAudit({
    address: parseAddress('tcp://127.0.0.1:0'),
    socketMode: 0o600,
    choice: { files: [file], policy: undefined },
    forwarders: [heard],
    tell: () => undefined,
  });
  const [port, listen] = [await service(t, connected), await freePort()];
  const bootstrap = envoyBootstrap({
    ...{ service: 'echo', policy, by: 'source', sources },
    networkServices: 'kernel://wan-low-latency/nsm-low,kernel://wan-private/nsm-priv',
    upstream: `127.0.0.1:${String(port)}`,
    listen: `127.0.0.1:${String(listen)}`,
    accessLogs: [audit.url.replace('tcp://', '')],
  });
  const ask = (head: string, body = '') =>
    exchange(
      listen,
      Buffer.from(
        `${head}\r\nhost: web.example\r\nconnection: close\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`,
      ),
    );
  const envoy = await startEnvoy(t, folder, bootstrap, {
    ready: () => ask('GET / HTTP/1.1\r\nuser: minion'),
  });

  for (let n = 0; n < 5; n++)
    t.match(await ask('GET /echo?n=1 HTTP/1.1\r\nuser: boss'), { body: 'old' });
  await ask('PUT /batch/1 HTTP/1.1\r\nx-request-id: batch-1', 'x'.repeat(1_000));
  const client = connectHttp2(`http://127.0.0.1:${String(listen)}`);
  t.teardown(() => client.destroy());
  const young = Array.from({ length: 20 }, async () => {
    const stream = client.request({ ':path': '/echo', ':method': 'POST', user: 'boss' });
    stream.end('token');
    return text(stream);
  });
  t.strictSame(new Set(await Promise.all(young)), new Set(['young']));
  // Envoy flushes now and then.
  await until('the log of all', () => (audit.report().envoys[0]?.entries ?? 0) >= 27);
  const report = await audit.finish();
  t.ok(envoy.alive());

  t.strictSame(
    report.rows.map(({ rule, class: of, links, requests, right, wrong }) => [
      rule,
      of,
      links,
      requests,
      right,
      wrong,
    ]),
    [
      ['boss', 'low-latency', ['fibre'], 25, 25, 0],
      ['batch', 'private', ['fibre'], 1, 0, 1],
      [null, 'best-effort', ['lte'], 1, 1, 0],
    ],
  );
  t.match(report, { unknown: [], overflow: 0, ignored: 0, refused: 0, hints: [], retried: 0 });
  t.match(report.envoys, [{ name: 'wanwire-echo', entries: 27 }]);
  t.match(report.findings, [
    {
      kind: 'wrong',
      request: 'batch-1',
      method: 'PUT',
      host: 'web.example',
      path: '/batch/1',
      route: 'rule:batch',
      connection: new RegExp(`^127\\.0\\.1\\.2:\\d+ > 127\\.0\\.0\\.1:${String(port)}$`),
      reason: /private is strict/,
    },
  ]);
  t.equal(report.findings.length, 1, 'Envoy took the routes that the policy says');
});
