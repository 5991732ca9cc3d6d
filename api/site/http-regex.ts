// SPDX-License-Identifier: Apache-2.0
/**
 * Regular expressions of http rules: what RE2, which Envoy has, and others read
 * alike. They are run without backtracking: a hostile header costs no more than its length.
 */
import { type Pattern, patternOf } from './http-pattern.js';

/** One expression. */
export interface HttpRegex {
  /** Whether the whole text fits. */
  readonly fits: (text: string) => boolean;
}

type State =
  | { readonly kind: 'one'; readonly fits: (code: number) => boolean; readonly next: number }
  | { readonly kind: 'edge'; readonly at: 'start' | 'end'; readonly next: number }
  | { readonly kind: 'either'; readonly next: number[] }
  | { readonly kind: 'done' };

/** Each costs a step for each character of a header. */
const mostStates = 1000;
const mostKept = 2048;
const kept = new Map<string, HttpRegex>();

/** Throws an Error that says what would be right where it is none. */
export function httpRegex(text: string): HttpRegex {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const states: State[] = [{ kind: 'done' }];
  const start = add(states, patternOf(text), 0);
  const found = { fits: (value: string) => run(states, start, value) };
  if (kept.size >= mostKept) kept.clear();
  kept.set(text, found);
  return found;
}

function push(states: State[], state: State): number {
  if (states.length >= mostStates)
    throw new Error('a shorter regular expression, or smaller counts');
  return states.push(state) - 1;
}

/** Adds the states of a pattern, which lead to `next`; answers the first of them. */
function add(states: State[], pattern: Pattern, next: number): number {
  switch (pattern.kind) {
    case 'one':
    case 'edge':
      return push(states, { ...pattern, next });
    case 'row':
      return pattern.parts.reduceRight((after, part) => add(states, part, after), next);
    case 'either':
      return push(states, {
        kind: 'either',
        next: pattern.choices.map((choice) => add(states, choice, next)),
      });
    case 'repeat':
      return addRepeat(states, pattern, next);
  }
}

function addRepeat(
  states: State[],
  { of, from, to }: Extract<Pattern, { kind: 'repeat' }>,
  next: number,
): number {
  let start = next;
  if (to === undefined) {
    const ways = [next];
    start = push(states, { kind: 'either', next: ways });
    ways.push(add(states, of, start));
  }
  for (let more = from; more < (to ?? from); more++) {
    start = push(states, { kind: 'either', next: [add(states, of, start), next] });
  }
  for (let must = 0; must < from; must++) start = add(states, of, start);
  return start;
}

function run(states: readonly State[], start: number, text: string): boolean {
  const codes = Array.from(text, (one) => one.codePointAt(0) ?? 0);
  let now = new Set<number>();
  enter(states, start, now, 0, codes.length);
  for (const [at, code] of codes.entries()) {
    const after = new Set<number>();
    for (const index of now) {
      const state = states[index];
      if (state?.kind === 'one' && state.fits(code)) {
        enter(states, state.next, after, at + 1, codes.length);
      }
    }
    if (after.size === 0) return false;
    now = after;
  }
  return now.has(0);
}

/** Takes a state, and those that it leads to without a character, into a set. */
function enter(
  states: readonly State[],
  first: number,
  into: Set<number>,
  at: number,
  length: number,
): void {
  const open = [first];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const state = states[index];
    if (state === undefined || into.has(index)) continue;
    into.add(index);
    if (state.kind === 'either') open.push(...state.next);
    if (state.kind === 'edge' && at === (state.at === 'start' ? 0 : length)) open.push(state.next);
  }
}
