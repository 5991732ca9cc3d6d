// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { compose } from '../../api/chain/compose.js';
import { stateKey } from '../../api/chain/state.js';
import { clientMechanism } from '../../api/elements/mechanism-translation.js';
import { WireError } from '../../api/errors/wire-error.js';
import { failing, testCall, testRequest } from '../../test/doubles/elements.js';
import { kernelFacets } from '../chain.js';
import {
  clientSocket,
  endpointSocket,
  type Socket,
  type Wire,
  type Wish,
} from '../mechanisms/kernel/index.js';
import type { WireRecord } from '../records.js';
import { wire } from './wire.js';

const socket = (name: string): Socket => ({
  place: { id: { dev: 4n, ino: 1n }, path: '/p' },
  name,
  field: name,
});
const path = { index: 0, pathSegments: [{ name: 'f', id: '1', metrics: { request_ms: '3' } }] };

/** Wires and records that note what is asked of them. */
function bench(realise: (wish: Wish) => Wire, known?: Wire) {
  const log: string[] = [];
  const saved: WireRecord[] = [];
  return {
    log,
    saved,
    options: {
      forwarder: 'f',
      wires: {
        get: () => known,
        realise: async (wish: Wish) => {
          log.push(`realise ${wish.id}`);
          return realise(wish);
        },
        restore: async (id: string, before: Wire | undefined) => {
          log.push(`restore ${id} to ${before === undefined ? 'nothing' : 'what was'}`);
        },
        remove: async (id: string) => {
          log.push(`remove ${id}`);
        },
      },
      records: {
        save: (record: WireRecord) => {
          saved.push(record);
        },
        remove: (id: string) => {
          log.push(`forget ${id}`);
        },
      },
    },
  };
}

function call() {
  const made = testCall();
  made.state.set(clientSocket, socket('nsm-1'));
  made.state.set(endpointSocket, socket('nse-1'));
  return made;
}
const made = (wish: Wish): Wire => ({ wish, indexes: { near: 3, far: 4 } });
const refuse = (): Wire => {
  throw new WireError(status.ALREADY_EXISTS, 'taken');
};

t.test('a wire is made and recorded, and the answer names its interfaces', async (t) => {
  const { log, saved, options } = bench(made);
  const chain = compose(wire(options, ...kernelFacets));
  const answer = await chain.request(call(), testRequest({ id: '1', path }));
  t.same(answer.path?.pathSegments[0]?.metrics, {
    request_ms: '3',
    server_interface: 'KERNEL/nsm-1',
    client_interface: 'KERNEL/nse-1',
  });
  t.same(log, ['realise 1']);
  t.match(saved, [{ connection: answer, indexes: { near: 3, far: 4 } }]);
});

t.test('where it cannot be made, or what follows fails, it is as it was before', async (t) => {
  const known = made({} as Wish);
  for (const [first, ...rest] of [
    [bench(refuse), 'realise 1', 'restore 1 to nothing'],
    [bench(refuse, known), 'realise 1', 'restore 1 to what was'],
  ] as const) {
    const chain = compose(wire(first.options, ...kernelFacets));
    await t.rejects(chain.request(call(), testRequest({ id: '1', path })), { message: 'taken' });
    t.same(first.log, rest);
    t.same(first.saved, []);
  }
  const later = bench(made);
  const chain = compose(wire(later.options, ...kernelFacets), failing(new Error('later')));
  await t.rejects(chain.request(call(), testRequest({ id: '1', path })), { message: 'later' });
  t.same(later.log, ['realise 1', 'restore 1 to nothing']);
});

t.test('a Connection that says what cannot be touches no kernel', async (t) => {
  const { log, options } = bench(made);
  const chain = compose(wire(options, ...kernelFacets));
  const context = { MTU: 3 };
  await t.rejects(chain.request(call(), testRequest({ id: '1', path, context })), { code: 3 });
  t.same(log, []);
});

t.test('Close removes the wire and its record', async (t) => {
  const { log, options } = bench(made);
  const chain = compose(wire(options, ...kernelFacets));
  await chain.close(call(), testRequest({ id: '1', path }).connection);
  t.same(log, ['remove 1', 'forget 1']);
});

t.test('in the wrong place it says so', async (t) => {
  const chain = compose(wire(bench(made).options, ...kernelFacets));
  const empty = testCall();
  empty.state.set(stateKey('other'), 1);
  await t.rejects(chain.request(empty, testRequest({ id: '1', path })), { code: 13 });
});

t.test('an endpoint that answers what cannot be wired', async (t) => {
  const chain = compose(wire(bench(made).options, ...kernelFacets));
  const asked = call();
  asked.state.delete(endpointSocket);
  asked.state.set(clientMechanism, { cls: 'LOCAL', type: 'MEMIF', parameters: {} });
  const request = testRequest({ id: '1', path, networkServiceEndpointName: 'nse' });
  await t.rejects(chain.request(asked, request), {
    code: 12,
    message: 'mechanism: nse answered MEMIF: want KERNEL, or VXLAN from another node',
  });
});
