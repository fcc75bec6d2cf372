import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';

/** A structured log: one JSON object a line. */
export type Log = Logger;

/** A log at standard output; levels are words, times RFC 3339. */
export function createLog(program: string, destination?: DestinationStream): Log {
  return pino(
    {
      base: { program },
      level: process.env['KEELSON_LOG_LEVEL'] ?? 'info',
      messageKey: 'message',
      errorKey: 'error',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    // A line is written before the next step, so that a killed process has logged all that it did.
    destination ?? pino.destination({ dest: 1, sync: true }),
  );
}

/** What a log says of an error: its message, and those of what caused it. Stacks help nobody who runs a cluster. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `: ${describeError(error.cause)}`;
  return `${error.message || error.name}${cause}`;
}
