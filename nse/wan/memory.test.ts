// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from '../../api/gen/connection.js';
import { silentLogger } from '../../api/log/log.js';
import { testCall, testRequest } from '../../test/doubles/elements.js';
import { Memory } from './memory.js';

const log = silentLogger();

const wire = (id: string, endpoint = 'cloud-wan'): Connection =>
  testRequest({
    id,
    networkServiceEndpointName: endpoint,
    context: { ipContext: { srcIpAddrs: ['192.0.2.1/32'] } },
    path: { index: 1, pathSegments: [{ name: 'client', id: 'x', token: 'secret' }, { id }] },
  }).connection;

async function remember(memory: Memory, connection: Connection): Promise<void> {
  await memory
    .element()
    .request(testCall(), testRequest(connection), (_call, request) =>
      Promise.resolve(request.connection),
    );
}

t.test('what was answered is known to the next life, but for the tokens', async (t) => {
  const folder = join(t.testdir(), 'deep', 'state');
  const memory = new Memory(folder, log);
  await remember(memory, wire('one'));
  await remember(memory, wire('../two/%', 'cloud-wan-lte'));
  t.strictSame([...memory.endpoints].sort(), ['cloud-wan', 'cloud-wan-lte']);
  t.notOk(
    readdirSync(folder).some((name) => readFileSync(join(folder, name), 'utf8').includes('secret')),
  );

  const next = new Memory(folder, log).load();
  t.strictSame(next.map(({ id }) => id).sort(), ['../two/%', 'one']);
  t.match(
    next.find(({ id }) => id === 'one'),
    { context: { ipContext: { srcIpAddrs: ['192.0.2.1/32'] } }, path: { index: 1 } },
  );
});

t.test('a closed wire is forgotten, and that is told', async (t) => {
  const folder = t.testdir();
  const memory = new Memory(folder, log);
  await remember(memory, wire('one'));
  let told = 0;
  memory.onGone = () => told++;
  await memory.element().close(testCall(), wire('one'));
  t.equal(told, 1);
  t.strictSame([...memory.endpoints], []);
  t.strictSame(readdirSync(folder), []);
});

t.test('a file that cannot be read is removed, and the others count', async (t) => {
  const folder = t.testdir();
  const memory = new Memory(folder, log);
  await remember(memory, wire('one'));
  for (const text of ['', '{', 'null', '[]']) {
    writeFileSync(join(folder, 'bad.json'), text);
    t.strictSame(
      memory.load().map(({ id }) => id),
      ['one'],
      JSON.stringify(text),
    );
  }
});

t.test('without a folder it remembers as long as it lives', async (t) => {
  const memory = new Memory(undefined, log);
  await remember(memory, wire('one'));
  t.strictSame([...memory.endpoints], ['cloud-wan']);
  t.strictSame(memory.load(), []);
});

t.test('a refused request is not remembered', async (t) => {
  const memory = new Memory(undefined, log);
  const no = new Error('no');
  await t.rejects(
    memory.element().request(testCall(), testRequest(wire('one')), () => Promise.reject(no)),
    no,
  );
  t.strictSame([...memory.endpoints], []);
});
