import type { ReleaseConfiguration } from '../../../../lib/agent/release.ts';
import type { ReleaseRun } from '../../../../lib/agent/status.ts';

/** What is released: a run that has passed, or an image that was pushed. */
export interface Subject {
  /** The commit's full object name; absent where nobody knows it. */
  readonly commit: string | undefined;
  readonly branch: string;
  /** The digest that was tested. */
  readonly digest: string;
  /** Since when it may be released, RFC 3339. */
  readonly since: string;
  /** Where the outputs of the run are fetched from; empty where there are none. */
  readonly outputs: string;
  /** What became of its parts so far; undefined where nothing has begun. */
  readonly releases: readonly ReleaseRun[] | undefined;
  /** Writes what has become of them. */
  readonly write: (releases: readonly ReleaseRun[]) => Promise<void>;
}

/** The releases that a branch's commits have. */
export function releasesOf(
  releases: readonly ReleaseConfiguration[],
  branch: string,
): readonly ReleaseConfiguration[] {
  return releases.filter(({ branches }) => branches === undefined || branches.includes(branch));
}

/** The parts of releases, all of which have begun. */
export function begun(releases: readonly ReleaseConfiguration[]): readonly ReleaseRun[] {
  return releases.flatMap(({ name: release, images, jobs }) =>
    [...images, ...jobs].map(({ name: part }): ReleaseRun => ({ release, part, phase: 'Running' })),
  );
}

/** Whether parts are still to be done. */
export function isOpen({ releases }: Pick<Subject, 'releases'>): boolean {
  return releases === undefined || releases.some(({ phase }) => phase === 'Running');
}

/** The parts with a change to one of them. */
export function withPart(
  releases: readonly ReleaseRun[],
  release: string,
  part: string,
  change: Pick<ReleaseRun, 'phase' | 'message'>,
): readonly ReleaseRun[] {
  return releases.map((run) =>
    run.release === release && run.part === part ? { release, part, ...change } : run,
  );
}
