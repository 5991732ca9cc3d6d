// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../../api/chain/compose.js';
import { contextOf, withContext } from '../../api/chain/connection.js';
import { answering, recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { defaultMtu } from '../facets/mtu.js';
import { clientSocket, type Socket } from '../mechanisms/kernel/index.js';
import { mtu, rememberMtu, wishedMtu } from './mtu.js';

/** A way that carries no more than `most`. */
function stage() {
  const way = { most: 1450 };
  const seen = recording();
  const chain = compose(
    mtu(),
    seen,
    answering((connection) => {
      const { MTU } = contextOf(connection);
      if (Number.isNaN(way.most)) throw new Error('no way');
      return withContext(connection, { MTU: Math.min(MTU, way.most) });
    }),
  );
  const call = testCall();
  const ask = async (MTU: number): Promise<readonly [sent: number | undefined, got: number]> => {
    const answer = await chain.request(call, testRequest({ id: 'c', context: { MTU } }));
    const sent = seen.requests.splice(0).at(-1)?.connection;
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

t.test('an answer that the client has not seen makes no wish of the one before', async (t) => {
  const { way, ask } = stage();
  t.strictSame(await ask(1450), [1450, 1450]);
  way.most = 1350;
  t.strictSame(await ask(1450), [1450, 1350]);
  way.most = 1400;
  t.strictSame(await ask(1350), [1450, 1400], 'by a call of our own');
  way.most = 1450;
  t.strictSame(await ask(1350), [1450, 1450], 'by the client, which knows of the first alone');
  t.strictSame(await ask(1300), [1300, 1300], 'a wish of its own');
  t.strictSame(await ask(1400), [1400, 1400], 'and another, which was an answer to a former one');
});

t.test('a wish that fails leaves the one before', async (t) => {
  const { way, call, ask } = stage();
  t.equal(wishedMtu(call.state), undefined);
  t.strictSame(await ask(1450), [1450, 1450]);
  way.most = 1350;
  t.strictSame(await ask(1450), [1450, 1350]);
  way.most = NaN;
  await t.rejects(ask(1300));
  t.equal(wishedMtu(call.state), 1450);
  way.most = 1450;
  t.strictSame(await ask(1350), [1450, 1450]);
});

t.test('a wire that was small when its forwarder was killed', async (t) => {
  const { call, ask } = stage();
  rememberMtu(call.state, 0, 1350);
  t.strictSame(await ask(1350), [defaultMtu, 1450]);
  t.equal(wishedMtu(call.state), 0);
});

t.test('what a tunnel says is no echo', async (t) => {
  const { way, call, ask } = stage();
  call.state.set(clientSocket, { tunnel: { vni: 1 } } as unknown as Socket);
  way.most = 1430;
  t.strictSame(await ask(1450), [1450, 1430]);
  t.strictSame(await ask(1430), [1430, 1430]);
});
