import fc from 'fast-check';
import { beat, name, rest } from './watchdog.ts';

/** How many runs all properties have together: few with the unit tests, very many in their own suite. */
const total = Number(process.env['KEELSON_PROPERTY_RUNS'] || 2000);
/** The same runs each time, unless somebody wants others: what passes here passes everywhere. */
const seed = Number(process.env['KEELSON_PROPERTY_SEED'] || 1);
const path = process.env['KEELSON_PROPERTY_PATH'];

if (!Number.isInteger(total) || total < 1)
  throw new Error(`KEELSON_PROPERTY_RUNS is not a number of runs: ${process.env['KEELSON_PROPERTY_RUNS']}`);
if (!Number.isInteger(seed))
  throw new Error(`KEELSON_PROPERTY_SEED is not a number: ${process.env['KEELSON_PROPERTY_SEED']}`);

fc.configureGlobal({ beforeEach: beat, afterEach: rest });

/** The share of a property in all runs. The shares add up to 1, which a test looks at. */
export const shares = {
  soundPrograms: 0.03,
  programs: 0.2,
  determinism: 0.02,
  branchTags: 0.12,
  names: 0.12,
  fileNames: 0.05,
  templates: 0.08,
  containers: 0.08,
  policies: 0.02,
  quantities: 0.1,
  amounts: 0.03,
  urls: 0.07,
  accounts: 0.03,
  accountValues: 0.03,
  listeners: 0.02,
} as const;

/** The runs of a property, and what reproduces one of them. */
export function parameters<T>(share: keyof typeof shares): fc.Parameters<T> {
  name(`${share}, seed ${seed}`);
  return {
    numRuns: Math.max(1, Math.ceil(total * shares[share])),
    endOnFailure: false,
    seed,
    ...(path !== undefined && path !== '' && { path }),
  };
}
