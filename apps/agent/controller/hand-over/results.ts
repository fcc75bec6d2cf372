import { isDeepStrictEqual } from 'node:util';
import type { BuildRun } from '../../../../lib/agent/status.ts';
import { type BuildRecord, changeBuildRecord } from '../../status/build-status.ts';
import type { ControllerContext } from '../context.ts';
import type { ResultsOptions } from './options.ts';
import { readRecord } from './started-for.ts';

/** As many runs as the library has gates keep. */
const MAX_RUNS = 20;

/**
 * Takes the results of a listener's namespace home, where everybody looks for them and releases start, and what became
 * of the releases back, for which the gate waits.
 *
 * @returns what is known of the builds there
 */
export async function takeResults(
  context: ControllerContext,
  options: ResultsOptions,
  place: { readonly namespace: string },
): Promise<BuildRecord> {
  const there = await readRecord(context, options, place);
  const results = there.runs.filter(isResult);
  if (results.length === 0) return there;
  const { client, log } = context;
  const { home, build, resultTaken } = options;
  const { statusConfigMap: name } = build;
  let taken = false;
  const athome = await changeBuildRecord(client, { namespace: home, name }, (record) => {
    const runs = results.reduceRight(withResult, record.runs);
    taken = runs !== record.runs;
    return { ...record, runs };
  });
  if (taken) {
    log.info({ namespace: place.namespace, pipeline: options.pipeline, home }, 'took the results of a build');
    resultTaken();
  }
  await changeBuildRecord(client, { namespace: place.namespace, name }, (record) => {
    const runs = record.runs.map((run) => withReleases(run, athome.runs));
    return runs.every((run, index) => run === record.runs[index]) ? record : { ...record, runs };
  });
  return there;
}

/** Whether a run has come to an end that anybody wants to know. */
export function isResult({ phase, finishedAt }: BuildRun): boolean {
  return finishedAt !== undefined && phase !== 'Skipped' && phase !== 'Starting' && phase !== 'Running';
}

/** The runs with a result among them, by when it ended. What became of its releases stays as it is. */
export function withResult(runs: readonly BuildRun[], result: BuildRun): readonly BuildRun[] {
  const known = runs.find(({ id }) => id === result.id);
  const { releases: _, ...rest } = result;
  if (known !== undefined) {
    const merged = { ...rest, ...(known.releases && { releases: known.releases }) };
    return isDeepStrictEqual(known, merged) ? runs : runs.map((run) => (run === known ? merged : run));
  }
  const { finishedAt = '' } = result;
  const found = runs.findIndex((run) => run.finishedAt !== undefined && run.finishedAt < finishedAt);
  const index = found < 0 ? runs.length : found;
  return index >= MAX_RUNS ? runs : runs.toSpliced(index, 0, rest).slice(0, MAX_RUNS);
}

function withReleases(run: BuildRun, athome: readonly BuildRun[]): BuildRun {
  const releases = athome.find(({ id }) => id === run.id)?.releases;
  return releases === undefined || isDeepStrictEqual(releases, run.releases) ? run : { ...run, releases };
}
