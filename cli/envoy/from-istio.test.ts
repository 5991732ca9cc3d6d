// SPDX-License-Identifier: Apache-2.0
/** Istio's routes as a policy, and what of them cannot be said in one. */
import t from 'tap';
import { parsePolicies } from '../../api/site/policy.js';
import { SiteError } from '../../api/site/site-error.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import { policyFromIstio, type FromOptions } from './from-istio.js';

function read(text: string, options: FromOptions = {}): SteeringPolicy {
  const [policy] = parsePolicies(policyFromIstio(text, 'vs.yaml', options), 'made');
  if (policy === undefined) throw new Error('no policy');
  return policy;
}

/** `LINE FIELD: TEXT` of each mistake. */
function mistakes(text: string, options: FromOptions = {}): string[] {
  try {
    policyFromIstio(text, 'vs.yaml', options);
    return [];
  } catch (reason) {
    if (!(reason instanceof SiteError)) throw reason;
    return reason.mistakes.map(
      ({ line, field, text: told }) => `${String(line)} ${field}: ${told}`,
    );
  }
}

const virtualService = `apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: {name: httpbin, namespace: default}
spec:
  hosts: [httpbin]
  http:
    - name: Boss & chief
      match:
        - headers: {user: {exact: boss}}
        - headers: {user: {regex: "chief-[0-9]+"}, team: {}}
          uri: {prefix: /api}
      route:
        - destination: {host: httpbin, subset: v2}
    - match:
        - {method: {exact: PUT}, authority: {exact: load.example}, uri: {exact: /load}}
      route:
        - destination: {host: httpbin, subset: bulk}
          weight: 100
    - route:
        - destination: {host: httpbin, subset: v1}
`;
const destinationRule = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin}
spec:
  host: httpbin
  subsets:
    - {name: v1, labels: {version: v1, wanwire.io/class: best-effort}}
    - {name: v2, labels: {wanwire.io/class: low-latency}}
    - {name: bulk}
`;

t.test('routes to subsets are http rules of classes', (t) => {
  const policy = read(virtualService + destinationRule);
  const nothing = { headers: {}, methods: [], hosts: [] };
  t.strictSame(policy.httpRules, [
    {
      name: 'boss-chief-1',
      match: { ...nothing, headers: { user: { exact: 'boss' } } },
      class: 'low-latency',
      mark: undefined,
    },
    {
      name: 'boss-chief-2',
      match: {
        ...nothing,
        headers: { user: { regex: 'chief-[0-9]+' }, team: { present: true } },
        path: { prefix: '/api' },
      },
      class: 'low-latency',
      mark: undefined,
    },
    {
      name: 'bulk',
      match: { headers: {}, path: { exact: '/load' }, methods: ['PUT'], hosts: ['load.example'] },
      class: 'bulk',
      mark: undefined,
    },
  ]);
  t.strictSame([policy.default, policy.services, policy.rules], ['best-effort', ['wan'], []]);
  t.end();
});

t.test('classes by option go before labels', (t) => {
  const classes = { v2: 'bulk', v1: 'cheap' };
  const policy = read(virtualService, { classes, name: 'istio', services: ['net'] });
  t.strictSame(
    policy.httpRules.map((rule) => rule.class),
    ['bulk', 'bulk', 'bulk'],
  );
  t.match(policy, { name: 'istio', services: ['net'], default: 'cheap' });
  t.end();
});

t.test('without a route for all requests the default is as given', (t) => {
  const text = virtualService.slice(0, virtualService.indexOf('    - route:'));
  t.equal(read(text, { classes: { v2: 'bulk' } }).default, 'best-effort');
  t.equal(read(text, { classes: { v2: 'bulk' }, default: 'slow' }).default, 'slow');
  const bare = virtualService.replace(', subset: v1', '');
  t.equal(read(bare, { classes: { v2: 'bulk' }, default: 'slow' }).default, 'slow');
  t.end();
});

t.test('several VirtualServices: each is for its own hosts', (t) => {
  const other = virtualService.replaceAll('httpbin', 'Web.example');
  const policy = read(`${virtualService}---\n${other}`, { classes: { v1: 'bulk', v2: 'fast' } });
  t.strictSame(
    policy.httpRules.map(({ name, match, class: of }) => `${name}: ${match.hosts.join()} ${of}`),
    [
      'boss-chief-1: httpbin fast',
      'boss-chief-2: httpbin fast',
      'bulk: load.example bulk',
      'v1: httpbin bulk',
      'boss-chief-1-2: web.example fast',
      'boss-chief-2-2: web.example fast',
      'bulk-2: load.example bulk',
      'v1-2: web.example bulk',
    ],
  );
  t.equal(policy.default, 'best-effort');
  t.end();
});

t.test('a subset whose class nobody says', (t) => {
  t.match(mistakes(virtualService), [
    /^13 spec\.http\[0\]\.route\[0\]\.destination\.subset: "v2" is not valid: want a subset whose class is known: by --class v2=CLASS, by the label wanwire\.io\/class/,
    /^20 .*subset: "v1" is not valid/,
  ]);
  t.match(mistakes(virtualService + destinationRule.replace('name: bulk', 'name: load')), [
    /^17 .*"bulk" is not valid: want a subset of the DestinationRule for httpbin: v1, v2, load/,
  ]);
  t.match(
    mistakes(virtualService + destinationRule.replace('best-effort', 'Best')),
    [
      /^28 spec\.subsets\[0\]\.labels\["wanwire\.io\/class"\]: "Best" is not valid: want a word/,
    ].concat([]),
  );
  t.end();
});

/** A route with one more line, and the mistake that it is: its line is 8. */
const withLine = (line: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: x}
spec:
  hosts: [x]
  http:
    - match: [{headers: {user: {exact: boss}}}]
      ${line}
      route: [{destination: {host: x, subset: bulk}}]
`;
const withMatch = (match: string): string =>
  withLine('name: x').replace('match: [{headers: {user: {exact: boss}}}]', `match: [${match}]`);

t.test('what a policy cannot say is told, each at its line', (t) => {
  for (const [line = '', told = ''] of [
    [
      'fault: {delay: {fixedDelay: 1s, percentage: {value: 1}}}',
      '"fault" is not valid: want no fault',
    ],
    ['mirror: {host: y}', '"mirror" is not valid: want no mirror'],
    ['rewrite: {authority: y}', '"rewrite" is not valid: want no rewrite'],
    ['redirect: {uri: /y}', '"redirect" is not valid: want no redirect'],
    ['timeout: 5s', '"timeout" is not valid: want no timeout'],
    ['retries: {attempts: 3}', '"retries" is not valid: want no retries'],
    ['corsPolicy: {}', '"corsPolicy" is not valid: want no corsPolicy'],
    ['headers: {request: {set: {a: b}}}', '"headers" is not valid: want no headers here'],
    ['mathc: []', '"mathc" is not valid: want one of name, match, route (did you mean match?)'],
    ['name: [x]', '["x"] is not valid: want a text'],
  ]) {
    const [first = '', ...more] = mistakes(withLine(line));
    t.match(first, /^8 spec\.http\[0\]\./, line);
    t.match(first, told);
    t.strictSame(more, [], 'and no more');
  }
  for (const [match = '', told = ''] of [
    ['{queryParams: {a: {exact: b}}}', '"queryParams" is not valid: want no queryParams'],
    ['{sourceLabels: {app: web}}', '"sourceLabels" is not valid: want no sourceLabels'],
    ['{withoutHeaders: {a: {}}}', '"withoutHeaders" is not valid: want no withoutHeaders'],
    ['{ignoreUriCase: true, uri: {exact: /a}}', '"ignoreUriCase" is not valid'],
    ['{port: 80}', '"port" is not valid'],
    ['{scheme: {exact: http}}', '"scheme" is not valid'],
    ['{uri: {regex: "(?i)/a"}}', '"(?i)/a" is not valid: want a regular expression'],
    ['{uri: {regex: "/(?!a).*"}}', 'is not valid: want a regular expression'],
    ['{uri: {exact: a}}', '"a" is not valid: want a path such as /video'],
    ['{uri: {exact: /a, prefix: /b}}', 'want one of exact, prefix, regex'],
    ['{uri: {suffix: /a}}', '"suffix" is not valid: want one of exact, prefix, regex'],
    ['{method: {regex: "GET|PUT"}}', 'want a mapping such as {exact: ...}'],
    ['{method: {exact: FETCH}}', '"FETCH" is not valid: want a method'],
    ['{authority: {prefix: a}}', 'want a mapping such as {exact: ...}'],
    ['{headers: {":path": {exact: /a}}}', '":path" is not valid: want the name of a header'],
    ['{headers: {user: boss}}', '"boss" is not valid'],
    ['{headers: {a: {exact: b}, A: {exact: c}}}', '"A" is not valid: want each header once'],
  ]) {
    const [first = 'none', ...more] = mistakes(withMatch(match));
    t.match(first, /^7 spec\.http\[0\]\.match\[0\]/, match);
    t.ok(first.includes(told), `${first}: ${told}`);
    t.strictSame(
      more.filter((one) => !one.includes('is not valid')),
      [],
    );
  }
  t.end();
});

t.test('other mistakes', (t) => {
  const wrong: readonly (readonly [from: string | RegExp, to: string, told: RegExp])[] = [
    ['VirtualService', 'Gateway', /^2 kind: "Gateway" is not valid: want VirtualService or/],
    ['/v1\n', '/v2\n', /^1 apiVersion: .* want networking.istio.io\/v1, v1beta1 or v1alpha3/],
    ['hosts: [x]', 'hosts: []', /^5 spec.hosts: \[\] is not valid: want a list of at least one/],
    ['hosts: [x]', 'gateways: [edge]\n  hosts: [x]', /^5 spec.gateways: .* want \[mesh\], or none/],
    [
      'hosts: [x]',
      'tls: []\n  hosts: [x]',
      /^5 spec.tls: "tls" is not valid: want http routes alone/,
    ],
    [
      'hosts: [x]',
      'tcp: []\n  hosts: [x]',
      /^5 spec.tcp: "tcp" is not valid: want http routes alone/,
    ],
    ['subset: bulk}}', 'subset: bulk}, weight: 50}', /^9 .*weight: 50 is not valid: want 100/],
    [
      'subset: bulk}}',
      'subset: bulk}}, {destination: {host: x, subset: low-latency}}',
      /^9 spec\.http\[0\]\.route: .* want one destination/,
    ],
    [
      'route: [{destination: {host: x, subset: bulk}}]',
      'route: []',
      /^9 spec.http\[0\].route: \[\]/,
    ],
    ['route: [{destination: {host: x, subset: bulk}}]', '', /spec.http\[0\].route: nothing is not/],
    ['{host: x, subset: bulk}', '{subset: bulk}', /destination.host: nothing is not valid/],
    ['match: [{headers: {user: {exact: boss}}}]', 'match: []', /^7 spec.http\[0\].match: \[\]/],
    [
      'match: [{headers: {user: {exact: boss}}}]',
      'match: [x]',
      /^7 spec.http\[0\].match\[0\]: "x"/,
    ],
    [/http:[^]*/, 'http: x', /^6 spec.http: "x" is not valid: want a list of at least one/],
  ];
  for (const [from, to, told] of wrong) {
    const found = mistakes(withLine('name: x').replace(from, to));
    t.match(found[0], told, to);
    t.equal(found.length, 1, found.join('; '));
  }
  t.match(mistakes(''), [/: has no VirtualService/]);
  t.match(mistakes('a: ['), [/is not valid YAML/]);
  t.match(mistakes(destinationRule), [/: has no VirtualService/]);
  const traffic = destinationRule.replace('  subsets:', '  trafficPolicy: {}\n  subsets:');
  t.match(mistakes(virtualService + traffic), [/^27 spec.trafficPolicy: "trafficPolicy" is not/]);
  const first = virtualService
    .replace(/( {4}- route:[^]*)/, '')
    .replace('  http:\n', '  http:\n    - route: [{destination: {host: httpbin, subset: bulk}}]\n');
  t.match(mistakes(first, { classes: { v2: 'bulk' } }), [
    /^8 .*want no route here: http\[0\] is for all/,
  ]);
  const elsewhere = virtualService.replace(
    '{host: httpbin, subset: bulk}',
    '{host: web, subset: bulk}',
  );
  t.match(mistakes(elsewhere, { classes: { v1: 'a', v2: 'a' } }), [
    /^17 .*host: "web" is not valid: want the host/,
  ]);
  t.end();
});

t.test('all mistakes are told at once, and nothing is made', (t) => {
  const text = withLine('fault: {}').replace('{headers', '{port: 1, headers').replace('[x]', '[]');
  t.strictSame(
    mistakes(text).map((one) => one.split(':')[0]),
    ['5 spec.hosts', '7 spec.http[0].match[0].port', '8 spec.http[0].fault'],
  );
  t.end();
});
