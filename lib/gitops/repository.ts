import type { Duration } from 'cdk8s';
import { durationProblems } from '../kubernetes/durations.ts';
import { isDnsLabel, isDnsSubdomain } from '../kubernetes/names.ts';
import type { Problem } from '../kubernetes/problem.ts';
import { fullGitUrl, gitUrlProblems } from '../source/git-url.ts';
import { isInsideRepository } from '../source/version.ts';
import { GitRevision } from './git-revision.ts';

/** The repository that manifests are committed to. */
export interface GitOpsRepositoryProps {
  /** Its URL, by https or ssh and without a credential; git's short ssh form (`git@host:path`) too. */
  readonly repository: string;
  /**
   * What of it to bring to the cluster.
   * @default GitRevision.branch('main')
   */
  readonly revision?: GitRevision;
  /**
   * Whether the URL may be plain http, for a git server inside the cluster.
   * @default false
   */
  readonly allowHttp?: boolean;
}

/** The repository's URL in full, and the revision. */
export function repositoryOf({ repository, revision }: GitOpsRepositoryProps): {
  url: string;
  revision: GitRevision;
} {
  return { url: fullGitUrl(repository), revision: revision ?? GitRevision.branch('main') };
}

/** What is wrong with the repository and its revision. */
export function repositoryProblems(props: GitOpsRepositoryProps): Problem[] {
  const { url, revision } = repositoryOf(props);
  return [
    ...(typeof props.repository === 'string'
      ? gitUrlProblems('repository', url, props.allowHttp === true)
      : [notText('repository', props.repository, 'give the URL of the repository, by https or ssh')]),
    ...(revision instanceof GitRevision
      ? revision.problems('revision')
      : [
          notText(
            'revision',
            revision,
            "use GitRevision.branch('main'), GitRevision.tag or GitRevision.commit",
          ),
        ]),
  ];
}

/** What is wrong with the path of a folder in a repository; `.` is the repository itself. */
export function folderProblems(property: string, path: string): Problem[] {
  const valid = typeof path === 'string' && isInsideRepository(path) && !/^-|[\\*?"<>|:]/.test(path);
  if (valid) return [];
  return [
    {
      property,
      value: path,
      message: 'is not a folder inside the repository',
      remedy: 'give a relative path without "..", such as manifests',
    },
  ];
}

/** A folder's path as `a/b`, without `./` before or a slash after it; `.` for the repository itself. */
export function folder(path: string): string {
  const parts = (typeof path === 'string' ? path : '')
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  return parts.length === 0 ? '.' : parts.join('/');
}

/** What is wrong with a name that has to be a label, as those of Applications and Kustomizations do: it becomes one. */
export function labelProblems(property: string, text: string): Problem[] {
  if (typeof text === 'string' && isDnsLabel(text)) return [];
  const remedy =
    'use at most 63 lower-case letters, digits and "-", starting and ending with a letter or digit';
  return [{ property, value: text, message: 'is not a valid name', remedy }];
}

/** What is wrong with the name of an object that is only referred to. */
export function nameProblems(property: string, text: string, value: unknown = text): Problem[] {
  if (typeof text === 'string' && isDnsSubdomain(text)) return [];
  const remedy = 'use lower-case letters, digits, "-" and ".", starting and ending with a letter or digit';
  return [{ property, value, message: 'is not a valid name', remedy }];
}

/** The shortest and the longest time that makes sense between two looks at a repository, in seconds. */
const LEAST = 30;
const MOST = 86_400;

/** What is wrong with an interval or a timeout. */
export function intervalProblems(property: string, interval: Duration | undefined): Problem[] {
  if (interval === undefined || typeof interval?.toSeconds === 'function') {
    return durationProblems(property, interval, LEAST, MOST);
  }
  return [notText(property, interval, 'give a Duration, such as Duration.minutes(10)')];
}

/** A duration as Go reads it: `1h30m`, `45s`. */
export function goDuration(duration: Duration): string {
  // What is no Duration is reported, and nothing is written.
  if (typeof duration?.toSeconds !== 'function') return '';
  const seconds = duration.toSeconds({ integral: false });
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  return parts.flatMap(([count, unit]) => (count > 0 ? [`${count}${unit}`] : [])).join('');
}

function notText(property: string, value: unknown, remedy: string): Problem {
  const message = value === undefined || value === null ? 'is missing' : 'is of another type';
  return { property, value: value ?? undefined, message, remedy };
}
