// SPDX-License-Identifier: Apache-2.0
/** Every kind of mistake in a SteeringPolicy. */
import t from 'tap';
import {
  checkMistakes,
  mistakesOf,
  siteText,
  type MistakeTable,
} from '../../test/doubles/site-text.js';

const head = (match: string): Record<number, string> => ({
  18: `    - {name: a, match: ${match}, class: bulk}`,
});

const rules: MistakeTable = [
  [
    head('{}'),
    '18 spec.rules[0].match: {} is not valid: want at least one criterion: such a rule would fit everything, and that is what `default` is for',
  ],
  [head('[]'), '18 spec.rules[0].match: [] is not valid: want a mapping such as {dscp: [ef]}'],
  [head('{dscp: []}'), '18 spec.rules[0].match.dscp: [] is not valid: want a list such as [ef]'],
  [head('{dscp: ef}'), '18 spec.rules[0].match.dscp: "ef" is not valid: want a list such as [ef]'],
  [head('{dscp: [64]}'), '18 spec.rules[0].match.dscp[0]: 64 is not valid: want a DSCP: ef, af11'],
  [head('{dscp: [1.5]}'), '18 spec.rules[0].match.dscp[0]: 1.5 is not valid: want a DSCP'],
  [head('{dscp: [af44]}'), '18 spec.rules[0].match.dscp[0]: "af44" is not valid: want a DSCP'],
  [head('{dscp: [true]}'), '18 spec.rules[0].match.dscp[0]: true is not valid: want a DSCP'],
  [head('{dscps: [ef]}'), '18 spec.rules[0].match.dscps: is not known: did you mean dscp?'],
  [
    head('{protocol: tpc}'),
    '18 spec.rules[0].match.protocol: "tpc" is not valid: want an IP protocol',
  ],
  [
    head('{protocol: [tcp, 256]}'),
    '18 spec.rules[0].match.protocol[1]: 256 is not valid: want an IP protocol',
  ],
  [
    head('{protocol: []}'),
    '18 spec.rules[0].match.protocol: [] is not valid: want a protocol such as tcp',
  ],
  [
    head('{protocol: {a: b}}'),
    '18 spec.rules[0].match.protocol: {"a":"b"} is not valid: want a protocol such as tcp',
  ],
  [
    head('{sourcePorts: ["9-8"]}'),
    '18 spec.rules[0].match.sourcePorts[0]: "9-8" is not valid: want a port or ports',
  ],
  [
    head('{sourcePorts: ["1-2-3"]}'),
    '18 spec.rules[0].match.sourcePorts[0]: "1-2-3" is not valid: want a port',
  ],
  [
    head('{sourcePorts: [" 1"]}'),
    '18 spec.rules[0].match.sourcePorts[0]: " 1" is not valid: want a port',
  ],
  [
    head('{destinationPorts: [65536]}'),
    '18 spec.rules[0].match.destinationPorts[0]: 65536 is not valid: want a port',
  ],
  [
    head('{destinationPorts: [-1]}'),
    '18 spec.rules[0].match.destinationPorts[0]: -1 is not valid: want a port',
  ],
  [
    head('{protocol: icmp, sourcePorts: [1]}'),
    '18 spec.rules[0].match: {"protocol":"icmp","sourcePorts":[1]} is not valid: want ports with a protocol that has ports',
  ],
  [
    head('{sources: [10.0.0.1/8]}'),
    '18 spec.rules[0].match.sources[0]: "10.0.0.1/8" is not valid: want a prefix without bits beyond its length: 10.0.0.0/8',
  ],
  [
    head('{sources: ["fd00::1/8"]}'),
    '18 spec.rules[0].match.sources[0]: "fd00::1/8" is not valid: want a prefix without bits beyond its length: fd00::/8',
  ],
  [
    head('{sources: [10.0.0.0/33]}'),
    '18 spec.rules[0].match.sources[0]: "10.0.0.0/33" is not valid: want a prefix such as',
  ],
  [
    head('{sources: [10.0.0/8]}'),
    '18 spec.rules[0].match.sources[0]: "10.0.0/8" is not valid: want a prefix',
  ],
  [
    head('{sources: [10.0.0.010]}'),
    '18 spec.rules[0].match.sources[0]: "10.0.0.010" is not valid: want a prefix',
  ],
  [
    head('{sources: ["fe80::1%eth0"]}'),
    '18 spec.rules[0].match.sources[0]: "fe80::1%eth0" is not valid: want a prefix',
  ],
  [
    head('{sources: ["::ffff:10.0.0.0/104"]}'),
    '18 spec.rules[0].match.sources[0]: "::ffff:10.0.0.0/104" is not valid: want a prefix',
  ],
  [
    head('{destinations: [a.example]}'),
    '18 spec.rules[0].match.destinations[0]: "a.example" is not valid: want a prefix',
  ],
  [
    head('{sources: [10.0.0.1], destinations: ["::/0"]}'),
    '18 spec.rules[0].match: {"sources":["10.0.0.1"],"destinations":["::/0"]} is not valid: want sources and destinations of the same family',
  ],
  [
    head('{clientLabels: {"a b": c}}'),
    '18 spec.rules[0].match.clientLabels["a b"]: "a b" is not valid: want a label name',
  ],
  [
    head('{identity: nsc}'),
    '18 spec.rules[0].match.identity: "nsc" is not valid: want a SPIFFE ID such as spiffe://',
  ],
  [
    head('{identity: ["spiffe://a/**/b"]}'),
    '18 spec.rules[0].match.identity[0]: "spiffe://a/**/b" is not valid: want a SPIFFE ID such as',
  ],
  [
    head('{clientLabels: {a: 1}}'),
    '18 spec.rules[0].match.clientLabels.a: 1 is not valid: want a text; numbers and true or false in quotes',
  ],
  [
    { 18: '    - {match: {dscp: [ef]}, class: bulk}' },
    '18 spec.rules[0].name: nothing is not valid: want a name',
  ],
  [
    { 18: '    - {name: a, class: bulk}' },
    '18 spec.rules[0].match: nothing is not valid: want a mapping',
  ],
  [
    { 18: '    - {name: b, match: {dscp: [ef]}, class: bulk}' },
    '19 spec.rules[1].name: "b" is not valid: want a name that rules[0] does not have',
  ],
  [
    { 18: '    - {name: a, match: {dscp: [ef]}, class: bulc}' },
    '18 spec.rules[0].class: "bulc" is not valid: want a class: bulk, low-latency, best-effort (did you mean bulk?)',
  ],
  [
    { 18: '    - {name: a, match: {dscp: [ef]}, class: bulk, mark: cs1}' },
    '18 spec.rules[0].mark: "cs1" is not valid: want a mapping such as {dscp: cs1}',
  ],
  [
    { 18: '    - {name: a, match: {dscp: [ef]}, class: bulk, mark: {dscp: 70}}' },
    '18 spec.rules[0].mark.dscp: 70 is not valid: want a DSCP',
  ],
];

const others: MistakeTable = [
  [
    { 20: '  default: best-efort' },
    '20 spec.default: "best-efort" is not valid: want a class: bulk, low-latency, best-effort (did you mean best-effort?)',
  ],
  [{ 20: '' }, '13 spec.default: nothing is not valid: want a word'],
  [{ 20: '  default: [bulk]' }, '20 spec.default: ["bulk"] is not valid: want a word'],
  [{ 14: '#' }, '13 spec.services: nothing is not valid: want a list of services such as [wan]'],
  [{ 14: '  services: []' }, '14 spec.services: [] is not valid: want a list of services'],
  [{ 14: '  services: [wan@cloud]' }, '14 spec.services[0]: "wan@cloud" is not valid: want a name'],
  [
    { 14: '  services: [wan, wan]' },
    '14 spec.services[1]: "wan" is not valid: want each service once',
  ],
  [
    { 14: '  services: [wan, wan-bulk]' },
    '14 spec.services: ["wan","wan-bulk"] is not valid: want services that this policy does not make (wan-bulk)',
  ],
  [
    { 14: '  services: [a, b, c, d, e]' },
    '14 spec.services: ["a","b","c","d","e"] is not valid: want at most 15 services, those for each class counted (there are 20: a, b,',
  ],
  [
    { 15: '  classes: [bulk]', 16: '#', 18: '#' },
    '15 spec.classes: ["bulk"] is not valid: want a mapping such as',
  ],
  [
    { 16: '    bulk: {links: []}' },
    '16 spec.classes.bulk.links: [] is not valid: want a list such as [{class: low-latency}]',
  ],
  [
    { 16: '    bulk: {links: [{weight: 2}]}' },
    '16 spec.classes.bulk.links[0]: {"weight":2} is not valid: want links by class or name',
  ],
  [
    { 16: '    bulk: {links: [{name: lte, weight: 0}]}' },
    '16 spec.classes.bulk.links[0].weight: 0 is not valid: want a weight: a whole number from 1',
  ],
  [
    { 16: '    bulk: {links: [{name: lte, weight: 1.5}]}' },
    '16 spec.classes.bulk.links[0].weight: 1.5 is not valid: want a weight',
  ],
  [
    { 16: '    bulk: {links: [{name: let}]}' },
    '16 spec.classes.bulk.links[0].name: "let" is not valid: want a link: fibre, lte (did you mean lte?)',
  ],
  [
    { 16: '    bulk: {links: [{class: lte}]}' },
    '16 spec.classes.bulk.links[0].class: "lte" is not valid: want a class: bulk, low-latency, best-effort',
  ],
  [
    { 16: '    bulk: {sla: {}}' },
    '16 spec.classes.bulk.sla: {} is not valid: want at least one of rttMs',
  ],
  [
    { 16: '    bulk: {sla: {rttMs: 0}}' },
    '16 spec.classes.bulk.sla.rttMs: 0 is not valid: want a number of milliseconds',
  ],
  [
    { 16: '    bulk: {sla: {lossPercent: 101}}' },
    '16 spec.classes.bulk.sla.lossPercent: 101 is not valid: want a percentage',
  ],
  [
    { 16: '    bulk: {strict: "true"}' },
    '16 spec.classes.bulk.strict: "true" is not valid: want true or false',
  ],
  [
    { 16: '    bulk: {fallback: [bulk]}' },
    '16 spec.classes.bulk.fallback[0]: "bulk" is not valid: want classes that do not lead back (bulk > bulk)',
  ],
  [
    { 16: '    bulk: {fallback: [low-latency, low-latency]}' },
    '16 spec.classes.bulk.fallback[1]: "low-latency" is not valid: want each class once',
  ],
  [
    { 16: '    bulk: {fallback: [nobody]}' },
    '16 spec.classes.bulk.fallback[0]: "nobody" is not valid: want a class: bulk,',
  ],
  [
    { 16: '    bulk: {fallback: [a, b, c, d, e]}' },
    '16 spec.classes.bulk.fallback: ["a","b","c","d","e"] is not valid: want at most 4 classes',
  ],
  [{ 16: '    bulk:\n    Bulk: {}' }, '16 spec.classes.bulk: null is not valid: want a class'],
];

t.test('rules', (t) => {
  checkMistakes(t, rules);
  t.end();
});

t.test('services, classes and the default', (t) => {
  checkMistakes(t, others.slice(0, -1));
  t.end();
});

t.test('a class without a value, and one that is no word', async (t) => {
  const mistakes = await mistakesOf(t, siteText({ 16: '    bulk:\n    Bulk: {}' }));
  t.strictSame(
    mistakes.map((one) => one.replace(/: want.*/, '')),
    [
      '0:16:10 spec.classes.bulk: null is not valid',
      '0:17:5 spec.classes.Bulk: "Bulk" is not valid',
    ],
  );
});

t.test('fallbacks that lead back', async (t) => {
  const classes =
    '    bulk: {fallback: [x]}\n    x: {fallback: [y]}\n    y: {fallback: [low-latency, x]}';
  const mistakes = await mistakesOf(t, siteText({ 16: classes }));
  t.strictSame(
    mistakes.map((one) => one.replace(/.*lead back /, '')),
    ['(x > y > x)', '(y > x > y)'],
  );
});

t.test('1,024 rules, 15 classes', async (t) => {
  const rules = Array.from({ length: 1024 }, (_, at) => {
    return `    - {name: r${String(at)}, match: {dscp: [0]}, class: bulk}`;
  });
  const [first = '', ...more] = await mistakesOf(t, siteText({ 18: rules.join('\n'), 19: '#' }));
  t.match(first, /^0:18:5 spec\.rules: .* is not valid: want at most 1023 rules$/);
  t.strictSame(more, []);
  const most = siteText({ 18: rules.slice(1).join('\n'), 19: '#' });
  t.strictSame(await mistakesOf(t, most), [], '1,023 are right');

  const classes = Array.from(
    { length: 15 },
    (_, at) => `    c${String(at)}: {links: [{name: lte}]}`,
  );
  t.match(await mistakesOf(t, siteText({ 16: classes.join('\n'), 18: '#' })), [
    /spec\.classes: .* want at most 14 classes/,
  ]);
});
