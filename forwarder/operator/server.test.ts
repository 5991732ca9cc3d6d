// SPDX-License-Identifier: Apache-2.0
/** The socket as a client meets it, over a real unix socket. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { WireError } from '../../api/errors/wire-error.js';
import { silentLogger } from '../../api/log/log.js';
import { RecordingOperator } from '../../test/doubles/operator.js';
import { serveOperator } from './server.js';

interface Answer {
  readonly code: number;
  readonly body: unknown;
}

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'ww-operator-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

async function served(t: Test, patienceMs?: number) {
  const operator = new RecordingOperator();
  const path = join(folder(t), 'below', 'operator.sock');
  const patience = patienceMs === undefined ? {} : { patienceMs };
  const socket = await serveOperator({ operator, path, log: silentLogger(), ...patience });
  t.teardown(() => socket.close());
  const ask = (method: string, url: string, body?: unknown, type?: string): Promise<Answer> =>
    asked(path, method, url, body, type);
  return { operator, path, socket, ask };
}

function asked(path: string, method: string, url: string, body?: unknown, type?: string) {
  return new Promise<Answer>((resolve, reject) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? '');
    // Node frames no body of a DELETE by itself.
    const length = { 'content-length': Buffer.byteLength(text) };
    const given = body === undefined ? undefined : text;
    const headers =
      given === undefined ? {} : { 'content-type': type ?? 'application/json', ...length };
    const sent = request({ socketPath: path, path: url, method, headers }, (answer) => {
      let all = '';
      answer.setEncoding('utf8').on('data', (part: string) => (all += part));
      answer.on('end', () => resolve({ code: answer.statusCode ?? 0, body: JSON.parse(all) }));
    });
    sent.on('error', reject).end(given);
  });
}

const policy = (name: string, more = ''): string =>
  [
    'apiVersion: wanwire.io/v1alpha1',
    'kind: SteeringPolicy',
    `metadata: {name: ${name}}`,
    `spec: {services: [wan], default: bulk${more}}`,
    '',
  ].join('\n');

const pin = {
  wire: 'w-1',
  protocol: 'tcp',
  source: '172.16.0.1:40000',
  destination: '10.60.0.10:80',
  strand: 'fibre-cloud/wan0',
};

t.test('each route asks the operator and answers in JSON', async (t) => {
  const { operator, ask, path } = await served(t);
  t.equal(statSync(path).mode & 0o777, 0o600, 'for its own user only');
  const { wire, strand, ...flow } = pin;
  t.strictSame(await ask('GET', '/version'), { code: 200, body: operator.about });
  t.strictSame(await ask('GET', '/policies'), {
    code: 200,
    body: { policies: operator.policies() },
  });
  const text = `${policy('a')}---\n${policy('b')}`;
  t.strictSame(await ask('GET', '/steered'), { code: 200, body: operator.steered() });
  t.strictSame(await ask('POST', '/policies', text, 'application/yaml'), {
    code: 200,
    body: { policies: ['a', 'b'], generation: 7, ms: 3 },
  });
  t.strictSame(await ask('DELETE', '/policies/a'), { code: 200, body: { generation: 8, ms: 3 } });
  t.strictSame(await ask('POST', '/pins', pin), { code: 200, body: {} });
  t.strictSame(await ask('DELETE', '/pins', { wire, ...flow }), { code: 200, body: { count: 1 } });
  t.strictSame(await ask('DELETE', '/pins', { all: true }), { code: 200, body: { count: 3 } });
  await ask('DELETE', '/pins', { all: true, wire });
  const name = encodeURIComponent(strand);
  t.strictSame(await ask('POST', `/strands/${name}`, { up: false }), { code: 200, body: {} });
  t.strictSame(operator.asked, [
    ['apply', 'a', 'b'],
    ['remove', 'a'],
    ['pin', wire, flow, strand],
    ['unpin', wire, flow],
    ['unpinAll', undefined],
    ['unpinAll', wire],
    ['strand', strand, false],
  ]);
});

t.test('what is known of links, and the journal from a time on, a line each', async (t) => {
  const { operator, ask, path } = await served(t);
  t.strictSame(await ask('GET', '/quality'), { code: 200, body: operator.quality() });
  const thawed = { kind: 'thawed', atMs: 1, why: 'the prober is back' } as const;
  operator.records = [
    { type: 'event', wallMs: 5, event: { ...thawed, kind: 'frozen' } },
    { type: 'event', wallMs: 6, event: thawed },
  ];
  const lines = await new Promise<string>((resolve, reject) => {
    request({ socketPath: path, path: '/quality/events?since=5' }, (answer) => {
      t.equal(answer.headers['content-type'], 'application/x-ndjson');
      let all = '';
      answer.setEncoding('utf8').on('data', (part: string) => (all += part));
      answer.on('end', () => resolve(all));
    })
      .on('error', reject)
      .end();
  });
  t.strictSame(
    lines.split('\n').map((line) => (line === '' ? '' : (JSON.parse(line) as unknown))),
    [...operator.records, ''],
  );
  t.strictSame(operator.asked, [['records', 5]]);
  t.match(await ask('GET', '/quality/events?since=-1'), {
    code: 400,
    body: { error: { field: 'since', message: /^since: "-1" is not valid: want a time in mill/ } },
  });
});

t.test('a wrong body is told by its field, and the operator is not asked', async (t) => {
  const { operator, ask } = await served(t);
  const wrong: readonly (readonly [string, string, unknown, string, RegExp])[] = [
    ['POST', '/pins', { ...pin, wire: 5 }, 'wire', /^wire: 5 is not valid: want the id of a wire/],
    ['POST', '/pins', { ...pin, wire: '' }, 'wire', /^wire: "" is not valid/],
    ['POST', '/pins', { ...pin, strand: undefined }, 'strand', /^strand: nothing is not valid/],
    ['POST', '/pins', { ...pin, source: '10.0.0.1' }, 'source', /want a port too/],
    ['POST', '/pins', { ...pin, extra: 1 }, 'extra', /^extra: 1 is not valid/],
    ['POST', '/pins', [], 'body', /^body: \[\] is not valid: want an object with wire/],
    ['POST', '/pins', undefined, 'body', /^body: nothing is not valid/],
    ['DELETE', '/pins', { all: false }, 'all', /^all: false is not valid: want true/],
    ['DELETE', '/pins', {}, 'wire', /^wire: nothing/],
    ['POST', '/strands/a', { up: 'yes' }, 'up', /^up: "yes" is not valid: want true or false/],
    ['POST', '/policies', { a: 1 }, 'body', /want YAML documents of kind SteeringPolicy/],
  ];
  for (const [method, url, body, field, message] of wrong) {
    const answer = await ask(method, url, body);
    t.match(answer, { code: 400, body: { error: { field, message } } }, JSON.stringify(body));
  }
  t.strictSame(operator.asked, []);
});

t.test('all mistakes of policies are told, by file and line', async (t) => {
  const { operator, ask } = await served(t);
  const text = policy('a', ', rules: [{name: x, match: {dscp: [zz]}, class: b}], oops: 1');
  const answer = await ask('POST', '/policies?file=my.yaml', text, 'text/plain');
  t.equal(answer.code, 400);
  const { error } = answer.body as { error: { message: string } };
  t.match(error.message, /^my\.yaml:4:\d+: spec\.rules\[0\]\.match\.dscp\[0\]: "zz"/m);
  t.match(error.message, /oops/);
  const empty = await ask('POST', '/policies', '', 'text/plain');
  t.match(empty, { code: 400, body: { error: { message: /no document/ } } });
  t.strictSame(operator.asked, []);
});

t.test("what the operator refuses has the refusal's code; a bug's text stays here", async (t) => {
  const { operator, ask } = await served(t);
  const refused: readonly (readonly [Error, number, string])[] = [
    [new WireError(status.INVALID_ARGUMENT, 'wrong'), 400, 'wrong'],
    [new WireError(status.NOT_FOUND, 'no such wire'), 404, 'no such wire'],
    [new WireError(status.FAILED_PRECONDITION, 'not now'), 409, 'not now'],
    [new WireError(status.UNAVAILABLE, 'cannot'), 500, 'cannot'],
    [new TypeError('secret'), 500, "internal error: the forwarder's log has it"],
  ];
  for (const [failure, code, message] of refused) {
    operator.failure = failure;
    t.strictSame(await ask('POST', '/pins', pin), { code, body: { error: { message } } });
  }
});

t.test('rubbish, far too much and silence harm nobody', async (t) => {
  const { operator, path, ask } = await served(t, 300);
  t.match(await ask('GET', '/nowhere'), { code: 404, body: { error: { message: /not known/ } } });
  t.match(await ask('POST', '/pins', '{"a":', 'application/json'), { code: 400 });
  t.match(await ask('POST', '/pins', 'x', 'image/png'), { code: 415 });
  t.match(await ask('POST', '/pins', '{"__proto__": {"x": 1}}'), { code: 400 });

  const said = async (bytes: string | Buffer): Promise<string> => {
    const socket = connect(path);
    let answer = '';
    socket.on('data', (part) => (answer += part.toString()));
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(bytes);
    await closed;
    return answer;
  };
  t.match(await said('\u0000\u0001rubbish\r\n\r\n'), /^HTTP\/1.1 400 .*"error"/s);
  t.match(await said('POST /pins HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n'), /^HTTP\/1.1 408 /);
  const head = 'POST /policies HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n';
  const much = 10 * 2 ** 20;
  t.match(await said(`${head}Content-Length: ${String(much)}\r\n\r\n`), /^HTTP\/1.1 413 /);
  const chunk = `${much.toString(16)}\r\n${'x'.repeat(much)}\r\n0\r\n\r\n`;
  // It may be cut off before it has read the answer.
  t.match(await said(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`), /^$|^HTTP\/1.1 413 /);

  t.match(await ask('GET', '/version'), { code: 200 }, 'others are answered as before');
  t.strictSame(operator.asked, []);
});

t.test('it closes in spite of clients that hang, and lets answers go out', async (t) => {
  const { operator, path, socket, ask } = await served(t);
  const silent = connect(path);
  await once(silent, 'connect');
  let open = (): void => undefined;
  operator.gate = new Promise((resolve) => (open = resolve));
  const answer = ask('POST', '/pins', pin);
  while (operator.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const cut = once(silent, 'close');
  const closing = socket.close();
  open();
  t.match(await answer, { code: 200 });
  await Promise.all([closing, cut]);
  t.equal(socket.close(), socket.close(), 'twice is once');
  t.notOk(existsSync(path), 'the file is gone');
  await t.rejects(ask('GET', '/version'), { code: 'ENOENT' });
});

t.test('a dead socket is replaced; a living one, and what is none, are left alone', async (t) => {
  const path = join(folder(t), 'operator.sock');
  const options = { operator: new RecordingOperator(), path, log: silentLogger() };
  const other = createServer().listen(path);
  await once(other, 'listening');
  await t.rejects(serveOperator(options), { code: status.ALREADY_EXISTS, message: /listens on/ });
  other.close();
  await once(other, 'close');

  writeFileSync(path, 'mine');
  await t.rejects(serveOperator(options), { code: status.ALREADY_EXISTS, message: /not a socket/ });
  rmSync(path);

  const dead = await deadSocket(path);
  t.ok(dead, 'somebody was killed');
  const socket = await serveOperator(options);
  t.match(await asked(path, 'GET', '/version'), { code: 200 });
  await socket.close();
});

/** A file that nobody listens on: its process was killed. */
async function deadSocket(path: string): Promise<boolean> {
  const { spawn } = await import('node:child_process');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script]), 'exit');
  return existsSync(path);
}
