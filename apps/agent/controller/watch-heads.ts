import type { ImageConfiguration, SourceConfiguration } from '../../../lib/agent/configuration.ts';
import { fillTemplate } from '../../../lib/agent/job-template.ts';
import { GitError } from '../git/git-error.ts';
import { lookUpHeads } from '../git/heads.ts';
import type { GitHttp } from '../git/refs-http.ts';
import { VersionError, versionAt } from '../git/version.ts';
import type { ControllerContext } from './context.ts';
import type { RepositorySource } from './git-credentials.ts';
import { change, hasEnded, type ImageBuild, type Ledger, type Request, request } from './ledger.ts';
import type { LedgerStore } from './ledger-store.ts';
import { buildId, templateValues } from './names.ts';
import { type PipelineHandle, pipelineObject, targetOf } from './pipeline.ts';

/** What looking at the heads of a pipeline needs. */
export interface WatchHeadsOptions {
  readonly pipeline: PipelineHandle & { readonly source: SourceConfiguration };
  readonly ledger: LedgerStore;
  readonly repository: RepositorySource;
  readonly http: GitHttp;
  /** Called for each new head. */
  readonly noted: () => void;
  /** Called for each build that has ended because of a new head. */
  readonly ended: (build: ImageBuild) => void;
  readonly signal: AbortSignal;
}

/** Looks once at the watched branches, and notes builds of what is new; one that can't be noted keeps no other. */
export async function watchHeads(context: ControllerContext, options: WatchHeadsOptions): Promise<void> {
  const { pipeline, ledger, repository, http, signal, noted } = options;
  const { source } = pipeline;
  const failures: unknown[] = [];
  let result = 'unchanged';
  try {
    // Read before: a head is new against what was known when it was looked up.
    const known = await ledger.read();
    const readable = await repository.repository(source);
    const heads = await lookUpHeads(readable, source.branches, { http, signal });
    for (const [branch, commit] of heads) {
      const before = headOf(known, branch);
      if (before === commit) continue;
      result = 'changed';
      await note(context, options, { branch, commit, before }).then(noted, (error) => failures.push(error));
    }
  } catch (error) {
    failures.unshift(error);
    result = 'failed';
  }
  context.metrics.polls.inc({ result });
  if (signal.aborted) return;
  for (const error of failures) await tell(context, options, error);
  // A commit that git does not give is asked for at the next look: other branches are looked at no later for it.
  const [failure] = failures.filter((error) => result === 'failed' || !(error instanceof GitError));
  if (failure !== undefined) throw failure;
}

async function tell(
  { events, log }: ControllerContext,
  { pipeline, repository }: WatchHeadsOptions,
  error: unknown,
): Promise<void> {
  if (error instanceof GitError && error.kind === 'unauthorized') repository.forget();
  log.warn({ pipeline: pipeline.name, error }, 'a repository could not be read');
  const { message } = error as Error;
  await events.say(pipelineObject(pipeline), { type: 'Warning', reason: 'RepositoryNotRead', message });
}

/** A head that was looked up, and the one that was known before. */
interface FoundHead {
  readonly branch: string;
  readonly commit: string;
  readonly before: string | undefined;
}

/** Notes a head, and asks for its images. */
async function note(
  context: ControllerContext,
  { pipeline, ledger, repository, http, signal, ended }: WatchHeadsOptions,
  { branch, commit, before }: FoundHead,
): Promise<void> {
  const { source } = pipeline;
  const readable = await repository.repository(source);
  let version = '0.0.0';
  let problem: string | undefined;
  try {
    version = await versionAt(source.version, { repository: readable, branch, commit }, { http, signal });
  } catch (error) {
    // Another try finds the same: the commit is noted as one that can't be built.
    if (!(error instanceof VersionError)) throw error;
    problem = error.message;
  }
  const { images } = await pipeline.configuration();
  const now = new Date().toISOString();
  let isMine = false;
  let endedBefore: ReadonlySet<string> = new Set();
  const after = await ledger.change((current) => {
    // Another controller has noted this head meanwhile, and perhaps newer ones: this one may be of the past.
    isMine = headOf(current, branch) === before;
    if (!isMine) return current;
    endedBefore = new Set(current.builds.filter(hasEnded).map(({ id }) => id));
    const requests = images
      .map((image) => requestOf(pipeline, image, current.next, { branch, commit, version }))
      // What can't be built takes nothing's place.
      .map((asked) => (problem === undefined ? asked : { ...asked, concurrency: 'queue' as const }));
    const noted = request(current, requests, now);
    const heads = { ...current.heads, [branch]: commit };
    if (problem === undefined) return { ...noted, heads };
    const failed: Partial<ImageBuild> = { phase: 'Failed', finishedAt: now, message: problem };
    return { ...requests.reduce((ledger, { id }) => change(ledger, id, failed), noted), heads };
  });
  if (!isMine) return;
  for (const build of after.builds) if (hasEnded(build) && !endedBefore.has(build.id)) ended(build);
  const { log, events } = context;
  log.info({ pipeline: pipeline.name, branch, commit, version }, problem ?? 'a new head was noted');
  if (problem !== undefined) {
    await events.say(pipelineObject(pipeline), { type: 'Warning', reason: 'NoVersion', message: problem });
  }
}

function requestOf(
  { name, namespace, source }: WatchHeadsOptions['pipeline'],
  image: ImageConfiguration,
  number: number,
  { branch, commit, version }: { readonly branch: string; readonly commit: string; readonly version: string },
): Request {
  const id = buildId({ namespace, pipeline: name, part: image.name, branch, commit, number, attempt: 1 });
  const tag = fillTemplate(
    image.target.tag,
    templateValues({ url: source.url, branch, commit, version, id }),
  );
  const target = targetOf(image.target, tag);
  return { image: image.name, branch, commit, version, id, target, concurrency: image.concurrency };
}

/** Branches may have the names of what every object has. */
function headOf({ heads }: Ledger, branch: string): string | undefined {
  return Object.hasOwn(heads, branch) ? heads[branch] : undefined;
}
