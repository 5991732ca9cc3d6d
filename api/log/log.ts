// SPDX-License-Identifier: Apache-2.0
/** One JSON object a line on stderr: `time level msg` and fields. Nobody imports a global logger. */
import { destination, pino, stdTimeFunctions, type Logger as PinoLogger } from 'pino';

/** What `Call` carries and every part takes as a parameter. */
export type Logger = PinoLogger;

/** The levels of `NSM_LOG_LEVEL`, in lower case. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** A logger for one process; SIGUSR1 raises it to trace and SIGUSR2 brings `level` back, as NSM's commands do. */
export function processLogger(name: string, level: LogLevel): Logger {
  const log = pino(
    {
      name,
      level,
      base: { name },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: 2, sync: true }),
  );
  process.on('SIGUSR1', () => {
    log.level = 'trace';
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
