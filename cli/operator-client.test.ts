// SPDX-License-Identifier: Apache-2.0
/** The client and the forwarder's server together, over a real socket. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { WireError } from '../api/errors/wire-error.js';
import { silentLogger } from '../api/log/log.js';
import { serveOperator } from '../forwarder/operator/server.js';
import { RecordingOperator } from '../test/doubles/operator.js';
import { askOperator } from './operator-client.js';

function place(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'ww-client-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return { name: 'edge-forwarder', socket: join(folder, 'operator.sock') };
}

const any = z.object({});
const policy =
  'apiVersion: wanwire.io/v1alpha1\nkind: SteeringPolicy\nmetadata: {name: a}\n' +
  'spec: {services: [wan], default: bulk}\n';

t.test('each method with its body', async (t) => {
  const node = place(t);
  const operator = new RecordingOperator();
  const socket = await serveOperator({ operator, path: node.socket, log: silentLogger() });
  t.teardown(() => socket.close());
  const version = z.object({ version: z.string() });
  const get = { method: 'GET', path: '/version' } as const;
  t.strictSame(await askOperator(node, get, version), { version: '0.1.0' });
  const flow = { protocol: 'tcp', source: '10.0.0.1:1', destination: '10.0.0.2:2' };
  const gone = { method: 'DELETE', path: '/pins', body: { wire: 'w', ...flow } } as const;
  t.strictSame(await askOperator(node, gone, z.object({ count: z.int() })), { count: 1 });
  const apply = { method: 'POST', path: '/policies', body: policy } as const;
  t.match(await askOperator(node, apply, z.object({ policies: z.array(z.string()) })), {
    policies: ['a'],
  });
  t.strictSame(operator.asked, [
    ['unpin', 'w', flow],
    ['apply', 'a'],
  ]);

  const strand = { method: 'POST', path: '/strands/x', body: { up: true } } as const;
  for (const [code, wanted] of [
    [status.NOT_FOUND, status.NOT_FOUND],
    [status.INVALID_ARGUMENT, status.INVALID_ARGUMENT],
    [status.RESOURCE_EXHAUSTED, status.FAILED_PRECONDITION],
    [status.UNAVAILABLE, status.INTERNAL],
  ] as const) {
    operator.failure = new WireError(code, 'because');
    await t.rejects(askOperator(node, strand, any), { code: wanted, message: 'because' });
  }
  const other = { ...get, path: '/version' };
  await t.rejects(
    askOperator(node, other, z.object({ pid: z.int() })),
    /another version of wanwire/,
  );
});

t.test('nobody answers', async (t) => {
  const node = place(t);
  const question = { method: 'GET', path: '/version' } as const;
  const hint =
    /^forwarder edge-forwarder does not answer at .*: status, links and sessions work without it/;
  await t.rejects(askOperator(node, question, any), { code: status.UNAVAILABLE, message: hint });

  const silent = createServer().listen(node.socket);
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  await t.rejects(askOperator(node, { ...question, patienceMs: 50 }, any), {
    code: status.UNAVAILABLE,
    message: /has not answered within 0\.05 s/,
  });
  silent.on('connection', (one) => one.end('rubbish\r\n\r\n'));
  await t.rejects(askOperator(node, question, any), {
    code: status.UNAVAILABLE,
    message: /does not answer .*\(/,
  });
});
