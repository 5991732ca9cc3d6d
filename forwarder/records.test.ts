// SPDX-License-Identifier: Apache-2.0
import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Connection, Mechanism } from '../api/gen/connection.js';
import { silentLogger } from '../api/log/log.js';
import { Records, type WireRecord } from './records.js';

const log = silentLogger();
const expires = { seconds: 1n, nanos: 0 };

function record(id: string, token = 'secret', metrics = {}): WireRecord {
  const connection = Connection.fromPartial({
    id,
    path: { index: 0, pathSegments: [{ name: 'f', id, token, expires, metrics }] },
  });
  const place = { id: { dev: 4n, ino: 4026531840n }, path: '/proc/1/ns/net' };
  const client = { place, name: 'a', field: 'a' };
  const endpoint = { place, name: 'b', field: 'b' };
  return {
    connection,
    mechanism: Mechanism.fromPartial({ type: 'KERNEL', parameters: { name: 'b' } }),
    client,
    endpoint,
    indexes: { near: 5, far: 6 },
    identity: 'spiffe://a.example/nsc',
    mtu: 1400,
  };
}

t.test('what is saved comes back, without tokens', async (t) => {
  const folder = join(t.testdir({}), 'new');
  const saved = record('../../etc/odd id');
  using records = new Records(folder, log);
  records.save(saved);
  const file = join(folder, 'wires');
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(statSync(folder).mode & 0o777, 0o700);
  t.notMatch(readFileSync(file, 'latin1'), /secret|c2VjcmV0/);

  using again = new Records(folder, log);
  const [loaded] = again.load();
  t.same(loaded?.client, saved.client);
  t.same(loaded?.endpoint, saved.endpoint);
  t.same(loaded?.indexes, saved.indexes);
  t.same(loaded?.mechanism, saved.mechanism);
  t.equal(loaded?.connection.id, saved.connection.id);
  t.equal(loaded?.identity, saved.identity);
  t.equal(loaded?.mtu, saved.mtu);
  t.match(loaded?.connection.path?.pathSegments, [{ name: 'f', token: '', expires: undefined }]);
});

t.test('a refresh writes nothing, a change does', async (t) => {
  const folder = t.testdir({});
  const size = (): number => statSync(join(folder, 'wires')).size;
  using records = new Records(folder, log);
  records.save(record('1'));
  const before = size();
  records.save(record('1', 'another token', { request_ms: '3' }));
  t.equal(size(), before);
  const moved = { ...record('1'), indexes: { near: 7, far: 8 } };
  records.save(moved);
  t.ok(size() > before);
  using again = new Records(folder, log);
  t.match(again.load(), [{ indexes: { near: 7, far: 8 } }]);
  const renewed = size();
  again.save(moved);
  t.equal(size(), renewed, 'what was loaded is known');
});

t.test('removed is gone; what cannot be read is passed over', async (t) => {
  const folder = t.testdir({});
  using records = new Records(folder, log);
  for (const id of ['1', '2', '3']) records.save(record(id));
  records.remove('1');
  records.remove('1');
  records.remove('never there');
  for (const line of ['{"version":0}', 'null', '', '{"version":1,"connection":"']) {
    appendFileSync(join(folder, 'wires'), `${line}\n`);
  }
  using again = new Records(folder, log);
  t.same(
    again.load().map(({ connection }) => connection.id),
    ['2', '3'],
  );
  t.equal(readFileSync(join(folder, 'wires'), 'utf8').split('\n').length, 3, 'and written anew');
});

t.test('the file does not grow for ever', async (t) => {
  const folder = t.testdir({});
  using records = new Records(folder, log);
  records.save(record('stays'));
  for (let n = 0; n < 2_000; n++) {
    records.save(record('comes and goes'));
    records.remove('comes and goes');
  }
  const lines = readFileSync(join(folder, 'wires'), 'utf8').split('\n').length;
  t.ok(lines < 1_100, `${String(lines)} lines`);
  using again = new Records(folder, log);
  t.match(again.load(), [{ connection: { id: 'stays' } }]);
});
