// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { PolicyClass, SiteLink, SteeringPolicy } from '../../api/site/types.js';
import { levelsOf, type LinkStrand, slotsOf } from './slots.js';

function link(name: string, className: string): SiteLink {
  return {
    name,
    device: name,
    addresses: [],
    gateways: [],
    network: 'internet',
    class: className,
    rateMbps: undefined,
    capGB: undefined,
    profile: 'fixed',
    quality: undefined,
    billing: 'flat',
    mtu: undefined,
    trusted: true,
  };
}

const fibre = link('fibre', 'low-latency');
const lte = link('lte', 'best-effort');
const dsl = link('dsl', 'best-effort');

type Links = readonly { name?: string; class?: string; weight?: number }[];

function policyClass(name: string, links: Links, more: Partial<PolicyClass> = {}): PolicyClass {
  return {
    name,
    links: links.map((one) => ({ name: undefined, class: undefined, weight: 1, ...one })),
    sla: undefined,
    fallback: [],
    strict: false,
    ...more,
  };
}

function policyOf(...classes: PolicyClass[]): SteeringPolicy {
  return {
    name: 'test',
    services: ['wan'],
    classes,
    rules: [],
    httpRules: [],
    default: 'best-effort',
  };
}

/** How many slots each strand has, level by level. */
function counts(levels: readonly (readonly number[])[]): Record<number, number>[] {
  return levels.map((level) => {
    const found: Record<number, number> = {};
    for (const id of level) found[id] = (found[id] ?? 0) + 1;
    return found;
  });
}

const two: LinkStrand[] = [
  { id: 1, link: fibre },
  { id: 2, link: lte },
];

t.test('weights become slots, and neighbours differ where they can', (t) => {
  const bulk = policyClass('bulk', [
    { name: 'fibre', weight: 25 },
    { name: 'lte', weight: 75 },
  ]);
  const levels = slotsOf('bulk', policyOf(bulk), two);
  t.strictSame(counts(levels), [{ 1: 16, 2: 48 }]);
  t.equal(levels[0]?.join('').includes('11'), false, 'the rarer one never twice in a row');
  t.equal(levels[0]?.length, 64);

  const even = policyClass('even', [{ name: 'fibre' }, { name: 'lte' }]);
  t.match(slotsOf('even', policyOf(even), two)[0]?.join(''), /^(12)+$|^(21)+$/);
  t.end();
});

t.test('own links, each fallback in order, then any other', (t) => {
  const strands = [...two, { id: 3, link: dsl }];
  const low = policyClass('low', [{ class: 'low-latency' }], { fallback: ['dsl-only'] });
  const only = policyClass('dsl-only', [{ name: 'dsl' }]);
  t.strictSame(counts(slotsOf('low', policyOf(low, only), strands)), [
    { 1: 64 },
    { 3: 64 },
    { 2: 64 },
  ]);
  const strict = { ...low, strict: true };
  t.strictSame(counts(slotsOf('low', policyOf(strict, only), strands)), [{ 1: 64 }, { 3: 64 }]);
  t.end();
});

t.test('a fallback of a fallback is not used, nor its strictness', (t) => {
  const a = policyClass('a', [{ name: 'fibre' }], { fallback: ['b'], strict: true });
  const b = policyClass('b', [{ name: 'lte' }], { fallback: ['c'] });
  const c = policyClass('c', [{ name: 'dsl' }]);
  const strands = [...two, { id: 3, link: dsl }];
  t.strictSame(counts(slotsOf('a', policyOf(a, b, c), strands)), [{ 1: 64 }, { 2: 64 }]);
  t.end();
});

t.test('a class that the policy does not list is that of links', (t) => {
  t.strictSame(counts(slotsOf('best-effort', policyOf(), two)), [{ 2: 64 }, { 1: 64 }]);
  const low = policyClass('low', [{ class: 'low-latency' }], {
    fallback: ['best-effort'],
    strict: true,
  });
  t.strictSame(counts(slotsOf('low', policyOf(low), two)), [{ 1: 64 }, { 2: 64 }]);
  t.end();
});

t.test('the strands of one link share its weight', (t) => {
  const strands = [
    { id: 5, link: lte },
    { id: 1, link: fibre },
    { id: 2, link: lte },
    { id: 9, link: lte },
  ];
  const bulk = policyClass('bulk', [
    { name: 'fibre', weight: 25 },
    { name: 'lte', weight: 75 },
  ]);
  t.strictSame(counts(slotsOf('bulk', policyOf(bulk), strands)), [{ 1: 16, 2: 16, 5: 16, 9: 16 }]);
  t.end();
});

t.test('the first entry that names a link counts; name and class must both fit', (t) => {
  const bulk = policyClass(
    'bulk',
    [
      { name: 'lte', weight: 3 },
      { class: 'best-effort', weight: 1 },
      { name: 'fibre', class: 'best-effort', weight: 9 },
    ],
    { strict: true },
  );
  const strands = [...two, { id: 3, link: dsl }];
  t.strictSame(counts(slotsOf('bulk', policyOf(bulk), strands)), [{ 2: 48, 3: 16 }]);
  t.end();
});

t.test('the largest remainders are rounded up, and nobody is left out', (t) => {
  const weights = (...of: number[]) => {
    const links = of.map((_, at) => link(`l${String(at)}`, 'x'));
    const own = policyClass(
      'x',
      of.map((weight, at) => ({ name: `l${String(at)}`, weight })),
    );
    const strands = links.map((one, at) => ({ id: at + 1, link: one }));
    return counts(slotsOf('x', policyOf(own), strands));
  };
  t.strictSame(weights(1, 1, 1), [{ 1: 22, 2: 21, 3: 21 }]);
  t.strictSame(weights(10_000, 1), [{ 1: 63, 2: 1 }], 'it serves when the other is down');
  t.strictSame(weights(10_000, 1, 1, 5000), [{ 1: 42, 2: 1, 3: 1, 4: 20 }]);
  const many = weights(...Array.from({ length: 70 }, (_, at) => (at === 69 ? 2 : 1)));
  t.equal(Object.keys(many[0] ?? {}).length, 64, 'no more than there are slots');
  t.equal(many[0]?.[70], 1, 'the heaviest is among them');
  t.equal(Object.keys(many[1] ?? {}).length, 6, 'the others come last');
  t.end();
});

t.test('the last resort is none of the levels that a class asks for', (t) => {
  const strands = [...two, { id: 3, link: dsl }];
  const low = policyClass('low', [{ class: 'low-latency' }], { fallback: ['lte-only'] });
  const only = policyClass('lte-only', [{ name: 'lte' }]);
  const soft = (own: PolicyClass, of = strands): [number, number] => {
    const { levels, soft } = levelsOf(own.name, policyOf(own, only), of);
    return [levels.length, soft];
  };
  t.strictSame(soft(low), [3, 2]);
  t.strictSame(soft({ ...low, strict: true }), [2, 2]);
  t.strictSame(soft(low, two), [2, 2], 'nothing is left for it');
  t.strictSame(soft(policyClass('x', [{ name: 'nobody' }])), [1, 0], 'it is all there is');
  t.end();
});

t.test('without strands there are no levels', (t) => {
  t.strictSame(slotsOf('best-effort', policyOf(), []), []);
  const strict = policyClass('low', [{ class: 'nobody' }], { strict: true });
  t.strictSame(slotsOf('low', policyOf(strict), two), []);
  t.end();
});

t.test('both ends come to the same whatever the order of the strands', (t) => {
  const strands = [...two, { id: 3, link: dsl }];
  const policy = policyOf(policyClass('all', [{ class: 'best-effort' }]));
  t.strictSame(slotsOf('all', policy, strands.toReversed()), slotsOf('all', policy, strands));
  t.end();
});
