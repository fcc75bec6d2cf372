import { isAbsolute } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { DEFAULT_LIMITS, type TreeLimits } from '../archive/limits.ts';
import { UsageError } from '../program.ts';

/** What every program is told that fills a directory. */
export interface FetchArguments {
  readonly directory: string;
  readonly limits: TreeLimits;
  /** How long it may take in all. */
  readonly timeoutSeconds: number;
  /** How long a server may fail before it is given up. */
  readonly retrySeconds: number;
  /** The program's own options, as they were given. */
  readonly own: Readonly<Record<string, unknown>>;
}

/** Reads arguments, among them `--directory`; the limits have defaults. */
export function parseFetchArguments(
  args: readonly string[],
  ownOptions: NonNullable<ParseArgsConfig['options']>,
): FetchArguments {
  const text = { type: 'string' } as const;
  const options = {
    directory: text,
    'max-bytes': text,
    'max-entries': text,
    'timeout-seconds': text,
    'retry-seconds': text,
    ...ownOptions,
  };
  let values: Readonly<Record<string, unknown>>;
  try {
    ({ values } = parseArgs({ args: [...args], options, allowPositionals: false }));
  } catch (error) {
    throw new UsageError('the arguments are wrong', { cause: error });
  }
  const { directory } = values;
  if (typeof directory !== 'string' || !isAbsolute(directory)) {
    throw new UsageError('--directory is no absolute path; give the directory that is to be filled');
  }
  const number = (name: string, otherwise: number): number => {
    const given = values[name];
    if (given === undefined) return otherwise;
    if (!/^\d{1,15}$/.test(String(given)))
      throw new UsageError(`--${name} is no number, such as ${otherwise}`);
    return Number(given);
  };
  return {
    directory,
    limits: {
      maxBytes: number('max-bytes', DEFAULT_LIMITS.maxBytes),
      maxEntries: number('max-entries', DEFAULT_LIMITS.maxEntries),
    },
    timeoutSeconds: number('timeout-seconds', 1800),
    retrySeconds: number('retry-seconds', 300),
    own: values,
  };
}
