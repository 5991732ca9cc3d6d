// SPDX-License-Identifier: Apache-2.0
/** All mistakes of an environment in one error, each with what would be right. Start-up only. */

/** One wrong variable. */
export interface Mistake {
  readonly variable: string;
  /** As it was set; absent where it was not. */
  readonly value?: string;
  /** What is wrong with it. */
  readonly reason: string;
  /** What would be right. */
  readonly wanted: string;
}

const longestShown = 120;

/** The environment is wrong. The command prints it with the usage on stderr and exits with {@link ConfigError.exitCode}. */
export class ConfigError extends Error {
  /** EX_CONFIG of sysexits.h. */
  static readonly exitCode = 78;
  override readonly name = 'ConfigError';
  /** Every mistake there is, in the table's order. */
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(mistakes.map(inWords).join('\n'));
    this.mistakes = mistakes;
  }
}

function inWords({ variable, value, reason, wanted }: Mistake): string {
  if (value === undefined) return `${variable} ${reason}: want ${wanted}`;
  const shown =
    value.length > longestShown
      ? `${JSON.stringify(value.slice(0, longestShown))}... (${String(value.length)} characters)`
      : JSON.stringify(value);
  return `${variable}=${shown}: ${reason}; want ${wanted}`;
}
