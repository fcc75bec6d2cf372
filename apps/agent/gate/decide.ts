import type { BuildPhase, BuildRun } from '../../../lib/agent/status.ts';
import type { KnownImage } from '../status/known-images.ts';

/** What a gate knows when it decides. */
export interface Situation {
  /** The digest that this pod runs. */
  readonly digest: string;
  /** What is known of images. */
  readonly images: readonly KnownImage[];
  /** What ran before, newest first. */
  readonly runs: readonly BuildRun[];
  /** In a listener: what the build before was started for. */
  readonly before?: Image | undefined;
}

/** An image, by what is known of it. */
export interface Image {
  readonly digest?: string | undefined;
  readonly commit?: string | undefined;
}

/** Whether there is anything to build, and why not. */
export type Decision =
  /** `unsure` where the image's commit, for which nobody has looked yet, could still say that it was built. */
  | { readonly answer: 'run'; readonly unsure: boolean }
  | { readonly answer: 'skip'; readonly because: string };

/** A build that has come to an end of its own; one whose pod went away is built again. */
const FINISHED: ReadonlySet<BuildPhase> = new Set<BuildPhase>(['Succeeded', 'Failed', 'TimedOut']);

/**
 * The commit decides, not the digest: an image build that changed nothing has a new digest. Where the commit is not
 * known, the digest stands for it.
 */
export function decide({ digest, images, runs, before }: Situation): Decision {
  const commitOf = (image: Image): string | undefined =>
    image.commit ?? images.find((known) => known.digest === image.digest)?.commit;
  const commit = commitOf({ digest });
  const isSame = (image: Image): boolean =>
    image.digest === digest || (commit !== undefined && commitOf(image) === commit);
  const what = commit === undefined ? `the image ${digest}` : `the commit ${commit}`;
  const finished = runs.filter(({ phase }) => FINISHED.has(phase));
  const same = finished.find(isSame);
  if (same !== undefined) {
    return { answer: 'skip', because: `${what} was built before, by the pod ${same.pod}: ${same.phase}` };
  }
  if (before !== undefined && isSame(before)) {
    return { answer: 'skip', because: `${what} is what the build before this listener was started for` };
  }
  const others = before === undefined ? finished : [...finished, before];
  const known = images.some((image) => image.digest === digest);
  return { answer: 'run', unsure: !known && others.some((image) => commitOf(image) !== undefined) };
}
