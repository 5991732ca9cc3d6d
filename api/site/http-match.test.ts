// SPDX-License-Identifier: Apache-2.0
/** Which http rule a request gets; test/netns/envoy-routes.test.ts asks a real Envoy the same. */
import t from 'tap';
import { loggedRequest, requestPolicy, sentRequests } from '../../test/doubles/http-requests.js';
import { httpRuleOf } from './http-match.js';
import { parsePolicies } from './policy.js';

const [policy] = parsePolicies(requestPolicy, 'requests.yaml');
if (policy === undefined) throw new Error('no policy');

for (const sent of sentRequests) {
  const { method, path, host, headers } = loggedRequest(sent);
  const name = `${method} ${path} ${host} ${JSON.stringify(headers).slice(0, 60)}`;
  t.equal(httpRuleOf(policy, { method, path, host, headers })?.name, sent.rule, name);
}

t.test('every rule is met, and none by each request', (t) => {
  const met = new Set(sentRequests.map(({ rule }) => rule));
  t.strictSame(
    policy.httpRules.map(({ name }) => name).filter((name) => !met.has(name)),
    [],
  );
  t.end();
});

t.test('a header called like what every object has is only there if it was sent', (t) => {
  const text = requestPolicy.replace('{user: boss}', '{constructor: {present: true}}');
  const [odd] = parsePolicies(text, 'odd.yaml');
  const request = { method: 'GET', path: '/', host: 'a', headers: {} };
  t.equal(odd && httpRuleOf(odd, request), undefined);
  t.match(odd && httpRuleOf(odd, { ...request, headers: { constructor: '' } }), { name: 'boss' });
  t.end();
});

t.test('a request for a tunnel is not routed by rules', (t) => {
  const request = {
    method: 'CONNECT',
    path: '',
    host: 'api.example:443',
    headers: { user: 'boss' },
  };
  t.equal(httpRuleOf(policy, request), undefined);
  const all = { method: 'OPTIONS', path: '*', host: 'api.example', headers: {} };
  t.equal(httpRuleOf(policy, all), undefined, 'nor is one for the server as such');
  t.end();
});
