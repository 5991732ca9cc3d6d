// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { httpRegex } from './http-regex.js';

/** An expression, texts that fit it, texts that do not. */
const table: readonly (readonly [
  regex: string,
  fits: readonly string[],
  not: readonly string[],
])[] = [
  ['boss', ['boss'], ['', 'Boss', 'boss ', 'theboss', 'boss,boss']],
  ['b.*', ['b', 'boss', 'b\u{1f600}'], ['', 'ab', 'b\n']],
  ['b.?s{2}', ['bss', 'boss'], ['bs', 'booss', 'boss!']],
  ['(?:boss|chief)-[0-9]+', ['boss-1', 'chief-42'], ['boss-', 'boss-1a', 'chief']],
  ['a|b|', ['a', 'b', ''], ['ab', 'c']],
  ['^boss$', ['boss'], ['boss\n', '^boss$']],
  ['a$b', [], ['ab', 'a$b', 'a\nb']],
  ['(a^b|c)', ['c'], ['ab']],
  ['\\d{2,3}', ['12', '123'], ['1', '1234', '\u0661\u0662']],
  ['\\w+\\W\\w+', ['a_1-b'], ['aéé', 'ab']],
  ['\\S+\\s\\S+', ['a b', 'a\tb'], ['a\u00a0b', 'ab']],
  ['[a-cx]+', ['abcx'], ['d', '-', '']],
  ['[^a-c]+', ['def', '\n', 'é'], ['a', 'xa']],
  ['[-a]b[a-]', ['-b-', 'aba'], ['bb', '-b']],
  ['[\\d.\\]\\-]+', ['1.]-'], ['a', '\\']],
  ['\\.\\*\\/\\\\', ['.*/\\'], ['a*/\\']],
  ['}]', ['}]'], ['}', ']']],
  ['(ab){2,}', ['abab', 'ababab'], ['ab', 'aba']],
  ['(ab){0}c', ['c'], ['abc']],
  ['(a*)*b', ['b', 'aaab'], ['a', 'ba']],
  ['a+?b??', ['a', 'aab'], ['b']],
  ['.\u{1f600}{2}', ['x\u{1f600}\u{1f600}'], ['x\u{1f600}']],
  ['bö(ss)?', ['bö', 'böss'], ['bo']],
];

for (const [regex, fits, not] of table) {
  t.test(regex, (t) => {
    const { fits: ask } = httpRegex(regex);
    for (const text of fits) t.equal(ask(text), true, JSON.stringify(text));
    for (const text of not) t.equal(ask(text), false, `not ${JSON.stringify(text)}`);
    t.end();
  });
}

/** What RE2 does not read, or JavaScript reads differently, and the reason that is told. */
const refused: readonly (readonly [regex: string, why: RegExp])[] = [
  ['', /that is not empty/],
  ['(', /its end at character 2 comes where a \) is missing/],
  ['a)', /\) at character 2 has no \( before it/],
  ['*a', /\*a at character 1 repeats nothing/],
  ['a**', /at character 3 repeats a repeat/],
  ['a+?+', /repeats a repeat/],
  ['a{2}{3}', /repeats a repeat/],
  ['^*', /repeated \^ or \$/],
  ['a{,2}', /no count such as/],
  ['a{2,1}', /no count of at most/],
  ['a{1001}', /no count of at most 1000/],
  ['(a{100}){11}', /counts within counts/],
  ['(a{500}){2}', /a shorter regular expression/],
  ['(?=a)b', /groups are/],
  ['(?<name>a)', /groups are/],
  ['(?i)a', /groups are/],
  ['(a)\\1', /\\1 at character 4 is not supported/],
  ['\\bboss', /\\bb at character 1 is not supported/],
  ['\\p{L}', /is not supported/],
  ['\\x41', /is not supported/],
  ['a\\', /is not supported/],
  ['[]a]', /is no set/],
  ['[a', /a \] is missing/],
  ['[[:alpha:]]', /in a set/],
  ['[z-a]', /without an end/],
  ['[a-c-e]', /is no range/],
  ['[\\d-z]', /is no range/],
  ['(((((((((((((((((((((((((((((((((((((((((((((((((((a', /too many groups/],
  ['a'.repeat(1025), /at most 1024 characters/],
];

t.test('what others would read differently is refused', (t) => {
  for (const [regex, why] of refused) t.throws(() => httpRegex(regex), { message: why }, regex);
  t.end();
});

t.test('a hostile text costs no more than its length', (t) => {
  const { fits } = httpRegex('(a+)+(a|aa)*b');
  t.equal(fits('a'.repeat(60_000)), false);
  t.equal(fits(`${'a'.repeat(60_000)}b`), true);
  t.end();
});
