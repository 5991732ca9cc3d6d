// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { authority, svid, TestSource } from '../../test/doubles/certificates.js';
import { Connection } from '../gen/connection.js';
import { pathTrust } from './path-trust.js';
import { insecure, spiffe } from './security.js';
import { issueToken } from './token.js';

t.test('a path is trusted as long as the bundles of all in it are there', async (t) => {
  const [edge, cloud] = [await authority('edge.example'), await authority('cloud.example')];
  const mine = await svid(edge, 'spiffe://edge.example/wanwire');
  const theirs = await svid(cloud, 'spiffe://cloud.example/wanwire');
  const both = new Map([
    ['edge.example', [edge.certificate]],
    ['cloud.example', [cloud.certificate]],
  ]);
  const source = new TestSource(mine, both);
  const trusts = pathTrust(spiffe(source));
  const expiresMs = Date.now() + 60_000;
  const first = await issueToken(mine.key, { subject: mine.id, audience: theirs.id, expiresMs });
  const next = await issueToken(theirs.key, { subject: theirs.id, audience: mine.id, expiresMs });
  const pathSegments = [{ token: first.token }, { token: next.token }];
  const connection = Connection.fromPartial({ path: { index: 0, pathSegments } });
  t.equal(trusts(connection), true);
  source.set(mine, new Map([['edge.example', [edge.certificate]]]));
  t.equal(trusts(connection), false, 'one was withdrawn');
  source.set(mine, both);
  t.equal(trusts(connection), true);
  t.equal(pathTrust(spiffe(new TestSource()))(connection), true, 'our own end withdraws nobody');
  t.equal(pathTrust(insecure('dev'))(Connection.fromPartial({})), true);
});
