// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../api/chain/compose.js';
import type { Request } from '../api/chain/element.js';
import type { Begin } from '../api/elements/begin.js';
import { begin } from '../api/elements/begin.js';
import { kernelMechanism } from '../api/elements/kernel-mechanism.js';
import { updatePath } from '../api/elements/update-path.js';
import { Connection, State } from '../api/gen/connection.js';
import { silentLogger } from '../api/log/log.js';
import { recording } from '../test/doubles/elements.js';
import { ManualClock, settle } from '../test/doubles/manual-clock.js';
import { parseNetworkServiceUrl } from '../api/annotation/network-service-url.js';
import { Wire } from './wire.js';

const known = Connection.fromPartial({
  id: 'nsc-0',
  networkService: 'hello',
  networkServiceEndpointName: 'nse-1',
  mechanism: kernelMechanism({ name: 'nsm-1' }),
  path: {
    index: 0,
    pathSegments: [
      { name: 'nsc', id: 'nsc-0' },
      { name: 'nsmgr', id: 'm-1' },
    ],
  },
});

interface Stage {
  readonly wire: Wire;
  readonly begun: Begin;
  readonly clock: ManualClock;
  readonly requests: readonly Request[];
  readonly closes: readonly Connection[];
}

/** A wire whose next hop fails as often as said, or for ever waits. */
function stage(options: {
  url?: string;
  fails?: number;
  waits?: boolean;
  known?: Connection;
}): Stage {
  const clock = new ManualClock();
  const begun = begin();
  const hop = recording();
  let fails = options.fails ?? 0;
  const chain = compose(updatePath('nsc'), begun, hop, {
    kind: 'step',
    name: 'hop',
    async request(call, request, next) {
      if (fails-- > 0) throw new Error('no endpoint');
      if (options.waits !== true) return next(call, request);
      return new Promise((_resolve, reject) => {
        call.signal.addEventListener('abort', () => {
          reject(new Error('gave up'));
        });
      });
    },
    close: () => Promise.resolve(),
  });
  const wire = new Wire(
    'nsc-0',
    parseNetworkServiceUrl(options.url ?? 'kernel://hello/nsm-1?a=b'),
    {
      metric: 1,
      chain,
      adopt: (connection) => begun.adopt(connection),
      recall: () => Promise.resolve(options.known),
      requestTimeoutMs: 15_000,
      clock,
      log: silentLogger(),
    },
  );
  return { wire, begun, clock, requests: hop.requests, closes: hop.closes };
}

t.test('a first Request, and the Close', async (t) => {
  const { wire, begun, clock, requests, closes } = stage({});
  await wire.open();
  t.match(requests, [
    {
      connection: {
        id: 'nsc-0',
        networkService: 'hello',
        labels: { a: 'b' },
        path: { index: 0, pathSegments: [{ name: 'nsc', id: 'nsc-0' }] },
      },
      mechanismPreferences: [
        { cls: 'LOCAL', type: 'KERNEL', parameters: { name: 'nsm-1', 'wanwire.metric': '1' } },
      ],
    },
  ]);
  await wire.close(1_000);
  t.match(closes, [{ id: 'nsc-0', networkService: 'hello' }]);
  t.equal(begun.size, 0);
  t.equal(clock.timers, 0);
});

t.test('failures are followed by longer and longer pauses, at most 5 seconds', async (t) => {
  const { wire, clock, requests } = stage({ fails: 7 });
  const opened = wire.open();
  for (const [at, pauseMs] of [200, 400, 800, 1600, 3200, 5000, 5000].entries()) {
    await settle();
    t.equal(requests.length, at + 1);
    await clock.advance(pauseMs - 1);
    t.equal(requests.length, at + 1, `not before ${String(pauseMs)} ms`);
    await clock.advance(1);
  }
  await opened;
  t.equal(requests.length, 8);
  await wire.close(1_000);
});

t.test('a wire of a former life is refreshed', async (t) => {
  const { wire, requests } = stage({ known });
  await wire.open();
  t.match(requests[0]?.connection, {
    state: State.UP,
    networkServiceEndpointName: 'nse-1',
    mechanism: { parameters: { name: 'nsm-1' } },
    path: { index: 0, pathSegments: [{ id: 'nsc-0' }, { id: 'm-1' }] },
    labels: { a: 'b' },
  });
  await wire.close(1_000);
});

t.test(
  'it is chosen anew, under the same ids, where it is not what we want or fails',
  async (t) => {
    const anew = {
      state: State.RESELECT_REQUESTED,
      networkServiceEndpointName: '',
      mechanism: undefined,
      path: { index: 0, pathSegments: [{ id: 'nsc-0' }, { id: 'm-1' }] },
    };
    for (const url of ['kernel://other/nsm-1', 'kernel://hello/nsm-2']) {
      const { wire, requests } = stage({ known, url });
      await wire.open();
      t.match(requests[0]?.connection, anew, url);
      await wire.close(1_000);
    }
    const { wire, clock, requests } = stage({ known, fails: 1 });
    const opened = wire.open();
    await settle();
    await clock.advance(200);
    await opened;
    t.match(requests[1]?.connection, { ...anew, networkService: 'hello' });
    await wire.close(1_000);
  },
);

t.test('closing while it asks: gives up, and closes what was half made', async (t) => {
  const { wire, begun, clock, requests, closes } = stage({ waits: true, known });
  const opened = wire.open();
  await settle();
  t.equal(requests.length, 1);
  await Promise.all([t.rejects(opened, { name: 'AbortError' }), wire.close(1_000)]);
  t.match(closes, [{ id: 'nsc-0', path: { pathSegments: [{ id: 'nsc-0' }, { id: 'm-1' }] } }]);
  t.equal(begun.size, 0);
  t.equal(clock.timers, 0);
});

t.test('closing during a pause, and without ever asking', async (t) => {
  const { wire, closes, clock } = stage({ fails: 100 });
  const opened = wire.open();
  await settle();
  await Promise.all([t.rejects(opened, { name: 'AbortError' }), wire.close(1_000)]);
  const idle = stage({});
  await idle.wire.close(1_000);
  t.strictSame([...closes, ...idle.closes], []);
  t.equal(clock.timers, 0);
});

t.test('an attempt that had too little time leaves more to the next one', async (t) => {
  const { wire, clock, requests } = stage({ waits: true });
  const opening = t.rejects(wire.open());
  await settle();
  t.equal(requests.length, 1);
  for (const [at, [triedMs, pauseMs]] of [
    [15_000, 200],
    [30_000, 400],
    [60_000, 800],
    [60_000, 1_600],
  ].entries()) {
    await clock.advance((triedMs ?? 0) + (pauseMs ?? 0) - 1);
    t.equal(requests.length, at + 1);
    await clock.advance(1);
    t.equal(requests.length, at + 2);
  }
  await wire.close(1_000);
  await opening;
});
