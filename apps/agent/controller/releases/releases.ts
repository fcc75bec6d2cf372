import type { PipelineConfiguration } from '../../../../lib/agent/configuration.ts';
import type { ReleaseConfiguration } from '../../../../lib/agent/release.ts';
import type { ReleaseRun } from '../../../../lib/agent/status.ts';
import { Apart } from '../apart.ts';
import type { ControllerContext } from '../context.ts';
import { pipelineObject } from '../pipeline.ts';
import { imageResult, type Releaser, requestImages } from './release-images.ts';
import { type ReleasedVersion, runReleaseJob } from './release-jobs.ts';
import { begun, isOpen, releasesOf, type Subject, withPart } from './subject.ts';
import { passedRuns, pushedImages } from './subjects.ts';

/** What releases of a pipeline need. */
export interface ReleasesOptions extends Releaser {
  readonly configuration: PipelineConfiguration;
  /** The pipeline's version at a commit. */
  readonly versionOf: (branch: string, commit: string) => Promise<string>;
  /** Called where images were asked for. */
  readonly requested: () => void;
}

/**
 * Takes the releases of a pipeline a step further: of runs that have passed and of images that were pushed. What has
 * become of each part is in the cluster, so that any controller can go on.
 *
 * @returns whether any is still going on
 */
export async function advanceReleases(
  context: ControllerContext,
  options: ReleasesOptions,
): Promise<boolean> {
  const { configuration, namespace, ledger } = options;
  const apart = new Apart();
  let open = false;
  const advanceAll = async (
    releases: readonly ReleaseConfiguration[],
    subjects: () => Promise<readonly Subject[]>,
  ): Promise<void> => {
    for (const subject of (await apart.do(subjects)) ?? [])
      if ((await apart.do(() => advance(context, options, releases, subject))) !== false) open = true;
  };
  for (const build of configuration.builds) {
    const releases = configuration.releases.filter(
      ({ after }) => 'build' in after && after.build === build.deployment,
    );
    if (releases.length === 0) continue;
    await advanceAll(releases, () => passedRuns(context, namespace, build, releases));
  }
  for (const release of configuration.releases) {
    const { after } = release;
    if (!('image' in after)) continue;
    await advanceAll([release], async () =>
      pushedImages(context, namespace, { ...release, after }, await ledger.read()),
    );
  }
  apart.throwFirst();
  return open;
}

/** True while parts of the subject's releases are still to be done. */
async function advance(
  context: ControllerContext,
  options: ReleasesOptions,
  releases: readonly ReleaseConfiguration[],
  subject: Subject,
): Promise<boolean> {
  if (!isOpen(subject)) return false;
  const wanted = releasesOf(releases, subject.branch);
  let parts = subject.releases;
  if (parts === undefined) {
    parts = begun(wanted);
    await subject.write(parts);
  }
  const before = parts;
  const apart = new Apart();
  const { commit } = subject;
  if (commit === undefined) {
    const message =
      'nobody knows the commit of this image: let a builder of the pipeline push it, or label it';
    parts = ended(parts, { phase: 'Failed', message });
  } else {
    const { source } = options.configuration;
    const version = await options.versionOf(subject.branch, commit);
    const released = { url: source?.url ?? '', commit, version };
    for (const release of wanted) {
      const known: readonly ReleaseRun[] = parts;
      parts =
        (await apart.do(() => advanceRelease(context, options, release, subject, released, known))) ?? known;
    }
  }
  if (parts !== before) await subject.write(parts);
  for (const part of parts)
    if (part !== before.find((known) => isSame(known, part))) await tell(context, options, part, subject);
  apart.throwFirst();
  return parts.some(({ phase }) => phase === 'Running');
}

async function advanceRelease(
  context: ControllerContext,
  options: ReleasesOptions,
  release: ReleaseConfiguration,
  subject: Subject,
  released: ReleasedVersion,
  before: readonly ReleaseRun[],
): Promise<readonly ReleaseRun[]> {
  const isRunning = (part: string): boolean =>
    parts.some((run) => run.release === release.name && run.part === part && run.phase === 'Running');
  let parts = before;
  if (Date.now() - Date.parse(subject.since) > release.timeoutSeconds * 1000) {
    const message = `it has taken longer than ${release.timeoutSeconds} s`;
    return parts.map((run) => (run.release === release.name ? overdue(run, message) : run));
  }
  if (
    release.images.some(({ name }) => isRunning(name)) &&
    (await requestImages(options, release, subject, released))
  ) {
    options.requested();
  }
  const ledger = await options.ledger.read();
  for (const { name } of release.images) {
    const result = isRunning(name) ? imageResult(ledger, release, name, subject.digest) : undefined;
    if (result !== undefined) parts = withPart(parts, release.name, name, result);
  }
  if (release.images.some(({ name }) => isRunning(name))) return parts;
  const failed = release.images.find(({ name }) =>
    parts.some((run) => run.release === release.name && run.part === name && run.phase === 'Failed'),
  );
  for (const job of release.jobs) {
    if (!isRunning(job.name)) continue;
    const result =
      failed === undefined
        ? await runReleaseJob(context, options.namespace, release, job, subject, released)
        : { phase: 'Failed' as const, message: `the image ${failed.name} was not built` };
    if (result !== undefined) parts = withPart(parts, release.name, job.name, result);
  }
  return parts;
}

async function tell(
  { events, log }: ControllerContext,
  { namespace }: ReleasesOptions,
  { release, part, phase, message }: ReleaseRun,
  { commit, digest }: Subject,
): Promise<void> {
  log.info({ namespace, release, part, phase, commit, digest }, message ?? 'a part of a release has ended');
  await events.say(pipelineObject({ namespace }), {
    type: phase === 'Failed' || phase === 'TimedOut' ? 'Warning' : 'Normal',
    reason: `Release${phase}`,
    message: `${release}/${part} of ${commit ?? digest}${message === undefined ? '' : `: ${message}`}`,
  });
}

function isSame(a: ReleaseRun, b: ReleaseRun): boolean {
  return a.release === b.release && a.part === b.part && a.phase === b.phase;
}

function ended(
  parts: readonly ReleaseRun[],
  end: Pick<ReleaseRun, 'phase' | 'message'>,
): readonly ReleaseRun[] {
  return parts.map((run) => (run.phase === 'Running' ? { ...run, ...end } : run));
}

function overdue(run: ReleaseRun, message: string): ReleaseRun {
  return run.phase === 'Running' ? { ...run, phase: 'TimedOut', message } : run;
}
