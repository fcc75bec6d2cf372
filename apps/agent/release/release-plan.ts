import { type GitHubReleaseConfiguration, ReleaseVariables } from '../../../lib/agent/release.ts';
import { type ProgramContext, UsageError, variable } from '../program.ts';
import type { Asset } from './assets.ts';
import { codeSpan } from './markdown.ts';

/** A release as it is to be. */
export interface ReleasePlan {
  /** The tag, which is its name too. */
  readonly tag: string;
  /** The commit's full object name. */
  readonly commit: string;
  /** What it says, as Markdown. */
  readonly body: string;
  /** Whether it is left as a draft. */
  readonly draft: boolean;
  /** Whether it is marked as not ready for production. */
  readonly prerelease: boolean;
  /** What is attached to it. */
  readonly assets: readonly Asset[];
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const MAX_TAG = 200;

/** The release for the commit of the environment. */
export function releasePlan(
  { tagPrefix, draft, prerelease }: GitHubReleaseConfiguration,
  environment: ProgramContext['environment'],
  assets: readonly Asset[],
): ReleasePlan {
  const tag = `${tagPrefix}${variable(environment, ReleaseVariables.VERSION)}`;
  const commit = variable(environment, ReleaseVariables.COMMIT);
  const digest = variable(environment, ReleaseVariables.DIGEST);
  const branch = environment[ReleaseVariables.BRANCH] ?? '';
  if (!isTagName(tag)) {
    throw new UsageError(
      `${JSON.stringify(tag.slice(0, MAX_TAG))} is no name of a tag: give the pipeline a version as git allows it in one, such as 1.2.3`,
    );
  }
  if (!COMMIT.test(commit)) {
    throw new UsageError(
      `${ReleaseVariables.COMMIT} is ${JSON.stringify(commit.slice(0, 100))}, which is no full object name`,
    );
  }
  if (!DIGEST.test(digest)) {
    throw new UsageError(
      `${ReleaseVariables.DIGEST} is ${JSON.stringify(digest.slice(0, 100))}, which is no digest of sha256`,
    );
  }
  return { tag, commit, body: bodyOf(commit, branch, digest), draft, prerelease, assets };
}

/** What a release's text has at its end where this program made it, for this commit. It is not shown. */
export function marker(commit: string): string {
  return `<!-- keelson-release ${commit} -->`;
}

function bodyOf(commit: string, branch: string, digest: string): string {
  const of = branch === '' ? '' : ` of branch ${codeSpan(branch)}`;
  return `Commit ${codeSpan(commit)}${of}, tested as image ${codeSpan(digest)}.\n\n${marker(commit)}\n`;
}

/** The rules of git check-ref-format. */
function isTagName(tag: string): boolean {
  return (
    tag.length <= MAX_TAG &&
    !/[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^[-/]|[/.]$|^@$/.test(tag) &&
    tag.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'))
  );
}
