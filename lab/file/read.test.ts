// SPDX-License-Identifier: Apache-2.0
/** A lab's file: what it comes to, and every kind of mistake with its line, field, value and cure. */
import t from 'tap';
import { defaultLab, template } from '../default.js';
import { LabFileError, LabInputError, type Mistake } from './mistakes.js';
import { checkLab, parseLabFile, readLabFile } from './read.js';

function mistakesOf(text: string): readonly Mistake[] {
  try {
    parseLabFile(text, 'lab.yaml');
  } catch (reason) {
    if (reason instanceof LabFileError) return reason.mistakes;
    throw reason;
  }
  throw new Error('it was taken');
}

const head = 'apiVersion: wanwire.io/v1alpha1\nkind: Lab\nmetadata: {name: l}\nspec:\n  sites:\n';

/** Two sites with a cable; what is given stands in edge's link, or after its links. */
function two(link = '', edge = '', cloud = ''): string {
  return `${head}    - name: edge
      links:
        - {name: wan0, cable: c, addresses: [192.0.2.1/24]${link}}
${edge}
    - name: cloud
      links:
        - {name: wan0, cable: c, addresses: [192.0.2.2/24]${cloud}}
`;
}

t.test('the template is the default lab', async (t) => {
  t.same(checkLab(defaultLab()), parseLabFile(template, 'template'));
  t.equal(checkLab(defaultLab('other')).metadata.name, 'other');
});

t.test('everything that a file may say', async (t) => {
  const more = ', mtu: 1400, delay: 80ms, jitter: 5ms, loss: 5%, rate: 20mbit';
  const { spec } = parseLabFile(two(`${more}, toward: {cloud: {rate: 0}}`), 'lab.yaml');
  t.match(spec.sites[0]?.links[0], {
    mtu: 1400,
    delay: '80ms',
    rate: '20mbit',
    toward: { cloud: { rate: '0' } },
  });
});

const wrong: readonly (readonly [what: string, text: string, line: number, says: RegExp])[] = [
  ['no YAML', 'a: [', 1, /^is not valid YAML/],
  ['a key twice', `${head}    - {name: a, name: b}\n`, 6, /second time/],
  ['two documents', `${two()}---\nkind: Lab\n`, 13, /one lab in a file/],
  ['another kind', two().replace('kind: Lab', 'kind: Site'), 2, /^kind: "Site".*want Lab/],
  ['no kind', two().replace('kind: Lab\n', ''), 1, /^kind: nothing.*want Lab/],
  ['another version', two().replace('v1alpha1', 'v9'), 1, /^apiVersion: .*v9.*want wanwire/],
  ['a bad name', two().replace('name: l}', 'name: L_1}'), 3, /^metadata.name: "L_1".*a-z/],
  ['an unknown key', two(', dleay: 5ms'), 8, /links\[0\].dleay: is not known.*delay/],
  ['a delay without unit', two(', delay: 80'), 8, /links\[0\].delay: 80 is not.*80ms/],
  ['a delay below none', two(', delay: "-1ms"'), 8, /delay: "-1ms"/],
  ['a delay too long', two(', delay: 11s'), 8, /delay: "11s".*10s/],
  ['a jitter that is none', two(', jitter: lots'), 8, /jitter: "lots"/],
  ['a loss above all', two(', loss: 101%'), 8, /loss: "101%".*100%/],
  ['a loss without %', two(', loss: 5'), 8, /loss: 5 .*5%/],
  ['a rate in bytes', two(', rate: 5MB'), 8, /rate: "5MB".*mbit/],
  ['a rate too small', two(', rate: 1bit'), 8, /rate: "1bit".*8kbit/],
  ['an MTU that is a text', two(', mtu: "1400"'), 8, /mtu: "1400".*whole number/],
  ['an MTU too small', two(', mtu: 67'), 8, /mtu: 67/],
  ['an MTU too large', two(', mtu: 65522'), 8, /mtu: 65522.*65521/],
  [
    'an MTU that loses IPv6',
    two(', mtu: 1279').replace('192.0.2.1/24', '"2001:db8::1/64"'),
    8,
    /mtu: 1279.*1280/,
  ],
  ['no prefix length', two().replace('.1/24', '.1'), 8, /addresses\[0\]: "192.0.2.1".*\/24/],
  ['no address', two().replace('192.0.2.1/24', 'x/24'), 8, /addresses\[0\]: "x\/24"/],
  ['a long prefix', two().replace('.1/24', '.1/33'), 8, /addresses\[0\]: "192.0.2.1\/33"/],
  ['an address twice', two().replace('.2/24', '.1/24'), 12, /addresses\[0\]: .*no other link/],
  ['a long device', two().replace('wan0', 'a234567890123456'), 8, /links\[0\].name: .*15/],
  ['a device of ours', two().replace('wan0', 'lan0'), 8, /links\[0\].name: "lan0"/],
  ['neither cable nor network', two().replace('cable: c, ', ''), 8, /either cable/],
  ['both cable and network', two(', network: n'), 8, /either cable/],
  ['a loose cable', two().replace('cable: c', 'cable: d'), 8, /cable: "d".*another site/],
  [
    'a device twice',
    two('', '        - {name: wan0, network: n}'),
    9,
    /links\[1\].name: "wan0".*no other link/,
  ],
  ['a cable to itself', two('', '        - {name: x, cable: c}'), 9, /cable: "c".*another site/],
  ['a third end', two('', '        - {name: x, cable: c}'), 12, /cable: "c".*two ends.*network/],
  ['another MTU over there', two(', mtu: 1400', '', ', mtu: 1300'), 12, /mtu: 1300.*want 1400/],
  ['another delay over there', two(', delay: 1ms', '', ', delay: 2ms'), 12, /delay: .*toward/],
  ['toward nobody', two(', toward: {nobody: {loss: 1%}}'), 8, /"nobody".*edge or cloud|cloud or/],
  [
    'a network named as a site',
    two('', '        - {name: x, network: cloud}'),
    9,
    /network: "cloud"/,
  ],
  ['a site twice', two().replace('cloud', 'edge'), 10, /sites\[1\].name: "edge".*no other site/],
  ['a client twice', two('', '      clients: [{name: a}, {name: a}]'), 9, /clients\[1\].name/],
  [
    'a server without LAN',
    two('', '      servers: [{name: a, addresses: [10.0.0.2/24]}]'),
    9,
    /servers\[0\].*lan/,
  ],
  [
    'a server outside of the LAN',
    two(
      '',
      '      lan: {addresses: [10.0.0.1/24]}\n      servers: [{name: a, addresses: [10.1.0.2/24]}]',
    ),
    10,
    /addresses\[0\]: "10.1.0.2\/24".*10.0.0.1\/24/,
  ],
  [
    'two namespaces of one name',
    `${two('', '      clients: [{name: b}]')}    - {name: edge-b}\n`,
    9,
    /clients\[0\].name: "b".*ww-l-edge-b/,
  ],
  ['no sites', head.replace('sites:', 'sites: []'), 5, /^spec.sites: .*at least one site/],
  ['sites that are no list', head.replace('sites:', 'sites: 5'), 5, /^spec.sites: 5.*a list/],
];
for (const [what, text, line, says] of wrong) {
  t.test(`refused: ${what}`, async (t) => {
    const found = mistakesOf(text).find((mistake) =>
      says.test(`${mistake.field}: ${mistake.text}`.replace(/^: /, '')),
    );
    t.equal(found?.line, line, JSON.stringify(mistakesOf(text)));
  });
}

t.test('all mistakes at once, in the order of the file', async (t) => {
  const text = two(', delay: 80, loss: 7', '', ', rate: 9');
  t.same(
    mistakesOf(text).map(({ line, field }) => [line, field.split('.').at(-1)]),
    [
      [8, 'delay'],
      [8, 'loss'],
      [12, 'rate'],
    ],
  );
  t.throws(() => parseLabFile(text, 'lab.yaml'), { message: /^lab\.yaml:8: spec\.sites\[0\]/ });
});

t.test('texts that would hurt a reader', async (t) => {
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const laughs = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]',
    'c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]',
    'd: [*c,*c,*c,*c]',
  ].join('\n');
  for (const text of [
    '',
    '# nothing\n',
    'just words',
    '5',
    'a: &a [*a]',
    deep,
    laughs,
    'x'.repeat(300_000),
  ]) {
    t.throws(() => parseLabFile(text, 'lab.yaml'), { name: 'LabFileError' });
  }
});

t.test('a file that is not there', async (t) => {
  await t.rejects(readLabFile('/nonexistent/lab.yaml'), LabInputError);
  await t.rejects(readLabFile('/nonexistent/lab.yaml'), /no such file.*lab template/);
});

t.test('what came from no file has mistakes without lines', async (t) => {
  const bad = { ...defaultLab(), kind: 'Labor' };
  t.throws(() => checkLab(bad), { message: 'lab: kind: "Labor" is not valid: want Lab' });
});
