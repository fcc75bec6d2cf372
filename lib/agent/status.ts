import type { AGENT_API_VERSION } from './version.ts';

/** The key of the status document in a build's status ConfigMap. */
export const STATUS_KEY = 'status.json';

/** How far a run has come. */
export type BuildPhase = 'Starting' | 'Running' | 'Succeeded' | 'Failed' | 'TimedOut' | 'Skipped' | 'Lost';

/** What became of a watched build: the newest run first, at most `historyLimit` of them. */
export interface BuildStatus {
  /** The document's version. */
  readonly apiVersion: typeof AGENT_API_VERSION;
  /** The document's kind. */
  readonly kind: 'BuildStatus';
  /** The runs, newest first. */
  readonly runs: readonly BuildRun[];
}

/** How far a release has come. */
export type ReleasePhase = 'Running' | 'Succeeded' | 'Failed' | 'TimedOut' | 'Skipped';

/** One part of a release: an image, or a Job. */
export interface ReleaseRun {
  /** The release's name. */
  readonly release: string;
  /** The name of the image or Job. */
  readonly part: string;
  /** How far it has come. */
  readonly phase: ReleasePhase;
  /** One sentence for a person, such as which Secret was missing. */
  readonly message?: string;
}

/** What became of a release after an image, which no build's status could say: the newest first, at most 20. */
export interface ReleaseStatus {
  /** The document's version. */
  readonly apiVersion: typeof AGENT_API_VERSION;
  /** The document's kind. */
  readonly kind: 'ReleaseStatus';
  /** The commits that were released, newest first. */
  readonly commits: readonly ReleasedCommit[];
}

/** One commit's release after an image. Times are RFC 3339 in UTC. */
export interface ReleasedCommit {
  /** The commit's full object name. */
  readonly commit: string;
  /** Its branch. */
  readonly branch: string;
  /** The digest of the image that it follows. */
  readonly digest: string;
  /** When the release started. */
  readonly startedAt: string;
  /** When its last part ended; absent before that. */
  readonly finishedAt?: string;
  /** What became of each part. */
  readonly releases: readonly ReleaseRun[];
}

/** One run of a watched build. Times are RFC 3339 in UTC. */
export interface BuildRun {
  /** The pod's UID: the run's identity, and the holder of the build's Lease. */
  readonly id: string;
  /** The pod's name. */
  readonly pod: string;
  /** How far it has come. */
  readonly phase: BuildPhase;
  /** The digest that ran, as the pod's imageID has it. */
  readonly digest: string;
  /** The commit that the image was built from; absent where only the digest is known. */
  readonly commit?: string;
  /** The branch of that commit; absent where only the digest is known. */
  readonly branch?: string;
  /** When the command started; absent before that. */
  readonly startedAt?: string;
  /** When the run ended; absent before that. */
  readonly finishedAt?: string;
  /** The command's exit code; absent where it has not ended by itself. */
  readonly exitCode?: number;
  /** What became of its releases; absent where it has none, or has not passed. */
  readonly releases?: readonly ReleaseRun[];
  /** One sentence for a person. */
  readonly message?: string;
}
