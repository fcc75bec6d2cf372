import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

export interface Options {
  /** The numbers of pipelines. */
  readonly sizes: readonly number[];
  /** Runs of each cell. */
  readonly runs: number;
  /** Runs of what takes milliseconds only. */
  readonly shortRuns: number;
  /** A file for the results as JSON. */
  readonly json: string | undefined;
  /** Put the results into docs/performance.md. */
  readonly docs: boolean;
  /** Fail where a target is missed. */
  readonly check: boolean;
  /** Where the peers write. */
  readonly directory: string;
}

const USAGE = `usage: npm run bench -- [options]
  --quick       N = 1, 10 and 100 only
  --runs N      runs of each cell, of which the least counts (3)
  --json FILE   writes the results as JSON too
  --docs        puts the results into docs/performance.md
  --check       exits with 1 where a target is missed
  --dir DIR     writes below DIR (/dev/shm where it is there, else the temporary directory)
`;

/** Reads the command line; undefined, after printing the usage, where it asks for help. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      json: { type: 'string' },
      docs: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      dir: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const runs = values.runs === undefined ? 3 : Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) {
    throw new Error(`--runs: is not a count (got "${values.runs}"); give a whole number of at least 1`);
  }
  return {
    sizes: values.quick ? [1, 10, 100] : [1, 10, 100, 300, 1000, 3000],
    runs,
    shortRuns: Math.max(runs, values.quick ? 5 : 10),
    json: values.json,
    docs: values.docs,
    check: values.check,
    directory: values.dir ?? memoryDirectory() ?? tmpdir(),
  };
}

/**
 * Files in memory: on a disk, creating 100 000 files takes the file system several times what any of the
 * programs takes, and hides them.
 */
function memoryDirectory(): string | undefined {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return undefined;
  }
}
