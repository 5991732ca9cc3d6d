// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { address } from './address.js';
import { cidrGroups, prefixes } from './cidr.js';
import { groups } from './common.js';
import { duration } from './duration.js';
import { json, jsonOf } from './json.js';
import { labelsColon, labelsEquals, list } from './list.js';
import { logLevel } from './log-level.js';
import type { Kind } from './table.js';
import { boolean, integer, oneOf } from './text.js';
import { listenUrls, url } from './urls.js';

const manyBytes = `unix:///${'x'.repeat(200)}`;
/** One row per kind: what it reads, as what, and what it refuses, with a part of the reason. */
const rows: [string, Kind<unknown>, Record<string, unknown>, Record<string, string>][] = [
  [
    'duration',
    duration,
    {
      '0': 0,
      '10m': 600_000,
      '200ms': 200,
      '1h30m': 5_400_000,
      '1.5s': 1500,
      '.5s': 500,
      '100us': 0.1,
      '100µs': 0.1,
      '+3s': 3000,
    },
    {
      '5': 'has no unit known to Go after 5',
      '1d': 'has no unit',
      '-1s': 'is negative',
      '5 s': 'has no unit',
      soon: 'is no duration at "soon"',
      '+': 'is no duration',
      '1s ': 'is no duration at " "',
      '9999999999h': 'longer than Go',
    },
  ],
  [
    'boolean',
    boolean,
    { true: true, T: true, '1': true, False: false, '0': false },
    { yes: 'neither', tRUE: 'neither' },
  ],
  [
    'integer',
    integer(0, 10),
    { '0': 0, '+7': 7, '10': 10 },
    {
      '11': 'out of range',
      '-1': 'out of range',
      '1.5': 'no whole',
      '1e3': 'no whole',
      '0x1': 'no',
    },
  ],
  ['oneOf', oneOf('polite', 'strict'), { polite: 'polite' }, { Polite: 'none of the known words' }],
  ['logLevel', logLevel, { INFO: 'info', Warning: 'warn' }, { LOUD: 'is no log level' }],
  ['list', list, { '': [], 'a, b': ['a', 'b'] }, { 'a,,b': 'has an empty item' }],
  [
    'labelsColon',
    labelsColon,
    { '': {}, 'a:b,c:d:e': { a: 'b', c: 'd:e' }, 'a:': { a: '' } },
    { a: 'has no ":"', 'a=b': 'it has "="', ':b': 'has no name', 'a:1,a:2': 'names "a" twice' },
  ],
  [
    'labelsEquals',
    labelsEquals,
    { 'a=b,c=d': { a: 'b', c: 'd' } },
    { 'a:b': 'has no "=" in "a:b" (it has ":")' },
  ],
  [
    'url',
    url,
    {
      'unix:///run/x.sock': 'unix:///run/x.sock',
      'tcp://10.0.0.1:5001': 'tcp://10.0.0.1:5001',
      'tcp://[::1]:5001': 'tcp://[::1]:5001',
      'registry:5002': 'tcp://registry:5002',
    },
    {
      'unix://run/x.sock': 'three slashes',
      'unix:x': 'three slashes',
      'unix:///run/': 'is a folder',
      [manyBytes]: 'path of 201 bytes',
      'http://x:1': 'has the scheme http',
      'tcp://host': 'has no host:port',
      'tcp://:5001': 'has no host',
      'tcp://x:0': 'has port 0',
      'tcp://x:70000': 'above 65535',
      'tcp://::1:5001': 'has no host:port',
      nonsense: 'has no host:port',
    },
  ],
  [
    'listenUrls',
    listenUrls,
    {
      'unix:///a,tcp://:0': ['unix:///a', 'tcp://:0'],
      'tcp://127.0.0.1:5001': ['tcp://127.0.0.1:5001'],
    },
    {
      'unix:///a,unix:///a': 'names a place twice',
      ' ': 'names no place',
      'udp://x:1': 'scheme udp',
    },
  ],
  [
    'cidrGroups',
    cidrGroups,
    {
      '172.16.0.0/16': [['172.16.0.0/16']],
      '[172.16.1.101/31, 10.0.0.0/8],[2001:DB8::1/116]': [
        ['172.16.1.100/31', '10.0.0.0/8'],
        ['2001:db8::/116'],
      ],
      '10.0.0.0/8,fd00::/8': [['10.0.0.0/8'], ['fd00::/8']],
    },
    {
      '10.0.0.0': 'has no prefix in "10.0.0.0"',
      '10.0/8': 'has no prefix',
      '10.0.0.0/33': 'has no prefix',
      '[10.0.0.0/8': 'has no group at "[10.0.0.0/8"',
      '10.0.0.0/8]': 'has no group at',
      '[[10.0.0.0/8]]': 'has no group',
      '[]': 'has an empty group',
      '10.0.0.0/8,': 'ends in a comma',
      '[10.0.0.0/8][fd00::/8]': 'has no group at',
    },
  ],
  [
    'prefixes',
    prefixes,
    { '': [], '10.1.2.3/8': ['10.0.0.0/8'] },
    { 'fe80::%eth0/64': 'no prefix' },
  ],
  [
    'groups',
    groups,
    { '[a,b],[c]': [['a', 'b'], ['c']], '': [] },
    { 'a,b': 'outside of brackets' },
  ],
  [
    'address',
    address,
    { '192.0.2.1': '192.0.2.1', '2001:DB8::0:1': '2001:db8::1' },
    { '192.0.2': 'no IP', 'fe80::1%eth0': 'no IP' },
  ],
  ['json', json, { '[1]': [1] }, { '[': 'is no JSON' }],
];

for (const [name, kind, reads, refuses] of rows) {
  t.test(name, (t) => {
    const variable = kind({ description: 'x', required: true });
    for (const [text, value] of Object.entries(reads)) {
      t.strictSame(variable.parse(text), value, `reads ${JSON.stringify(text)}`);
    }
    for (const [text, reason] of Object.entries(refuses)) {
      t.throws(() => variable.parse(text), { message: new RegExp(literally(reason)) }, text);
    }
    t.end();
  });
}

t.test('JSON of a shape says what is wrong with it', (t) => {
  const numbers = jsonOf('a list of numbers', (value) => {
    if (!Array.isArray(value)) throw new Error('is no list');
    return value as number[];
  });
  t.strictSame(numbers({ description: 'x', required: true }).parse('[1]'), [1]);
  t.throws(() => numbers({ description: 'x' }).parse('{}'), { message: 'is no list' });
  t.end();
});

t.test('a label may have any name', (t) => {
  const labels = labelsColon({ description: 'x', required: true }).parse('__proto__:x');
  t.ok(Object.hasOwn(labels, '__proto__'));
  t.end();
});

function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
