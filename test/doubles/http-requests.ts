// SPDX-License-Identifier: Apache-2.0
/** A policy with http rules of every kind, and requests with the rule that each must get. */
import { Buffer } from 'node:buffer';
import type { HttpRequest } from '../../api/site/http-match.js';

/** It has a class for each rule, so that where a request went tells its rule. */
export const requestPolicy = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: requests}
spec:
  services: [wan]
  rules:
    - {name: boss, match: {http: {headers: {user: boss}}}, class: boss}
    - {name: umlaut, match: {http: {headers: {user: "bö"}}}, class: umlaut}
    - {name: twice, match: {http: {headers: {user: "minion,minion"}}}, class: twice}
    - {name: staff, match: {http: {headers: {user: {prefix: staff-}, Team: {present: true}}}}, class: staff}
    - {name: robots, match: {http: {headers: {user-agent: {regex: "(curl|wget)/[0-9.]+( .*)?"}}}}, class: robots}
    - {name: letters, match: {http: {headers: {user: {regex: "[^ -~]+.\\\\S+"}}}}, class: letters}
    - {name: post, match: {http: {method: [POST, PUT], path: {prefix: /upload}}}, class: post}
    - {name: exact, match: {http: {path: /video}}, class: exact}
    - {name: numbered, match: {http: {path: {regex: "/v[0-9]+/(list|get)"}}}, class: numbered}
    - {name: host, match: {http: {host: [api.example, "*.wild.example"]}}, class: host}
    - {name: options, match: {http: {method: OPTIONS}}, class: options}
    - {name: long, match: {http: {headers: {long: {regex: "a*b"}}}}, class: long}
  default: best-effort
`;

/** One request as it is sent. */
export interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** In order; a name may stand twice. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The rule; nothing for the default. */
  readonly rule: string | undefined;
}

function request(rule: string | undefined, more: Partial<SentRequest>): SentRequest {
  return { method: 'GET', path: '/', host: 'a.example', headers: [], rule, ...more };
}

const user = (rule: string | undefined, ...values: string[]): SentRequest =>
  request(rule, { headers: values.map((value) => ['user', value]) });

/** Just below what an Envoy takes. */
const long = 50_000;

/** See the head of this file. */
export const sentRequests: readonly SentRequest[] = [
  request(undefined, {}),
  user('boss', 'boss'),
  request('boss', { headers: [['USER', '  boss\t']] }),
  user(undefined, 'Boss'),
  user(undefined, 'bosses'),
  user(undefined, ''),
  user(undefined, 'boss', 'boss'),
  user(undefined, 'boss', 'minion'),
  user('twice', 'minion', 'minion'),
  user('twice', 'minion,minion'),
  user(undefined, 'minion, minion'),
  user('umlaut', 'bö'),
  user(undefined, 'bö '.repeat(2)),
  user('letters', 'é-ü'),
  user(undefined, 'staff-1'),
  request('staff', {
    headers: [
      ['user', 'staff-1'],
      ['team', ''],
    ],
  }),
  request('staff', {
    headers: [
      ['user', 'staff-'],
      ['team', 'x'],
    ],
  }),
  request(undefined, {
    headers: [
      ['user', 'staff'],
      ['team', 'x'],
    ],
  }),
  request('robots', { headers: [['user-agent', 'curl/8.0']] }),
  request('robots', { headers: [['user-agent', 'wget/1.2 (x)']] }),
  request(undefined, { headers: [['user-agent', 'a curl/8.0']] }),
  request('boss', {
    headers: [
      ['user-agent', 'curl/8.0'],
      ['user', 'boss'],
    ],
  }),
  request('post', { method: 'POST', path: '/upload/1' }),
  request('post', { method: 'PUT', path: '/uploads' }),
  request(undefined, { path: '/upload' }),
  request(undefined, { method: 'POST', path: '/Upload' }),
  request('exact', { path: '/video' }),
  request('exact', { path: '/video?a=/x&b' }),
  request(undefined, { path: '/video/' }),
  request(undefined, { path: '/videos' }),
  request(undefined, { path: '/%76ideo' }),
  request('numbered', { path: '/v12/list?x=1' }),
  request(undefined, { path: '/v12/lists' }),
  request(undefined, { path: '/x/v1/get' }),
  request('host', { host: 'api.example' }),
  request('host', { host: 'API.Example:8080' }),
  request(undefined, { host: 'api.example.org' }),
  request(undefined, { host: 'xapi.example' }),
  request('host', { host: 'a.b.wild.example' }),
  request(undefined, { host: 'wild.example' }),
  request('options', { method: 'OPTIONS' }),
  request('long', { headers: [['long', `${'a'.repeat(long)}b`]] }),
  request(undefined, { headers: [['long', 'a'.repeat(long)]] }),
  request('boss', {
    headers: [
      ['x', 'x'.repeat(long)],
      ['user', 'boss'],
    ],
  }),
];

/** As the access log has it: names in small letters, values joined, no spaces around them. */
export function loggedRequest({ method, path, host, headers }: SentRequest): HttpRequest {
  const found: Record<string, string> = {};
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    const text = value.replace(/^[ \t]+|[ \t]+$/g, '');
    found[key] = Object.hasOwn(found, key) ? `${found[key] ?? ''},${text}` : text;
  }
  return { method, path, host, headers: found };
}

/** An HTTP/1.1 request, byte by byte as it is. */
export function requestBytes({ method, path, host, headers }: SentRequest): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `host: ${host}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(method === 'POST' || method === 'PUT' ? ['content-length: 0'] : []),
    'connection: close',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}
