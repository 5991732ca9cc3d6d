// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { PolicyClass, SteeringPolicy } from '../../api/site/types.js';
import { SlaNumbers, slaMistakes, type Sla } from './sla-numbers.js';

function sla(rttMs?: number, lossPercent?: number): Sla {
  return { rttMs, jitterMs: undefined, lossPercent };
}

function policyOf(name: string, slas: Readonly<Record<string, Sla | undefined>>): SteeringPolicy {
  const classes: PolicyClass[] = Object.entries(slas).map(([own, one]) => ({
    name: own,
    links: [],
    sla: one,
    fallback: [],
    strict: false,
  }));
  return { name, services: ['wan'], classes, rules: [], httpRules: [], default: 'rest' };
}

t.test('one number for each that differs in a figure', (t) => {
  const numbers = new SlaNumbers();
  const a = policyOf('a', {
    voice: sla(80),
    bulk: sla(undefined, 1),
    video: sla(80),
    rest: undefined,
  });
  const b = policyOf('b', { voice: sla(80), other: sla(81) });
  numbers.set([a, a, b]);
  t.strictSame(
    numbers.all.map(({ number, names }) => [number, names]),
    [
      [1, ['a/voice', 'a/video', 'b/voice']],
      [2, ['a/bulk']],
      [3, ['b/other']],
    ],
  );
  t.strictSame(
    [...numbers.of(a)],
    [
      ['voice', 1],
      ['bulk', 2],
      ['video', 1],
    ],
  );
  t.end();
});

t.test('who stays keeps its number, and numbers are used again', (t) => {
  const numbers = new SlaNumbers();
  numbers.set([policyOf('a', { voice: sla(80), bulk: sla(200) })]);
  numbers.set([policyOf('a', { bulk: sla(200) })]);
  t.match(numbers.all, [{ number: 2, sla: { rttMs: 200 } }]);
  numbers.set([policyOf('a', { new: sla(90), bulk: sla(200) })]);
  t.match(numbers.all, [
    { number: 1, sla: { rttMs: 90 } },
    { number: 2, names: ['a/bulk'] },
  ]);
  t.end();
});

t.test('more than 31 are refused, and change nothing', (t) => {
  const many = (count: number) =>
    policyOf(
      'a',
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`c${String(n)}`, sla(n + 1)])),
    );
  const numbers = new SlaNumbers();
  numbers.set([many(31)]);
  t.equal(numbers.all.at(-1)?.number, 31);
  t.throws(() => numbers.set([many(32)]), {
    message: /^different sla: 32 is not valid: want at most 31/,
  });
  t.equal(numbers.all.length, 31);
  t.strictSame(slaMistakes([many(31)]), []);
  t.match(slaMistakes([many(32)]), [/at most 31/]);
  t.end();
});
