// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Connection, Mechanism } from '../api/gen/connection.js';
import { silentLogger } from '../api/log/log.js';
import { Records, type WireRecord } from './records.js';

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
  };
}

t.test('what is saved comes back, without tokens', async (t) => {
  const folder = join(t.testdir({}), 'new');
  const saved = record('../../etc/odd id');
  new Records(folder).save(saved);
  const [file = ''] = readdirSync(folder);
  t.equal(statSync(join(folder, file)).mode & 0o777, 0o600);
  t.equal(statSync(folder).mode & 0o777, 0o700);
  t.notMatch(readFileSync(join(folder, file), 'latin1'), /secret|c2VjcmV0/);

  const [loaded] = new Records(folder).load(silentLogger());
  t.same(loaded?.client, saved.client);
  t.same(loaded?.endpoint, saved.endpoint);
  t.same(loaded?.indexes, saved.indexes);
  t.same(loaded?.mechanism, saved.mechanism);
  t.equal(loaded?.connection.id, saved.connection.id);
  t.match(loaded?.connection.path?.pathSegments, [{ name: 'f', token: '', expires: undefined }]);
});

t.test('a refresh writes nothing, a change does', async (t) => {
  const folder = t.testdir({});
  const records = new Records(folder);
  records.save(record('1'));
  const [file = ''] = readdirSync(folder);
  const inode = (): number => statSync(join(folder, file)).ino;
  const before = inode();
  records.save(record('1', 'another token', { request_ms: '3' }));
  t.equal(inode(), before);
  records.save({ ...record('1'), indexes: { near: 7, far: 8 } });
  t.not(inode(), before);
});

t.test('removed is gone; what cannot be read is told, removed and no obstacle', async (t) => {
  const folder = t.testdir({});
  const records = new Records(folder);
  records.save(record('1'));
  records.save(record('2'));
  records.remove('1');
  records.remove('1');
  writeFileSync(join(folder, 'half.json'), '{"version":1,"id":');
  writeFileSync(join(folder, 'old.json'), '{"version":0}');
  writeFileSync(join(folder, 'x.json.new'), 'left by a crash');
  t.same(
    records.load(silentLogger()).map(({ connection }) => connection.id),
    ['2'],
  );
  t.equal(readdirSync(folder).length, 1);
});
