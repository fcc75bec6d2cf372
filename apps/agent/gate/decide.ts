import type { BuildPhase, BuildRun } from '../../../lib/agent/status.ts';
import type { KnownImage } from '../status/known-images.ts';

/** What a gate knows when it decides. */
export interface Situation {
  /** This pod's UID. */
  readonly id: string;
  /** The digest that this pod runs. */
  readonly digest: string;
  /** What is known of the image. */
  readonly image: KnownImage | undefined;
  /** What ran before, newest first. */
  readonly runs: readonly BuildRun[];
  /** In a listener: what the build before was started for. */
  readonly before?: { readonly commit?: string | undefined; readonly digest?: string | undefined };
}

/** Whether there is anything to build, and why not. */
export type Decision = { readonly answer: 'run' } | { readonly answer: 'skip'; readonly because: string };

/** A build that has come to an end of its own; one whose pod went away is built again. */
const FINISHED: ReadonlySet<BuildPhase> = new Set<BuildPhase>(['Succeeded', 'Failed', 'TimedOut']);

/**
 * The commit decides, not the digest: an image build that changed nothing has a new digest. Where the commit is not
 * known, the digest stands for it.
 */
export function decide({ id, digest, image, runs, before }: Situation): Decision {
  const commit = image?.commit;
  const same = (other: {
    readonly commit?: string | undefined;
    readonly digest?: string | undefined;
  }): boolean => other.digest === digest || (commit !== undefined && other.commit === commit);
  const finished = runs.find((run) => FINISHED.has(run.phase) && (run.id === id || same(run)));
  const what = commit === undefined ? `the image ${digest}` : `the commit ${commit}`;
  if (finished !== undefined) {
    return {
      answer: 'skip',
      because: `${what} was built before, by the pod ${finished.pod}: ${finished.phase}`,
    };
  }
  if (before !== undefined && same(before)) {
    return { answer: 'skip', because: `${what} is what the build before this listener was started for` };
  }
  return { answer: 'run' };
}
