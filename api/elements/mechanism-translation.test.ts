// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import { answering, recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { begin } from './begin.js';
import { clientMechanism, mechanismTranslation } from './mechanism-translation.js';

const mechanism = (name: string) => ({ cls: 'LOCAL', type: 'KERNEL', parameters: { name } });

t.test('each side of a proxy has its own mechanism', async (t) => {
  const seen = recording();
  const call = testCall();
  const chosen = { mechanism: mechanism('ours') };
  const chain = compose(
    mechanismTranslation(),
    seen,
    answering((connection) => ({ ...connection, ...chosen })),
  );
  const request = testRequest({ id: 'c', mechanism: mechanism('theirs') }, [mechanism('theirs')]);
  t.equal((await chain.request(call, request)).mechanism?.parameters['name'], 'theirs');
  t.match(seen.requests[0], { connection: { mechanism: undefined }, mechanismPreferences: [] });
  t.equal(call.state.get(clientMechanism)?.parameters['name'], 'ours');
  await chain.request(call, request);
  t.equal(seen.requests[1]?.connection.mechanism?.parameters['name'], 'ours');
  await chain.close(call, request.connection);
  t.equal(seen.closes[0]?.mechanism?.parameters['name'], 'ours');
  await chain.request(call, request);
  t.equal(seen.requests[2]?.connection.mechanism, undefined, 'forgotten with the Close');
});

t.test('an answer without one is not remembered', async (t) => {
  const b = begin();
  const seen = recording();
  const chain = compose(b, mechanismTranslation(), seen);
  const conn = Connection.fromPartial({ id: 'c', mechanism: mechanism('theirs') });
  await chain.request(testCall(), { connection: conn, mechanismPreferences: [] });
  await chain.close(testCall(), conn);
  t.equal(seen.closes[0]?.mechanism, undefined);
});
