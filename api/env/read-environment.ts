// SPDX-License-Identifier: Apache-2.0
/**
 * The only reader of the environment: all mistakes at once, unknown names as
 * warnings, the result frozen.
 */
import { ConfigError, type Mistake } from './config-error.js';
import { nearest } from './nearest.js';
import type { Table, Values, Variable } from './table.js';

/** What an environment says. */
export interface Reading<T extends Table> {
  readonly config: Values<T>;
  /** One sentence for each `NSM_*` or `WANWIRE_*` that the table does not know. */
  readonly warnings: readonly string[];
}

/** Names and values, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The process's own environment, for a command that lays its options over it. */
export function environment(): Environment {
  return process.env;
}

/** Read `table` from `env` (default: the process's own); throws a ConfigError with every mistake there is. */
export function readEnvironment<T extends Table>(
  table: T,
  env: Environment = environment(),
): Reading<T> {
  const mistakes: Mistake[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(table)) {
    const result = read(name, variable, env[name]);
    if ('mistake' in result) mistakes.push(result.mistake);
    else values[name] = freeze(result.value);
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return { config: Object.freeze(values) as Values<T>, warnings: unknownNames(table, env) };
}

type Result = { readonly value: unknown } | { readonly mistake: Mistake };

function read(
  variable: string,
  { shape: wanted, ...about }: Variable<unknown>,
  set?: string,
): Result {
  // An empty value is what `$UNSET` in a manifest leaves: nothing, where nothing is allowed.
  const optional = about.default === undefined && about.required !== true;
  const text = set === '' && optional && !about.mayBeEmpty ? undefined : set;
  if (text === undefined && about.required === true) {
    return { mistake: { variable, reason: 'is required and not set', wanted } };
  }
  const wish = text ?? about.default;
  if (wish === undefined) return { value: undefined };
  if (wish === '' && (!about.mayBeEmpty || about.required === true)) {
    return { mistake: { variable, value: wish, reason: 'is empty', wanted } };
  }
  try {
    return { value: about.parse(wish) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { mistake: { variable, value: wish, reason, wanted } };
  }
}

const ours = /^(NSM|WANWIRE)_/;
/** What Kubernetes sets for a Service called `nsm-...`, and device plugins for a pod, is nobody's mistake. */
const injected =
  /_SERVICE_(HOST|PORT)(_|$)|_PORT$|_PORT_\d+_(TCP|UDP|SCTP)(_|$)|^NSM_SRIOV_TOKENS_/;

function unknownNames(table: Table, env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => ours.test(name) && !Object.hasOwn(table, name) && !injected.test(name))
    .sort()
    .map((name) => {
      const known = nearest(name, Object.keys(table));
      const hint = known === undefined ? '' : `; did you mean ${known}?`;
      return `${name} is set, but this command knows no such variable${hint}`;
    });
}

function freeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
