// SPDX-License-Identifier: Apache-2.0
/** The command's exit codes; after sysexits.h where that has a word for it. */

/** See {@link exitCodeMeanings}. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  disagrees: 3,
  astray: 4,
  usage: 64,
  data: 65,
  unavailable: 69,
  internal: 70,
  config: 78,
  interrupted: 130,
  unread: 141,
} as const;

/** What each means; docs/commands.md tells it. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'Done',
  failed: 'It could not do what was asked, or found nothing',
  disagrees: '`explain`: the tables and the loaded program do not say the same',
  astray: '`audit`: at least one request left on a wrong link',
  usage: 'The command line is wrong',
  data: 'A file that it was given has mistakes; all are told, each with its line',
  unavailable: 'The process that is asked (manager, forwarder) cannot be reached',
  internal: 'A bug: an error that nobody handled',
  config: 'The environment is wrong; all mistakes are told',
  interrupted: 'Stopped by a second signal',
  unread: 'Nobody read the rest of its output',
};
