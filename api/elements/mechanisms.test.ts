// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../chain/compose.js';
import type { Guard } from '../chain/element.js';
import { WireError } from '../errors/wire-error.js';
import { Connection, type Mechanism } from '../gen/connection.js';
import { failing, recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { mechanisms } from './mechanisms.js';

const mechanism = (type: string): Mechanism => ({ cls: 'LOCAL', type, parameters: {} });
const of = (...types: string[]) => testRequest({ id: 'c' }, types.map(mechanism));

t.test('the first supported preference, and Close goes there', async (t) => {
  const [kernel, noop, rest] = [recording(), recording(), recording()];
  const chain = compose(mechanisms({ KERNEL: kernel, NOOP: noop }), rest);
  const answer = await chain.request(testCall(), of('MEMIF', 'KERNEL', 'NOOP'));
  t.equal(answer.mechanism?.type, 'KERNEL');
  t.equal(rest.requests.length, 1);
  await chain.close(testCall(), answer);
  t.same([kernel.closes.length, noop.closes.length], [1, 0]);
  await chain.close(testCall(), Connection.fromPartial({ id: 'c' }));
  t.equal(kernel.closes.length, 1, 'nothing was chosen, so nothing to close');
});

t.test('the next one when one fails; the failure of the first when all do', async (t) => {
  const full = failing(new WireError(status.RESOURCE_EXHAUSTED, 'full'));
  const busy = failing(new WireError(status.FAILED_PRECONDITION, 'busy'));
  const chain = compose(mechanisms({ KERNEL: full, NOOP: recording(), VXLAN: busy }));
  t.equal((await chain.request(testCall(), of('KERNEL', 'NOOP'))).mechanism?.type, 'NOOP');
  await t.rejects(chain.request(testCall(), of('KERNEL', 'VXLAN')), { code: 8 });
});

t.test('one chosen before must be supported, and is not changed', async (t) => {
  const kernel = recording();
  const chain = compose(mechanisms({ KERNEL: kernel, NOOP: recording() }));
  const chosen = { id: 'c', mechanism: mechanism('KERNEL') };
  await chain.request(testCall(), testRequest(chosen, [mechanism('NOOP')]));
  t.equal(kernel.requests.length, 1);
  const vfio = testRequest({ id: 'c', mechanism: mechanism('VFIO') }, [mechanism('KERNEL')]);
  await t.rejects(chain.request(testCall(), vfio), {
    code: 12,
    message: 'mechanism: VFIO not supported: want one of KERNEL, NOOP',
  });
});

t.test('nothing supported', async (t) => {
  const chain = compose(mechanisms({ KERNEL: recording() }));
  await t.rejects(chain.request(testCall(), of('MEMIF', 'IPSEC', 'constructor')), {
    code: 12,
    message: 'mechanism: MEMIF, IPSEC, constructor not supported: want one of KERNEL',
  });
  await t.rejects(chain.request(testCall(), of()), { code: 12, message: /none was offered/ });
});

t.test('who gave up is not tried for any more', async (t) => {
  const abort = new AbortController();
  const noop = recording();
  const late: Guard = {
    kind: 'guard',
    name: 'late',
    request: () => {
      abort.abort();
      return Promise.reject(new WireError(status.DEADLINE_EXCEEDED, 'late'));
    },
    close: (call, connection, next) => next(call, connection),
  };
  const chain = compose(mechanisms({ KERNEL: late, NOOP: noop }));
  const call = testCall({ signal: abort.signal });
  await t.rejects(chain.request(call, of('KERNEL', 'NOOP')), { code: 4 });
  t.equal(noop.requests.length, 0);
  await chain.close(call, Connection.fromPartial({ id: 'c', mechanism: mechanism('KERNEL') }));
});
