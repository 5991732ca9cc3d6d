// SPDX-License-Identifier: Apache-2.0
/** One JSON object a line on stderr: `time level msg` and fields. Nobody imports a global logger. */
import {
  destination,
  pino,
  stdSerializers,
  stdTimeFunctions,
  type Logger as PinoLogger,
} from 'pino';
import { WireError } from '../errors/wire-error.js';

/** What `Call` carries and every part takes as a parameter. */
export type Logger = PinoLogger;

/** The levels of `NSM_LOG_LEVEL`, in lower case. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/**
 * A logger for one process; SIGUSR1 raises it to trace and SIGUSR2 brings `level` back, as NSM's
 * commands do. At SIGUSR1 it also logs the process's `vitals`.
 */
export function processLogger(name: string, level: LogLevel, vitals = (): object => ({})): Logger {
  const log = pino(
    {
      name,
      level,
      base: { name },
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: told },
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: 2, sync: true }),
  );
  process.on('SIGUSR1', () => {
    log.level = 'trace';
    log.info(vitals(), 'vitals');
  });
  process.on('SIGUSR2', () => {
    log.level = level;
  });
  return log;
}

/** A logger that says nothing: for tests and for library users who pass none. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}

/** What is refused or fails by a rule of ours says all in its message; a stack is for bugs. */
function told(reason: unknown): unknown {
  if (reason instanceof WireError) {
    return { type: reason.name, code: reason.code, message: reason.message };
  }
  return reason instanceof Error ? stdSerializers.err(reason) : reason;
}
