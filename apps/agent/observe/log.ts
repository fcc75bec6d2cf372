import { type DestinationStream, type Logger, levels, pino, stdTimeFunctions } from 'pino';

/** A structured log: one JSON object a line. */
export type Log = Logger;

const DEFAULT_LEVEL = 'info';

/**
 * A log at standard output; levels are words, times RFC 3339. `KEELSON_LOG_LEVEL` is `trace`, `debug`, `info`, `warn`,
 * `error`, `fatal` or `silent`.
 */
export function createLog(program: string, destination?: DestinationStream): Log {
  const asked = process.env['KEELSON_LOG_LEVEL'] ?? DEFAULT_LEVEL;
  const known = asked === 'silent' || Object.hasOwn(levels.values, asked);
  const log = pino(
    {
      base: { program },
      level: known ? asked : DEFAULT_LEVEL,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    // A line is written before the next step, so that a killed process has logged all that it did.
    printable(destination ?? pino.destination({ dest: 1, sync: true })),
  );
  if (!known) log.warn({ asked }, `KEELSON_LOG_LEVEL is no level: the log is at ${DEFAULT_LEVEL}`);
  return log;
}

/**
 * Writes escapes of JSON in place of characters that terminals and viewers act on, which JSON allows in texts: C1
 * controls, marks of direction, separators of lines. A branch may be named by them.
 */
function printable(destination: DestinationStream): DestinationStream {
  return {
    write: (line) => destination.write(line.replace(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, escaped)),
  };
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** How many causes of an error are told: one could be its own. */
const CAUSES = 5;

/** What a log says of an error: its message, and those of what caused it. Stacks help nobody who runs a cluster. */
export function describeError(error: unknown): string {
  return described(error, CAUSES);
}

function described(error: unknown, causes: number): string {
  if (!(error instanceof Error)) return String(error);
  // Where a host has several addresses, the error says nothing itself.
  const several = error instanceof AggregateError ? error.errors.map((each) => described(each, 0)) : [];
  const message = error.message || several.join('; ') || error.name;
  return error.cause === undefined || causes === 0
    ? message
    : `${message}: ${described(error.cause, causes - 1)}`;
}
