// SPDX-License-Identifier: Apache-2.0
/**
 * What an environment variable is: a parser, a default and a sentence.
 *
 * A process's `config.ts` is one table of them; the reader, the help text and
 * the docs are made from that table and nothing else.
 */

/** One variable. Made by a parser factory such as `text` or `duration`, see {@link variable}. */
export interface Variable<T> {
  /** The value of a text; throws an Error that says what is wrong with it. */
  readonly parse: (text: string) => T;
  /** Used where the variable is not set, in the syntax a user would write. */
  readonly default?: string;
  /** It must be set. */
  readonly required?: boolean;
  /** One sentence for help and docs. */
  readonly description: string;
  /** What a right value looks like, for mistakes and docs: `duration such as 5s`. */
  readonly shape: string;
  /** Why this version accepts it and does nothing with it. */
  readonly unused?: string;
  /** The empty text is a value, not a mistake. */
  readonly mayBeEmpty: boolean;
}

/** What a `config.ts` says of one variable. */
export interface Options {
  readonly description: string;
  readonly default?: string;
  readonly required?: boolean;
  readonly unused?: string;
}

/** Variables by name. */
export type Table = Readonly<Record<string, Variable<unknown>>>;

/** The parsed values of a table; keys are the variables' names. */
export type Values<T extends Table> = {
  readonly [Name in keyof T]: T[Name] extends Variable<infer Value> ? Value : never;
};

/** `undefined` joins the type unless there is a default or the variable is required. */
export type Value<T, O extends Options> = O extends { default: string } | { required: true }
  ? T
  : T | undefined;

/** Makes variables of one kind. */
export type Kind<T> = <const O extends Options>(options: O) => Variable<Value<T, O>>;

/** A kind of variable of your own: what a right value looks like, and how it is read. */
export function variable<T>(
  shape: string,
  parse: (text: string) => T,
  { mayBeEmpty = false }: { readonly mayBeEmpty?: boolean } = {},
): Kind<T> {
  // `parse` never answers undefined; the reader does where nothing is set.
  return <const O extends Options>(options: O) => ({
    ...options,
    shape,
    mayBeEmpty,
    parse,
  });
}
