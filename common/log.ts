/**
 * Structured logs, one JSON line each, on stderr: a constant message plus fields.
 *
 * Field names are shared by all components: `component`, `pod` ('namespace/name'), `node`, `err`. An error is
 * logged once, where it is handled. The contents of a Secret are never logged.
 */
import { pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
}

/** The logger of one process. `component` is the process's name: apiserver, scheduler, kubelet, … */
export function createLogger(component: string, level: LogLevel = 'info'): Logger {
  const destination = pino.destination({ fd: 2, sync: true });
  const root = pino(
    {
      level,
      base: { component },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return wrap(root);
}

/** Drops every line: for tests and for tools that report in their own way. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

type LogMethod = (fields: object, message: string) => void;
/** The part of pino that is used here; its own type does not survive exactOptionalPropertyTypes. */
interface PinoLike {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  child(fields: object): PinoLike;
}

function wrap(logger: PinoLike): Logger {
  return {
    debug: (message, fields) => {
      logger.debug(fields ?? {}, message);
    },
    info: (message, fields) => {
      logger.info(fields ?? {}, message);
    },
    warn: (message, fields) => {
      logger.warn(fields ?? {}, message);
    },
    error: (message, fields) => {
      logger.error(fields ?? {}, message);
    },
    child: (fields) => wrap(logger.child(fields)),
  };
}
