// SPDX-License-Identifier: Apache-2.0
/** Log levels in any case, as NSM's commands (logrus) take them. */
import type { LogLevel } from '../log/log.js';
import { variable } from './table.js';

const levels: ReadonlyMap<string, LogLevel> = new Map<string, LogLevel>([
  ['trace', 'trace'],
  ['debug', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['fatal', 'fatal'],
  ['panic', 'fatal'],
]);

/** How much is logged. */
export const logLevel = variable('TRACE, DEBUG, INFO, WARN, ERROR or FATAL', (value) => {
  const level = levels.get(value.toLowerCase());
  if (level === undefined) throw new Error('is no log level');
  return level;
});
