// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { Connection, MonitorScopeSelector } from '../gen/connection.js';
import type { Sketch } from '../../test/doubles/elements.js';
import { selects } from './selector.js';

const conn = Connection.fromPartial({
  networkService: 'hello',
  path: {
    pathSegments: [
      { name: 'a', id: '1', token: 'x' },
      { name: 'b', id: '2', token: 'y' },
      { name: 'a', id: '3', token: 'z' },
    ],
  },
});
type Wanted = Sketch<MonitorScopeSelector>;

t.test('segments match a contiguous run, services any of them', async (t) => {
  const cases: readonly (readonly [Wanted, boolean])[] = [
    [{}, true],
    [{ pathSegments: [{ name: 'b' }] }, true],
    [{ pathSegments: [{ name: 'b', id: '2' }, { name: 'a' }] }, true],
    [{ pathSegments: [{}, {}, { id: '3' }] }, true],
    [{ pathSegments: [{ name: 'a' }, { name: 'a' }] }, false],
    [{ pathSegments: [{ name: 'a' }, { id: '2' }, { token: 'z' }] }, true],
    [{ pathSegments: [{ name: 'b', id: '1' }] }, false],
    [{ pathSegments: [{ token: 'w' }] }, false],
    [{ pathSegments: [{}, {}, {}, {}] }, false],
    [{ networkServices: ['other', 'hello'] }, true],
    [{ networkServices: ['other'] }, false],
    [{ networkServices: ['other'], pathSegments: [{ name: 'b' }] }, false],
    [{ networkServices: ['hello'], pathSegments: [{ name: 'c' }] }, false],
  ];
  for (const [wanted, is] of cases) {
    const selector = MonitorScopeSelector.fromPartial(wanted as MonitorScopeSelector);
    t.equal(selects(selector, conn), is, JSON.stringify(wanted));
  }
  t.equal(selects(MonitorScopeSelector.fromPartial({}), Connection.fromPartial({})), true);
});
