// SPDX-License-Identifier: Apache-2.0
/** Every kind of mistake in the http match of a rule, and what is understood where there is none. */
import t from 'tap';
import {
  checkMistakes,
  mistakesOf,
  siteText,
  type MistakeTable,
} from '../../test/doubles/site-text.js';
import { parsePolicies } from './policy.js';
import type { HttpMatch } from './types.js';

const line = (http: string): string => `    - {name: a, match: {http: ${http}}, class: bulk}`;
const at = 'spec.rules[0].match.http';
const wrong = (http: string, mistake: string): MistakeTable[number] => [
  { 18: line(http) },
  `18 ${at}${mistake}`,
];

checkMistakes(t, [
  wrong('{}', ': {} is not valid: want at least one of headers, path, method and host'),
  wrong('boss', ': "boss" is not valid: want a mapping such as {headers: {user: boss}}'),
  wrong('{header: {user: boss}}', '.header: is not known: did you mean headers?'),
  wrong('{headers: {}}', '.headers: {} is not valid: want headers such as {user: boss}'),
  wrong('{headers: [user]}', '.headers: ["user"] is not valid: want headers such as {user: boss}'),
  wrong(
    '{headers: {"us er": x}}',
    '.headers["us er"]: "us er" is not valid: want the name of a header',
  ),
  wrong('{headers: {"": x}}', '.headers[""]: "" is not valid: want the name of a header'),
  wrong('{headers: {benütz: x}}', '.headers["benütz"]: "benütz" is not valid: want the name of a'),
  wrong(
    '{headers: {":path": x}}',
    '.headers[":path"]: ":path" is not valid: want the name of a header',
  ),
  wrong('{headers: {Host: x}}', '.headers.Host: "Host" is not valid: want host beside headers'),
  wrong(
    '{headers: {TE: x}}',
    '.headers.TE: "TE" is not valid: want a header that is not of one hop',
  ),
  wrong(
    '{headers: {user: a, User: b}}',
    '.headers.User: "User" is not valid: want each header once',
  ),
  wrong('{headers: {user: 5}}', '.headers.user: 5 is not valid: want a text, or a mapping such as'),
  wrong('{headers: {user: ""}}', '.headers.user: "" is not valid: want a text that is not empty'),
  wrong(
    '{headers: {user: " x"}}',
    '.headers.user: " x" is not valid: want a text that is not empty',
  ),
  wrong('{headers: {user: "x\\ny"}}', '.headers.user: "x\\ny" is not valid: want a text'),
  wrong(
    '{headers: {user: {}}}',
    '.headers.user: {} is not valid: want one of exact, prefix, regex',
  ),
  wrong('{headers: {user: {exact: a, prefix: b}}}', '.headers.user: {"exact":"a","prefix":"b"} is'),
  wrong('{headers: {user: {exact: ""}}}', '.headers.user.exact: "" is not valid: want a text that'),
  wrong(
    '{headers: {user: {prefix: ""}}}',
    '.headers.user.prefix: "" is not valid: want a text that',
  ),
  wrong('{headers: {user: {regex: ""}}}', '.headers.user.regex: "" is not valid: want a regular'),
  wrong('{headers: {user: {regex: "("}}}', '.headers.user.regex: "(" is not valid: want a regular'),
  wrong('{headers: {user: {regex: "(?=a)"}}}', '.headers.user.regex: "(?=a)" is not valid: want a'),
  wrong(
    '{headers: {user: {present: false}}}',
    '.headers.user.present: false is not valid: want true',
  ),
  wrong('{headers: {user: {suffix: a}}}', '.headers.user.suffix: is not known'),
  wrong('{path: video}', '.path: "video" is not valid: want a path such as /video'),
  wrong('{path: "/a?b=c"}', '.path: "/a?b=c" is not valid: want a path such as /video'),
  wrong('{path: {prefix: ""}}', '.path.prefix: "" is not valid: want a path such as /video'),
  wrong('{path: {present: true}}', '.path.present: is not known'),
  wrong('{path: {regex: "[a"}}', '.path.regex: "[a" is not valid: want a regular expression'),
  wrong('{path: 7}', '.path: 7 is not valid: want a path such as /video, or a mapping'),
  wrong('{method: get}', '.method: "get" is not valid: want a method: did you mean GET?'),
  wrong('{method: [GET, FETCH]}', '.method[1]: "FETCH" is not valid: want a method'),
  wrong('{method: []}', '.method: [] is not valid: want a method such as GET, or a list of them'),
  wrong('{method: 1}', '.method: 1 is not valid: want a method such as GET, or a list of them'),
  wrong('{host: "a b"}', '.host: "a b" is not valid: want a host such as api.example or *.example'),
  wrong(
    '{host: "api.example:80"}',
    '.host: "api.example:80" is not valid: want a host without a port',
  ),
  wrong('{host: "[::1]:80"}', '.host: "[::1]:80" is not valid: want a host without a port'),
  wrong('{host: "*"}', '.host: "*" is not valid: want a host such as'),
  wrong('{host: "a.*.example"}', '.host: "a.*.example" is not valid: want a host such as'),
  [
    { 18: '    - {name: a, match: {dscp: [ef], http: {path: /}}, class: bulk}' },
    '18 spec.rules[0].match: {"dscp":["ef"],"http":{"path":"/"}} is not valid: want http alone',
  ],
  [
    { 18: '    - {name: a, match: {http: {path: /}}, class: bulc}' },
    '18 spec.rules[0].class: "bulc" is not valid: want a class: bulk, low-latency',
  ],
]);

t.test('several mistakes of one match are all told', async (t) => {
  const http = '{headers: {user: {regex: "("}, "x y": z}, method: [get], path: video}';
  const mistakes = await mistakesOf(t, siteText({ 18: line(http) }));
  const fields = ['headers.user.regex', 'headers["x y"]', 'path', 'method[0]'];
  for (const field of fields) {
    t.ok(
      mistakes.some((one) => one.includes(` ${at}.${field}: `)),
      field,
    );
  }
  t.equal(mistakes.length, fields.length);
});

t.test('what is understood', (t) => {
  const understood = (http: string): HttpMatch | undefined =>
    parsePolicies(siteText({ 18: line(http) }).split('---\n')[1] ?? '', 'p')[0]?.httpRules[0]
      ?.match;
  const nothing = { headers: {}, methods: [], hosts: [] };
  t.strictSame(
    understood('{headers: {X-User: bö, a: {prefix: b}, c: {regex: "d.*"}, e: {present: true}}}'),
    {
      ...nothing,
      headers: {
        'x-user': { exact: 'bö' },
        a: { prefix: 'b' },
        c: { regex: 'd.*' },
        e: { present: true },
      },
    },
  );
  t.strictSame(understood('{path: /video}'), { ...nothing, path: { exact: '/video' } });
  t.strictSame(understood('{path: {regex: "/v[0-9]+/.*"}}'), {
    ...nothing,
    path: { regex: '/v[0-9]+/.*' },
  });
  t.strictSame(understood('{method: GET}'), { ...nothing, methods: ['GET'] });
  t.strictSame(understood('{method: [GET, HEAD], host: ["*.API.example", "[::1]"]}'), {
    ...nothing,
    methods: ['GET', 'HEAD'],
    hosts: ['*.api.example', '[::1]'],
  });
  t.end();
});
