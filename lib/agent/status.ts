import type { AGENT_API_VERSION } from './version.ts';

/** The key of the status document in a build's status ConfigMap. */
export const STATUS_KEY = 'status.json';

/** How far a run has come. */
export type BuildPhase = 'Starting' | 'Running' | 'Succeeded' | 'Failed' | 'TimedOut' | 'Skipped' | 'Lost';

/** What became of a watched build: the newest run first, at most `historyLimit` of them. */
export interface BuildStatus {
  readonly apiVersion: typeof AGENT_API_VERSION;
  readonly kind: 'BuildStatus';
  readonly runs: readonly BuildRun[];
}

/** One run of a watched build. Times are RFC 3339 in UTC. */
export interface BuildRun {
  /** The pod's UID: the run's identity, and the holder of the build's Lease. */
  readonly id: string;
  readonly pod: string;
  readonly phase: BuildPhase;
  /** The digest that ran, as the pod's imageID has it. */
  readonly digest: string;
  /** The commit that the image was built from; absent where only the digest is known. */
  readonly commit?: string;
  readonly branch?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly exitCode?: number;
  /** One sentence for a person. */
  readonly message?: string;
}
