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
const video = { headers: {}, path: { prefix: '/v' }, methods: [], hosts: [] };
const post = { headers: {}, methods: ['POST'], hosts: [] };
const own = { sla: undefined, links: [] };
const policy: SteeringPolicy = {
  name: 'p',
  services: ['wan'],
  classes: [
    { name: 'bulk', ...own, fallback: ['space', 'low-latency'], strict: true },
    { name: 'sure', ...own, fallback: [], strict: true },
  ],
  rules: [],
  httpRules: [
    { name: 'boss', match: boss, class: 'low-latency', mark: undefined },
    { name: 'video', match: video, class: 'bulk', mark: 8 },
    { name: 'post', match: post, class: 'sure', mark: undefined },
    { name: 'put', match: { ...post, methods: ['PUT'] }, class: 'space', mark: undefined },
  ],
  default: 'best-effort',
};
const wire = (id: string, service: string, client: string, device: string): PlaneWire =>
  ({ id, service, client, interface: device, leader: true }) as PlaneWire;
const steered = wire('1', 'wan', 'app', 'nsm-1');
const wires = [
  steered,
  wire('2', 'wan-low-latency', 'other', 'nsm-x'),
  wire('3', 'wan-low-latency', 'app', 'nsm-low'),
];
const asked = (options: Parameters<typeof requestOf>[0]) => {
  const request = requestOf(options);
  if (request === undefined) throw new Error('nothing asked');
  return httpAnswerOf(policy, request, steered, wires);
};
const low = { id: '3', interface: 'nsm-low', class: 'low-latency' };
t.match(asked({ header: ['user=boss'], path: '/video' }), {
  rule: 'boss',
  match: 'header user is boss',
  class: 'low-latency',
  otherwise: null,
  wire: low,
});
t.match(
  asked({ path: '/video' }),
  { rule: 'video', class: 'bulk', mark: 8, wire: low },
  'fallback',
);
t.match(asked({ method: 'POST' }), { rule: 'post', wire: null, otherwise: 'refused' }, 'strict');
t.match(asked({ method: 'PUT' }), { rule: 'put', wire: null, otherwise: 'default' });
t.match(asked({ path: '/other' }), { rule: null, class: null, wire: null, otherwise: null });
