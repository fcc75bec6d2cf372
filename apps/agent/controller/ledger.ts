import { AGENT_API_VERSION } from '../../../lib/agent/version.ts';

/** How far the build of an image has come. */
export type ImageBuildPhase =
  | 'Waiting'
  | 'Running'
  /** A newer commit takes its place: its Job is being removed. */
  | 'Canceling'
  | 'Succeeded'
  | 'Failed'
  | 'Superseded'
  | 'Skipped';

/** An image that was asked for. Times are RFC 3339 in UTC. */
export interface ImageBuild {
  /** The name of the image in the pipeline, or of the part in the release. */
  readonly image: string;
  /** The release that it is a part of; absent where each commit has it built. */
  readonly release?: string;
  readonly branch: string;
  readonly commit: string;
  readonly version: string;
  /** Counts what the pipeline was asked to build. */
  readonly number: number;
  readonly attempt: number;
  /** The name of this attempt: the lock by which it is never made twice. */
  readonly id: string;
  readonly phase: ImageBuildPhase;
  /** Host, repository and tag that it pushes: one build at a time runs for each. */
  readonly target: string;
  readonly requestedAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** What its tag names since; absent where it is not known. */
  readonly digest?: string;
  readonly message?: string;
  /** In a release: the digest that was tested, and where the outputs of the run are. */
  readonly tested?: string;
  readonly outputs?: string;
}

/**
 * What a pipeline has been asked to build, apart from the namespaces in which it is: so that what cleans up never causes
 * a build. It is written before anything is made, and so is the order to make it.
 */
export interface Ledger {
  readonly apiVersion: typeof AGENT_API_VERSION;
  readonly kind: 'Ledger';
  /** The last head that was seen of each branch. */
  readonly heads: Readonly<Record<string, string>>;
  /** The number of the next build. */
  readonly next: number;
  /** In the order in which they were asked for. */
  readonly builds: readonly ImageBuild[];
}

/** A pipeline of which nothing is known. */
export const EMPTY_LEDGER: Ledger = {
  apiVersion: AGENT_API_VERSION,
  kind: 'Ledger',
  heads: {},
  next: 1,
  builds: [],
};

/** Most builds of one target that wait. */
const MAX_WAITING = 50;
/** Most that have ended and are remembered: of one image and branch, and in all, as a ConfigMap has its limits. */
const MAX_ENDED_OF_ONE = 20;
const MAX_ENDED = 500;

/** An image that is asked for. */
export type Request = Omit<ImageBuild, 'phase' | 'attempt' | 'number' | 'requestedAt'> & {
  readonly concurrency: 'queue' | 'supersede';
};

/** Whether a build has come to its end. */
export function hasEnded({ phase }: ImageBuild): boolean {
  return phase !== 'Waiting' && phase !== 'Running' && phase !== 'Canceling';
}

/** Notes that builds are asked for, and what becomes of earlier ones of the same target. */
export function request(ledger: Ledger, requests: readonly Request[], now: string): Ledger {
  let { builds } = ledger;
  for (const { concurrency, ...asked } of requests) {
    if (concurrency === 'supersede') builds = builds.map((build) => superseded(build, asked, now));
    builds = [...builds, { ...asked, phase: 'Waiting', attempt: 1, number: ledger.next, requestedAt: now }];
  }
  return { ...ledger, builds: withinLimits(builds, now), next: ledger.next + 1 };
}

/** Changes one build. Those that have ended are remembered for a while, the last ones. */
export function change(ledger: Ledger, id: string, update: Partial<ImageBuild>): Ledger {
  const builds = ledger.builds.map((build) => (build.id === id ? { ...build, ...update } : build));
  return { ...ledger, builds: withoutForgotten(builds) };
}

/** Those that were asked for together with one that has not ended are remembered as well: it may be built on them. */
function withoutForgotten(builds: readonly ImageBuild[]): readonly ImageBuild[] {
  const open = new Set(builds.filter((build) => !hasEnded(build)).map(({ number }) => number));
  const newestFirst = builds.filter(hasEnded).sort((a, b) => endOf(b) - endOf(a));
  const counts = new Map<string, number>();
  const kept = new Set<ImageBuild>();
  for (const build of newestFirst) {
    const one = JSON.stringify([build.release, build.image, build.branch]);
    const count = (counts.get(one) ?? 0) + 1;
    counts.set(one, count);
    if (open.has(build.number) || (count <= MAX_ENDED_OF_ONE && kept.size < MAX_ENDED)) kept.add(build);
  }
  return builds.filter((build) => !hasEnded(build) || kept.has(build));
}

function endOf({ finishedAt = '' }: ImageBuild): number {
  return Date.parse(finishedAt) || 0;
}

/** The builds that may start now, as far as the pipeline is concerned: the first of each target that none else has. */
export function startable(
  { builds }: Ledger,
  after: (build: ImageBuild) => readonly string[],
): readonly ImageBuild[] {
  const taken = new Set(
    builds.filter(({ phase }) => phase === 'Running' || phase === 'Canceling').map(({ target }) => target),
  );
  const found: ImageBuild[] = [];
  for (const build of builds) {
    if (build.phase !== 'Waiting' || taken.has(build.target)) continue;
    // Later ones of the target wait too, also where this one can't start yet.
    taken.add(build.target);
    if (
      prerequisites(builds, build, after(build)).every(
        ({ phase }) => phase === 'Succeeded' || phase === 'Skipped',
      )
    ) {
      found.push(build);
    }
  }
  return found;
}

/** Builds that wait for one that has failed, and so will never start. */
export function hopeless(
  { builds }: Ledger,
  after: (build: ImageBuild) => readonly string[],
): readonly (readonly [build: ImageBuild, because: ImageBuild])[] {
  return builds.flatMap((build) => {
    if (build.phase !== 'Waiting') return [];
    const failed = prerequisites(builds, build, after(build)).find(
      ({ phase }) => phase === 'Failed' || phase === 'Superseded',
    );
    return failed === undefined ? [] : [[build, failed] as const];
  });
}

/** The builds of the same commit that have to be there before. */
function prerequisites(
  builds: readonly ImageBuild[],
  build: ImageBuild,
  after: readonly string[],
): ImageBuild[] {
  return builds.filter(
    ({ image, number, release }) =>
      number === build.number && release === build.release && after.includes(image),
  );
}

function superseded(build: ImageBuild, by: Pick<ImageBuild, 'target' | 'commit'>, now: string): ImageBuild {
  if (build.target !== by.target || hasEnded(build) || build.phase === 'Canceling') return build;
  const message = `superseded by the commit ${by.commit}`;
  return build.phase === 'Waiting'
    ? { ...build, phase: 'Superseded', finishedAt: now, message }
    : { ...build, phase: 'Canceling', message };
}

function withinLimits(builds: readonly ImageBuild[], now: string): readonly ImageBuild[] {
  const waiting = new Map<string, number>();
  return [...builds]
    .reverse()
    .map((build): ImageBuild => {
      if (build.phase !== 'Waiting') return build;
      const count = (waiting.get(build.target) ?? 0) + 1;
      waiting.set(build.target, count);
      if (count <= MAX_WAITING) return build;
      return {
        ...build,
        phase: 'Superseded',
        finishedAt: now,
        message: `more than ${MAX_WAITING} builds were waiting`,
      };
    })
    .reverse();
}
