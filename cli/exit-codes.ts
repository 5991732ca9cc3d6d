// SPDX-License-Identifier: Apache-2.0
/** What the command's exit codes mean; after sysexits.h where that has a word for it. */
export const exitCodes = {
  ok: 0,
  /** It could not do what was asked, or found nothing. */
  failed: 1,
  /** The command line is wrong. */
  usage: 64,
  /** A file that it was given has mistakes. */
  data: 65,
  /** The manager cannot be reached. */
  unavailable: 69,
  /** A bug: an error that nobody handled. */
  internal: 70,
  /** The environment is wrong (`ConfigError.exitCode`). */
  config: 78,
  /** Stopped by a second signal. */
  interrupted: 130,
} as const;
