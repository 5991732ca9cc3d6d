// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { ConnectionEvent, ConnectionEventType, State } from '../api/gen/connection.js';
import { NetworkService, NetworkServiceEndpoint } from '../api/gen/registry.js';
import { endpointRow, serviceRow } from './find-rows.js';
import { eventRows } from './monitor-rows.js';
import { columns, labelText, printable } from './table.js';

t.test('a service', (t) => {
  t.strictSame(serviceRow(NetworkService.fromPartial({ name: 'wan' })), ['wan', 'IP', '-']);
  const matches = [
    {
      sourceSelector: { app: 'web' },
      routes: [{ destinationSelector: { link: 'a' } }, { destinationSelector: {} }],
    },
    { routes: [] },
  ];
  t.strictSame(
    serviceRow(NetworkService.fromPartial({ name: 'wan', payload: 'ETHERNET', matches })),
    ['wan', 'ETHERNET', 'app=web > link=a or -; - > -'],
  );
  t.end();
});

t.test('an endpoint', (t) => {
  const entry = {
    name: 'blue',
    networkServiceNames: ['a', 'b'],
    networkServiceLabels: { a: { labels: { x: '1' } }, b: { labels: { x: '1' } } },
    url: 'unix:///x',
    expirationTime: { seconds: 100n, nanos: 0 },
  };
  const row = endpointRow(NetworkServiceEndpoint.fromPartial(entry), 40_000);
  t.strictSame(row, ['blue', 'a,b', 'x=1', 'unix:///x', '60s']);
  const late = endpointRow(NetworkServiceEndpoint.fromPartial(entry), 200_000);
  t.equal(late[4], '0s', 'a late clock makes no negative time');
  const bare = endpointRow(NetworkServiceEndpoint.fromPartial({ name: 'x' }), 0);
  t.strictSame(bare, ['x', '-', '-', '-', 'never']);
  t.end();
});

t.test('events', (t) => {
  const connection = {
    id: 'c-1',
    networkService: 'hello',
    networkServiceEndpointName: 'blue',
    state: State.DOWN,
    mechanism: { parameters: { name: 'nsm-1' } },
    path: { pathSegments: [{ name: 'nsc' }, { name: 'nmgr' }] },
  };
  const event = (type: ConnectionEventType, connections: Record<string, object>) =>
    eventRows(ConnectionEvent.fromPartial({ type, connections }));
  const cells = ['c-1', 'hello', 'blue', 'DOWN', '-', 'nsm-1', 'nsc > nmgr'];
  t.strictSame(event(ConnectionEventType.UPDATE, { 'c-1': connection }), [['UPDATE', ...cells]]);
  t.strictSame(event(ConnectionEventType.INITIAL_STATE_TRANSFER, { 'c-1': connection }), [
    ['IS', ...cells],
  ]);
  t.strictSame(event(ConnectionEventType.INITIAL_STATE_TRANSFER, {}), []);
  t.strictSame(event(ConnectionEventType.DELETE, { x: { id: 'x' } }), [
    ['DELETE', 'x', '-', '-', 'UP', '-', '-', '-'],
  ]);
  const metrics = { state: 'up', strands_usable: '2', rtt_ms: '20.1', loss_percent: '0.00' };
  const steered = { id: 'x', path: { pathSegments: [{ name: 'nsc' }, { name: 'f', metrics }] } };
  const [row] = event(ConnectionEventType.UPDATE, { x: steered });
  t.equal(row?.[5], 'up, 2 usable, 20.1 ms, loss 0.00 %');
  t.end();
});

t.test('columns widen as rows come', (t) => {
  const { line } = columns([
    ['A', 'B'],
    ['long', 'x'],
  ]);
  t.equal(line(['A', 'B']), 'A     B');
  t.equal(line(['longer', 'y']), 'longer  y');
  t.equal(line(['z', 'y']), 'z       y');
  t.equal(line(['z', '']), 'z');
  t.end();
});

t.test('a peer cannot write to the terminal', (t) => {
  t.equal(printable('a\u001b[2Jb\nc\u009bd'), 'a?[2Jb?c?d');
  t.equal(labelText({ 'a\u0007': 'b' }), 'a?=b');
  t.equal(labelText({}), '-');
  t.end();
});
