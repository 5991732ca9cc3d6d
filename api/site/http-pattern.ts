// SPDX-License-Identifier: Apache-2.0
/** Reads a regular expression of an http rule; what RE2 or JavaScript would read differently is refused. */

/** What it is made of. */
export type Pattern =
  | { readonly kind: 'one'; readonly fits: (code: number) => boolean }
  | { readonly kind: 'edge'; readonly at: 'start' | 'end' }
  | { readonly kind: 'row'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'either'; readonly choices: readonly Pattern[] }
  | {
      readonly kind: 'repeat';
      readonly of: Pattern;
      readonly from: number;
      /** Nothing where there is no end. */
      readonly to: number | undefined;
    };

/** Longest text of one; also how deep its groups can be. */
const longest = 1024;
const deepest = 50;
/** RE2's own limit, also for a repeat within a repeat. */
const mostRepeats = 1000;

const within = (from: string, to: string, code: number): boolean =>
  code >= from.charCodeAt(0) && code <= to.charCodeAt(0);
const digit = (code: number): boolean => within('0', '9', code);
const letter = (code: number): boolean =>
  digit(code) || within('a', 'z', code) || within('A', 'Z', code) || code === 0x5f;
/** RE2's: without the vertical tab. */
const space = (code: number): boolean => [0x20, 0x09, 0x0a, 0x0c, 0x0d].includes(code);
const classes: Readonly<Record<string, (code: number) => boolean>> = {
  d: digit,
  D: (code) => !digit(code),
  w: letter,
  W: (code) => !letter(code),
  s: space,
  S: (code) => !space(code),
};

/** Throws an Error that says what would be right where it is none. */
export function patternOf(text: string): Pattern {
  if (text === '') throw new Error('a regular expression that is not empty');
  if (text.length > longest) {
    throw new Error(`a regular expression of at most ${String(longest)} characters`);
  }
  const reader = new Reader(text);
  const pattern = reader.choices(0);
  if (!reader.atEnd()) throw reader.wrong('has no ( before it');
  repeats(pattern);
  return pattern;
}

class Reader {
  readonly #codes: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#codes = Array.from(text);
  }

  atEnd(): boolean {
    return this.#at >= this.#codes.length;
  }

  /** An error about the next character. */
  wrong(why: string): Error {
    const what = this.#codes.slice(this.#at, this.#at + 3).join('') || 'its end';
    return new Error(
      `a regular expression that RE2 reads: ${what} at character ${String(this.#at + 1)} ${why}`,
    );
  }

  choices(depth: number): Pattern {
    if (depth > deepest) throw this.wrong('stands in too many groups');
    const choices = [this.#row(depth)];
    while (this.#take('|')) choices.push(this.#row(depth));
    return choices.length === 1 && choices[0] ? choices[0] : { kind: 'either', choices };
  }

  #next(more = 0): string {
    return this.#codes[this.#at + more] ?? '';
  }

  #take(text: string): boolean {
    if (this.#codes.slice(this.#at, this.#at + text.length).join('') !== text) return false;
    this.#at += text.length;
    return true;
  }

  #row(depth: number): Pattern {
    const parts: Pattern[] = [];
    while (!this.atEnd() && this.#next() !== '|' && this.#next() !== ')') {
      parts.push(this.#repeated(this.#atom(depth)));
    }
    return { kind: 'row', parts };
  }

  #repeated(of: Pattern): Pattern {
    const range = this.#range();
    if (range === undefined) return of;
    // Whether it takes much or little at first is the same for a whole text.
    this.#take('?');
    if (/^[*+?{]$/.test(this.#next())) throw this.wrong('repeats a repeat');
    if (of.kind === 'edge') throw this.wrong('comes after a repeated ^ or $');
    return { kind: 'repeat', of, ...range };
  }

  #range(): { readonly from: number; readonly to: number | undefined } | undefined {
    if (this.#take('*')) return { from: 0, to: undefined };
    if (this.#take('+')) return { from: 1, to: undefined };
    if (this.#take('?')) return { from: 0, to: 1 };
    if (this.#next() !== '{') return undefined;
    const rest = this.#codes.slice(this.#at).join('');
    const found = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/.exec(rest);
    if (found === null) throw this.wrong('is no count such as {2} or {2,5}; \\{ is the character');
    const from = Number(found[1]);
    const to =
      found[2] === undefined ? from : found[3] === undefined ? undefined : Number(found[3]);
    if (Math.max(from, to ?? 0) > mostRepeats || (to ?? from) < from) {
      throw this.wrong(`is no count of at most ${String(mostRepeats)}`);
    }
    this.#at += found[0].length;
    return { from, to };
  }

  #atom(depth: number): Pattern {
    if (this.#take('(')) {
      if (this.#next() === '?' && !this.#take('?:')) {
        throw this.wrong('is not supported: groups are (...) and (?:...)');
      }
      const group = this.choices(depth + 1);
      if (!this.#take(')')) throw this.wrong('comes where a ) is missing');
      return group;
    }
    if (this.#take('^')) return { kind: 'edge', at: 'start' };
    if (this.#take('$')) return { kind: 'edge', at: 'end' };
    if (this.#take('.')) return { kind: 'one', fits: (code) => code !== 0x0a };
    if (this.#take('[')) return { kind: 'one', fits: this.#set() };
    if (/^[*+?{]$/.test(this.#next())) throw this.wrong('repeats nothing');
    const one = this.#character();
    return { kind: 'one', fits: typeof one === 'number' ? (code) => code === one : one };
  }

  /** One character, or the class that an escape names. */
  #character(): number | ((code: number) => boolean) {
    if (!this.#take('\\')) return this.#codes[this.#at++]?.codePointAt(0) ?? 0;
    const next = this.#next();
    const named = Object.hasOwn(classes, next) ? classes[next] : undefined;
    const plain = next === 't' ? 0x09 : /^[!-/:-@[-^`{-~]$/.test(next) && next.charCodeAt(0);
    if (named === undefined && plain === false) {
      this.#at -= 1;
      throw this.wrong('is not supported: \\d \\w \\s \\D \\W \\S \\t and signs such as \\. are');
    }
    this.#at += 1;
    return named ?? (plain || 0);
  }

  #set(): (code: number) => boolean {
    const negated = this.#take('^');
    if (this.#next() === ']') throw this.wrong('is no set: \\] is the character');
    const parts: ((code: number) => boolean)[] = [];
    while (!this.#take(']')) parts.push(this.#setPart(parts.length === 0));
    return (code) => parts.some((fits) => fits(code)) !== negated;
  }

  #setPart(first: boolean): (code: number) => boolean {
    if (this.atEnd()) throw this.wrong('comes where a ] is missing');
    if (this.#next() === '[') throw this.wrong('is not supported in a set: \\[ is the character');
    if (this.#next() === '-' && !first && this.#next(1) !== ']') {
      throw this.wrong('is no range: \\- is the character');
    }
    const from = this.#character();
    const range = this.#next() === '-' && this.#next(1) !== ']';
    if (typeof from !== 'number') {
      if (range) throw this.wrong('is no range: \\- is the character');
      return from;
    }
    if (!range) return (code) => code === from;
    this.#at += 1;
    if (this.atEnd() || this.#next() === '[') throw this.wrong('ends no range');
    const to = this.#character();
    if (typeof to !== 'number' || to < from) throw this.wrong('comes after a range without an end');
    return (code) => code >= from && code <= to;
  }
}

/** How often a pattern repeats what is in it, with what repeats around it. */
function repeats(pattern: Pattern): number {
  const most = (all: readonly Pattern[]): number => Math.max(1, ...all.map(repeats));
  if (pattern.kind === 'row') return most(pattern.parts);
  if (pattern.kind === 'either') return most(pattern.choices);
  if (pattern.kind !== 'repeat') return 1;
  const all = Math.max(pattern.to ?? pattern.from, 1) * repeats(pattern.of);
  if (all > mostRepeats) {
    throw new Error(`counts within counts that make at most ${String(mostRepeats)} together`);
  }
  return all;
}
