// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../../api/chain/compose.js';
import { contextOf, withContext } from '../../api/chain/connection.js';
import { answering, recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { defaultMtu } from '../facets/mtu.js';
import { clientSocket, type Socket } from '../mechanisms/kernel/index.js';
import { mtu } from './mtu.js';

/** A way that carries no more than `most`. */
function stage() {
  const way = { most: 1450 };
  const seen = recording();
  const chain = compose(
    mtu(),
    seen,
    answering((connection) => {
      const { MTU } = contextOf(connection);
      return withContext(connection, { MTU: Math.min(MTU, way.most) });
    }),
  );
  const call = testCall();
  const ask = async (MTU: number): Promise<readonly [sent: number | undefined, got: number]> => {
    const answer = await chain.request(call, testRequest({ id: 'c', context: { MTU } }));
    const sent = seen.requests.splice(0)[0]?.connection;
    return [sent && contextOf(sent).MTU, contextOf(answer).MTU];
  };
  return { way, call, ask };
}

t.test('a wire becomes smaller with its way, and larger again', async (t) => {
  const { way, ask } = stage();
  t.strictSame(await ask(0), [defaultMtu, 1450]);
  way.most = 1350;
  t.strictSame(await ask(1450), [defaultMtu, 1350], 'a refresh wishes what was wished');
  way.most = 1450;
  t.strictSame(await ask(1350), [defaultMtu, 1450]);
  t.strictSame(await ask(1400), [1400, 1400], 'another wish');
  t.strictSame(await ask(1400), [1400, 1400]);
});

t.test('what a tunnel says is no echo', async (t) => {
  const { way, call, ask } = stage();
  call.state.set(clientSocket, { tunnel: { vni: 1 } } as unknown as Socket);
  way.most = 1430;
  t.strictSame(await ask(1450), [1450, 1430]);
  t.strictSame(await ask(1430), [1430, 1430]);
});
