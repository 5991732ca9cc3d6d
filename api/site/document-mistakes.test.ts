// SPDX-License-Identifier: Apache-2.0
/** Texts that are no YAML, or not the documents that are wanted. */
import t from 'tap';
import { mistakesOf, siteText } from '../../test/doubles/site-text.js';
import { parsePolicies } from './policy.js';
import { SiteError } from './site-error.js';

const none = /^0 : has no document: want one with `kind: Site` or `kind: SteeringPolicy`$/;

t.test('empty files', async (t) => {
  for (const text of ['', '\n', '# nothing\n', '---\n', '---\n---\n', '\uFEFF']) {
    t.match(await mistakesOf(t, text), [none], JSON.stringify(text));
  }
});

t.test('texts that are no YAML', async (t) => {
  const table: readonly (readonly [text: string, mistake: RegExp])[] = [
    ['kind: [Site', /^0:1:\d+ : is not valid YAML: Flow sequence/],
    ['a: 1\na: 2', /^0:2:1 : the same key stands here a second time$/],
    ['{a: 1, b: {c: 1, c: 2}}', /^0:1:18 : the same key/],
    ['\tkind: Site', /^0:1:1 : is not valid YAML: Tabs/],
    ['kind: "Site', /is not valid YAML: Missing closing/],
    ['kind: *site', /^0:1:1 : is not valid YAML: Unresolved alias/],
    ['kind: !site x', /is not valid YAML: Unresolved tag: !site/],
    ['? [a]\n: b', /^0:1:3 : a key must be one word/],
    ['__proto__: {kind: Site}', /^0:1:1 : __proto__ is no key/],
    ['kind: &a [*a]', /an alias stands within what it names/],
    ['kind: Site\n  spec: {}', /^0:\d:\d+ : is not valid YAML/],
  ];
  for (const [text, mistake] of table) {
    const [first = 'no mistake'] = await mistakesOf(t, text);
    t.match(first, mistake, JSON.stringify(text));
  }
});

t.test('texts that would take all memory or all of the stack', async (t) => {
  const nines = (name: string) => `[${new Array(9).fill(`*${name}`).join()}]`;
  const bomb = [
    'a: &a [1]',
    ...'bcdefghi'.split('').map((name, at) => `${name}: &${name} ${nines('abcdefgh'.charAt(at))}`),
  ];
  t.match(await mistakesOf(t, bomb.join('\n')), [/is not valid YAML: Excessive alias count/]);
  for (const deep of ['['.repeat(20_000), '{a: '.repeat(20_000), '- '.repeat(20_000)]) {
    t.match(await mistakesOf(t, deep), [/^0 : has values in more than 64 others$/]);
  }
  t.match(await mistakesOf(t, `# ${'x'.repeat(2 ** 20)}`), [/^0 : is longer than 1048576 char/]);
});

t.test('files that are no text, or are not there', async (t) => {
  t.strictSame(await mistakesOf(t, Uint8Array.of(0xff, 0xfe, 0)), ['0 : is not UTF-8 text']);
  await t.rejects(
    import('./read.js').then(({ readSiteFiles }) => readSiteFiles(['/none/site.yaml'])),
    { name: 'SiteError', message: /^\/none\/site.yaml: cannot be read: ENOENT/ },
  );
});

t.test('documents of other kinds', async (t) => {
  const table: readonly (readonly [text: string, mistake: string])[] = [
    ['just text', '0:1:1 : "just text" is not valid: want a mapping with apiVersion, kind'],
    ['[1]', '0:1:1 : [1] is not valid: want a mapping with apiVersion, kind'],
    ['a: b', '0:1:1 kind: nothing is not valid: want a kind: Site, SteeringPolicy, NetworkService'],
    [
      'kind: Sites',
      '0:1:7 kind: "Sites" is not valid: want a kind: Site, SteeringPolicy, NetworkService (did you mean Site?)',
    ],
    [
      'kind: Pod',
      '0:1:7 kind: "Pod" is not valid: want a kind: Site, SteeringPolicy, NetworkService',
    ],
    ['kind: 1', '0:1:7 kind: 1 is not valid: want a kind'],
    ['kind: constructor', '0:1:7 kind: "constructor" is not valid: want a kind'],
  ];
  for (const [text, mistake] of table) {
    const found = await mistakesOf(t, siteText(), text);
    t.equal(found[0]?.slice(0, mistake.length), mistake.replace('0:', '1:'), text);
    t.equal(found.length, 1);
  }
});

t.test('no Site, two Sites, two of a name', async (t) => {
  const [site = '', policy = ''] = siteText().split('---\n');
  t.strictSame(await mistakesOf(t, policy), [
    '0 : there is no Site: want one document with `kind: Site`',
  ]);
  t.strictSame(await mistakesOf(t, site, policy), [], 'in two files');
  const [second = '', ...more] = await mistakesOf(t, siteText(), site);
  t.match(second, /^1:2:7 kind: "Site" is not valid: want no second Site beside that at \S*0:1$/);
  t.strictSame(more, []);
  t.match(await mistakesOf(t, siteText(), policy.replace('[wan]', '[other]')), [
    /^1:3:18 metadata.name: "default" is not valid: want a name that the one at \S*0:10 does not have$/,
  ]);
  const other = policy.replace('name: default', 'name: other');
  const twice = await mistakesOf(t, siteText(), other);
  t.match(
    twice[0],
    /^1:5:13 spec.services: \["wan"\] is not valid: want services that the policy at \S*0:10 does not make \(wan\)$/,
  );
});

t.test('a NetworkService', async (t) => {
  const text = `apiVersion: networkservicemesh.io/v1
kind: NetworkService
metadata: {name: wan}
spec:
  name: wam
  payload: ip
  matches:
    - sourceSelector: {}
      routes: [{destination_selector: {a: 1}, weight: 0}]
`;
  const found = await mistakesOf(t, siteText(), text);
  t.strictSame(
    found.map((one) => one.replace(/ is not valid.*| \(there are.*/, '')),
    [
      '1:6:12 spec.payload: "ip"',
      '1:8:7 spec.matches[0].sourceSelector: is not known: did you mean source_selector?',
      '1:9:43 spec.matches[0].routes[0].destination_selector.a: 1',
      '1:9:55 spec.matches[0].routes[0].weight: 0',
    ],
  );
  const named = text.split('\n').slice(0, 5).join('\n');
  t.match(await mistakesOf(t, siteText(), named), [
    /spec.name: "wam" .* want the name of metadata, wan$/,
  ]);
});

t.test('all mistakes at once, by line', async (t) => {
  const lines = {
    3: 'metadata: {}',
    7: '    - {name: lte}',
    16: '    bulk: {links: []}',
    20: '  default: x',
  };
  const found = await mistakesOf(t, siteText(lines), 'kind: [', siteText().split('---\n')[1] ?? '');
  t.strictSame(
    found.map((one) => one.replace(/ is not valid.*/, '')),
    [
      '0:3:1 metadata.name: nothing',
      '0:7:7 spec.links[1].device: nothing',
      '0:7:7 spec.links[1].trusted: nothing',
      '0:16:19 spec.classes.bulk.links: []',
      '0:20:12 spec.default: "x"',
      '1:1:8 :',
      '2:3:18 metadata.name: "default"',
    ],
  );
});

t.test('policies of a text without a Site', (t) => {
  const [site = '', policy = ''] = siteText({
    16: '    bulk: {links: [{name: any}], fallback: [some]}',
  }).split('---\n');
  t.equal(parsePolicies(policy, 'p.yaml').length, 1, 'links are not known here');
  const wrong = (text: string, mistake: RegExp): unknown =>
    t.throws(() => parsePolicies(text, 'p.yaml'), { name: 'SiteError', message: mistake });
  wrong(site, /^p.yaml:2:7: kind: "Site" is not valid: want SteeringPolicy, as all others here$/);
  wrong(policy.replace('[ef]', '[eff]'), /^p.yaml:9:\d+: spec.rules\[0\].match.dscp\[0\]: "eff"/);
  wrong(`${policy}\n---\n${policy}`, /^p.yaml:15:18: metadata.name: "default" .* at p.yaml:1 does/);
  wrong('', /^p.yaml: has no document/);
  const long = policy.replace('[ef]', `[${'x'.repeat(1000)}]`);
  wrong(long, /"x{79}\.\.\. \(1002 characters\) is not valid/);
  t.ok(new SiteError([]) instanceof Error);
  t.end();
});
