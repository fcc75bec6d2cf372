import type { BuildRun } from '../../../../lib/agent/status.ts';
import { printable } from '../../kubernetes/events.ts';

/**
 * What became of a commit so far. `failure` is a build that failed; `error` is one that came to no result, because it
 * was lost, stopped or superseded.
 */
export type StatusState = 'pending' | 'success' | 'failure' | 'error';

/** What is written beside a commit. A later one of the same context takes its place. */
export interface CommitStatus {
  /** The commit's full object name. */
  readonly commit: string;
  /** What the status is about, see {@link statusContext}. */
  readonly context: string;
  readonly state: StatusState;
  /** One sentence for a person. What is too long is cut. */
  readonly description: string;
  /** What it links to; absent for what the pipeline's configuration says. */
  readonly targetUrl?: string;
}

/** Limit of GitHub's and GitLab's contexts, and of GitLab's descriptions. */
const MAX_TEXT = 255;

/**
 * The context of an image's or a build's statuses. The pipeline is in it: two of one repository may build the same
 * commit, and the success of one must not hide the failure of the other.
 */
export function statusContext(pipeline: string, name: string): string {
  return `keelson/${pipeline}/${name}`.slice(0, MAX_TEXT);
}

/** What is written of a run of a build; undefined where there is nothing to write. */
export function statusOfRun(run: BuildRun): Pick<CommitStatus, 'state' | 'description'> | undefined {
  const said = RUNS[run.phase];
  if (said === undefined) return undefined;
  const [state, description] = said;
  return { state, description: run.message ?? description };
}

const RUNS: Readonly<Record<BuildRun['phase'], readonly [StatusState, string] | undefined>> = {
  Starting: ['pending', 'the build starts'],
  Running: ['pending', 'the build runs'],
  Succeeded: ['success', 'the build has passed'],
  Failed: ['failure', 'the build has failed'],
  TimedOut: ['failure', 'the build took too long'],
  Lost: ['error', 'the build was lost: its pod is gone'],
  // The commit was built before, and has its status.
  Skipped: undefined,
};

/** A description as an API takes it: printable, on one line, and with an ellipsis where it is too long. */
export function description(text: string, most: number): string {
  const line = printable(text.slice(0, 4 * MAX_TEXT).replace(/\s+/g, ' '))
    // GitHub answers 422 to characters that take four bytes in UTF-8.
    .replace(/[\u{10000}-\u{10ffff}]|\p{Cs}/gu, '\u{fffd}')
    .trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}
