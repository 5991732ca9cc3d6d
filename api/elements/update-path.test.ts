// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { updatePath } from './update-path.js';

const uuid = /^[0-9a-f-]{36}$/;
type Segment = readonly [name: string, id: string];

function conn(id: string, index: number, ...segments: readonly Segment[]): Connection {
  const pathSegments = segments.map(([name, id]) => ({ name, id }));
  return Connection.fromPartial({ id, path: { index, pathSegments } });
}

async function pass(connection: Connection) {
  const seen = recording();
  const chain = compose(updatePath('me'), seen);
  const answer = await chain.request(testCall(), testRequest(connection));
  await chain.close(testCall(), connection);
  return { within: seen.requests[0]?.connection, closed: seen.closes[0], answer };
}

t.test('an empty path begins with us', async (t) => {
  const named = await pass(Connection.fromPartial({ id: 'mine' }));
  t.match(named.within, {
    id: 'mine',
    path: { index: 0, pathSegments: [{ name: 'me', id: 'mine' }] },
  });
  t.match(named.answer, { id: 'mine', path: { index: 0 } });
  const unnamed = await pass(Connection.fromPartial({}));
  t.match(unnamed.within?.id, uuid);
});

t.test('our own segment: a proxy shares one', async (t) => {
  const { within, answer } = await pass(conn('wrong', 1, ['you', 'y'], ['me', 'm']));
  t.match(within, { id: 'm', path: { index: 1 } });
  t.match(answer, { id: 'm', path: { index: 1 } });
});

t.test('no segment yet: one is appended', async (t) => {
  const { within, answer, closed } = await pass(conn('y', 0, ['you', 'y']));
  t.match(within, { path: { index: 1, pathSegments: [{ id: 'y' }, { name: 'me', id: uuid }] } });
  t.equal(within?.id, within?.path?.pathSegments[1]?.id);
  t.match(answer, { id: 'y', path: { index: 0 } });
  t.equal(answer.path?.pathSegments.length, 2, 'the caller gets the whole path');
  t.match(closed, { id: uuid, path: { index: 1 } });
});

t.test("another's segment is overwritten, and what follows stays", async (t) => {
  const { within } = await pass(conn('y', 0, ['you', 'y'], ['other', 'o'], ['next', 'n']));
  t.match(within?.path, { index: 1, pathSegments: [{}, { name: 'me', id: uuid }, { id: 'n' }] });
});

t.test('our own segment of before is taken again: a refresh', async (t) => {
  const { within, closed } = await pass(conn('y', 0, ['you', 'y'], ['me', 'm']));
  t.match(within, { id: 'm', path: { index: 1 } });
  t.match(closed, { id: 'm', path: { index: 1 } });
});

t.test('bad paths', async (t) => {
  const many = Array.from({ length: 65 }, (): Segment => ['you', 'y']);
  const cases: readonly (readonly [Connection, RegExp])[] = [
    [conn('y', 1, ['you', 'y']), /path\.index: 1 is not valid: want less than the 1 segments/],
    [conn('y', 3), /path\.index: 3 is not valid: want 0/],
    [conn('x', 0, ['you', 'y']), /connection\.id: "x" is not valid: want the id of its segment, y/],
    [conn('y', 0, ...many), /path\.path_segments: 65 is not valid: want at most 64/],
  ];
  for (const [connection, message] of cases) {
    const chain = compose(updatePath('me'));
    await t.rejects(chain.request(testCall(), testRequest(connection)), { code: 3, message });
  }
});

t.test('the same wish of the same caller gets the same id, another one another', async (t) => {
  const idOf = async (service: string, name: string): Promise<string> => {
    const chain = compose(updatePath('b'));
    const path = { index: 0, pathSegments: [{ name: 'a', id: 'x' }] };
    const preferences = [
      { cls: 'LOCAL', type: 'KERNEL', parameters: { inodeURL: 'inode://4/7', name } },
    ];
    const request = testRequest({ id: 'x', networkService: service, path }, preferences);
    const answer = await chain.request(testCall(), request);
    return answer.path?.pathSegments[1]?.id ?? '';
  };
  const id = await idOf('hello', 'nsm-1');
  t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  t.equal(await idOf('hello', 'nsm-1'), id);
  t.not(await idOf('hello', 'nsm-2'), id);
  t.not(await idOf('other', 'nsm-1'), id);
});
