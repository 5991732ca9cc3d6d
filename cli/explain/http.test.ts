// SPDX-License-Identifier: Apache-2.0
/** What Envoy does with a request. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import type { SteeringPolicy } from '../../api/site/types.js';
import type { PlaneWire } from '../plane/types.js';
import { httpAnswerOf, requestOf } from './http.js';

t.equal(requestOf({}), undefined, 'nothing asked');
t.strictSame(
  requestOf({ header: ['User=boss', 'x: a b', 'X=c'], path: '/video?x', host: 'api:80' }),
  { headers: { user: 'boss', x: 'a b,c' }, method: 'GET', path: '/video?x', host: 'api:80' },
  'names in small letters, one that is sent twice joined',
);
t.strictSame(requestOf({ method: 'POST' }), { headers: {}, method: 'POST', path: '/', host: '' });
t.throws(() => requestOf({ header: ['boss'] }), { code: status.INVALID_ARGUMENT });

const boss = { headers: { user: { exact: 'boss' } }, methods: [], hosts: [] };
const policy: SteeringPolicy = {
  name: 'p',
  services: ['wan'],
  classes: [],
  rules: [],
  httpRules: [
    { name: 'boss', match: boss, class: 'low-latency', mark: undefined },
    {
      name: 'all',
      match: { ...boss, headers: {}, path: { prefix: '/v' } },
      class: 'bulk',
      mark: 8,
    },
  ],
  default: 'best-effort',
};
const wire = (id: string, service: string, client: string, device: string): PlaneWire =>
  ({ id, service, client, interface: device, leader: true }) as PlaneWire;
const own = wire('1', 'wan', 'app', 'nsm-1');
const wires = [
  own,
  wire('2', 'wan-low-latency', 'other', 'nsm-x'),
  wire('3', 'wan-low-latency', 'app', 'nsm-low'),
];
const asked = (options: Parameters<typeof requestOf>[0]) => {
  const request = requestOf(options);
  if (request === undefined) throw new Error('nothing asked');
  return httpAnswerOf(policy, request, own, wires);
};
t.match(asked({ header: ['user=boss'], path: '/video' }), {
  rule: 'boss',
  match: 'header user is boss',
  class: 'low-latency',
  service: 'wan-low-latency',
  wire: { id: '3', interface: 'nsm-low' },
});
t.match(asked({ path: '/video' }), { rule: 'all', class: 'bulk', mark: 8, wire: null });
t.match(asked({ path: '/other' }), { rule: null, class: null, wire: null });
