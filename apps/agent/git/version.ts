import type { VersionConfiguration } from '../../../lib/agent/configuration.ts';
import { formatValue } from '../../../lib/kubernetes/problem.ts';
import { type CommitOfBranch, readFileAtCommit } from './file-at-commit.ts';
import { type ListRefsOptions, listRefs } from './list-refs.ts';
import { compareVersions, semanticVersion } from './semantic-version.ts';
import { untaggedVersion } from './untagged-version.ts';

/** A version that is missing or none. Another try finds the same, until there is another commit or configuration. */
export class VersionError extends Error {
  override readonly name = 'VersionError';
}

/**
 * The pipeline's version at a commit: a semantic version without a `v` before it, of at most 128 characters. Of several
 * tags the highest counts; a commit without one is `0.0.0-g` and the first twelve digits of its name, which is below
 * every release.
 *
 * @throws VersionError, or GitError where the repository can't be read
 */
export async function versionAt(
  version: VersionConfiguration,
  commit: CommitOfBranch,
  options: ListRefsOptions,
): Promise<string> {
  switch (version.from) {
    case 'value':
      return checked(version.value, 'the version in the configuration');
    case 'git-tag':
      return (await highestTag(commit, options)) ?? untaggedVersion(commit.commit);
    case 'file':
      return markIn(await readFileAtCommit(commit, version.path, options), version.path);
  }
}

async function highestTag(
  { repository, commit }: CommitOfBranch,
  options: ListRefsOptions,
): Promise<string | undefined> {
  const prefix = 'refs/tags/';
  const refs = await listRefs(
    repository,
    {
      prefixes: [prefix],
      peel: true,
      wanted: ({ name, objectName, peeled = objectName }) => peeled === commit && name.startsWith(prefix),
    },
    options,
  );
  const versions = refs.map(({ name }) => semanticVersion(name.slice(prefix.length)));
  return versions
    .filter((version) => version !== undefined)
    .sort(compareVersions)
    .at(-1);
}

/** The text between `<repo-version>` and `</repo-version>`, the first in the file. */
function markIn(text: string, path: string): string {
  const [open, close] = ['<repo-version>', '</repo-version>'];
  const start = text.indexOf(open);
  const end = text.indexOf(close, start);
  if (start < 0 || end < 0) {
    throw new VersionError(
      `${path} has no ${open}…${close} mark; put one with the version into it, such as ${open}0.1.0${close}`,
    );
  }
  return checked(text.slice(start + open.length, end).trim(), `the mark in ${path}`);
}

function checked(text: string, where: string): string {
  const version = semanticVersion(text);
  if (version !== undefined) return version;
  const printable = text.slice(0, 60).replace(/[^ -~]/g, '?');
  throw new VersionError(
    `${where} is no semantic version of at most 128 characters (got ${formatValue(printable)}); write MAJOR.MINOR.PATCH`,
  );
}
