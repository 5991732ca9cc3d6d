// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import {
  annotationMistakes,
  parseNetworkServiceUrl,
  parseNetworkServiceUrls,
} from './network-service-url.js';

t.test('what is right', (t) => {
  const right: Record<string, object> = {
    'kernel://hello': { service: 'hello', labels: {} },
    'kernel://hello/': { service: 'hello', interfaceName: undefined },
    'KERNEL://hello/nsm-1': { mechanism: 'KERNEL', interfaceName: 'nsm-1' },
    'kernel://wan@cloud/nsm-1': { service: 'wan@cloud', interfaceName: 'nsm-1' },
    'kernel://hello?app=blue&tier=1': { service: 'hello', labels: { app: 'blue', tier: '1' } },
    'kernel://hello/fifteen-letters?a=1&a=2': {
      interfaceName: 'fifteen-letters',
      labels: { a: '1,2' },
    },
    'kernel://hello?a=b=c&d&e=%2C+%20': { labels: { a: 'b=c', d: '', e: ',  ' } },
    'kernel://hello?__proto__=x': { labels: Object.fromEntries([['__proto__', 'x']]) },
    'kernel://hello.default_1/a.b_c-d': { service: 'hello.default_1', interfaceName: 'a.b_c-d' },
  };
  for (const [url, want] of Object.entries(right)) {
    t.match(parseNetworkServiceUrl(url), { url, ...want }, url);
  }
  t.end();
});

t.test('what is wrong', (t) => {
  const wrong: Record<string, RegExp> = {
    '': /"" is no kernel:\/\/SERVICE/,
    hello: /"hello" is no kernel.*%2C/,
    'kernel:/hello': /is no kernel/,
    'memif://hello': /scheme "memif" is a mechanism of NSM .*want kernel/,
    'veth://hello': /scheme "veth" is no mechanism: want kernel/,
    'kernel://': /network service is empty/,
    'kernel:///nsm-1': /network service is empty/,
    'kernel://hel lo': /network service "hel lo" contains " "/,
    'kernel://hello:80': /contains ":"/,
    'kernel://hello@': /"hello@": want NAME or NAME@DOMAIN/,
    'kernel://@cloud': /want NAME or NAME@DOMAIN/,
    'kernel://a@b@c': /want NAME or NAME@DOMAIN/,
    'kernel://hello/sixteen-letters-': /"sixteen-letters-" has 16 characters, more than Linux' 15/,
    'kernel://hello/a/b': /interface name "a\/b" contains "\/"/,
    'kernel://hello/nsm%201': /interface name "nsm 1" contains " "/,
    'kernel://hello/nsm%25d': /contains "%"/,
    'kernel://hello/a:1': /contains ":"/,
    'kernel://hello/ñ': /contains "ñ"/,
    'kernel://hello/lo': /"lo" is taken by the system/,
    'kernel://hello/..': /taken by the system/,
    'kernel://hello?=x': /label "=x" has no name/,
    'kernel://hello?a=%zz': /label "%zz": a "%" is written %25/,
    'kernel://hello#x': /"#" is written %23/,
    'kernel://hello?sriovToken=a/b': /no SR-IOV/,
  };
  for (const [url, message] of Object.entries(wrong)) {
    t.throws(() => parseNetworkServiceUrl(url), { message }, JSON.stringify(url));
  }
  t.end();
});

t.test('a list', (t) => {
  const urls = parseNetworkServiceUrls(
    'kernel://a/nsm-1, kernel://b/nsm-2?x=y,kernel://c,kernel://c',
  );
  t.strictSame(
    urls.map(({ service, interfaceName }) => [service, interfaceName]),
    [
      ['a', 'nsm-1'],
      ['b', 'nsm-2'],
      ['c', undefined],
      ['c', undefined],
    ],
  );
  t.throws(() => parseNetworkServiceUrls('kernel://a/nsm-1,memif://b,kernel://c/nsm-1,'), {
    message:
      /^entry 2: scheme "memif".*; entry 3: interface name "nsm-1" is that of entry 1: want another; entry 4: ""/,
  });
  t.end();
});

t.test('an annotation tells where its mistakes are', (t) => {
  const right = 'kernel://a/nsm-1, kernel://b@c?x=y';
  t.equal(annotationMistakes('networkservicemesh.io', right), undefined);
  const at: Record<string, readonly string[]> = {
    'kernel://wan/sixteen-letters-': [
      'character 14, entry 1: interface name "sixteen-letters-" has',
    ],
    'kernel://a/x, kernel://b/x': ['character 26, entry 2: interface name "x" is that of entry 1'],
    'kernel://a,,memif://b': ['character 12, entry 2: ""', 'character 13, entry 3: scheme "memif"'],
    ' kernel://?a=b&c=%zz': ['character 11, entry 1: network service is empty'],
    'kernel://a?a=b&c=%zz': ['character 18, entry 1: label "%zz"'],
    'kernel://a?b=c&sriovToken=x': ['character 16, entry 1: label "sriovToken"'],
    'kernel://a?b=😀,kernel://b#': ['character 26, entry 2: a "#"'],
  };
  for (const [text, mistakes] of Object.entries(at)) {
    const lines = annotationMistakes('networkservicemesh.io', text)?.split('\n') ?? [];
    t.equal(lines.length, mistakes.length, text);
    for (const [line, mistake] of mistakes.entries()) {
      t.ok(lines[line]?.startsWith(`networkservicemesh.io: ${mistake}`), lines[line] ?? text);
    }
  }
  t.end();
});
