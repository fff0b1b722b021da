import { type Logger as PinoLogger, pino } from 'pino';

export type Logger = Pick<PinoLogger, 'info' | 'warn' | 'error' | 'debug' | 'child'>;

/** Structured logs: one JSON object a line on standard output, or wherever `fd` says. */
export function createLogger(name: string, level: string, fd = 1): PinoLogger {
  return pino(
    { name, level, base: { name, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    // Written before the call returns: nothing is lost when the process is killed.
    pino.destination({ fd, sync: true }),
  );
}
