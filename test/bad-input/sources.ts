import { Chart, Duration } from 'cdk8s';
import {
  CommitStatuses,
  type CommitStatusesOptions,
  GitCredential,
  GitSource,
  MakisuBuilder,
  type MakisuBuilderProps,
  SecretSource,
  Tag,
  Version,
} from 'keelson';
import { existingPlatform, pipeline, registry, source } from '../support/programs.ts';
import type { Build } from '../support/synthesized.ts';
import { branch, type Row, repository } from './row.ts';

const URL = 'https://git.example.com/a/b.git';
const SCHEME = 'give an https:// or ssh:// URL';
const HOST = 'names a host that is no git server';
const url = (text: string, message: string): Row => [
  `the repository ${JSON.stringify(text)}`,
  repository(text),
  `ci/record: source.url: ${message}`,
];
const refusedBranch = (name: string, message: string): Row => [
  `the branch ${JSON.stringify(name)}`,
  branch(name),
  `ci/record: source.branch: ${message} (got ${JSON.stringify(name)}); give the name of a branch as \`git branch\` prints it, without refs/heads/`,
];
const without =
  (property: 'platform' | 'source'): Build =>
  (app) => {
    const target = registry().image('a', { tag: Tag.branch() });
    const { [property]: _left, ...rest } = { platform: existingPlatform(), source: source(), target };
    new MakisuBuilder(new Chart(app, 'c', { namespace: 'ci' }), 'image', rest as MakisuBuilderProps);
  };

/** The controller watches one repository for a pipeline. */
const elsewhere: Build = (app) => {
  const target = registry().image('a', { tag: Tag.branch() });
  const other = GitSource.remote('https://git.example.com/other/one.git', { branch: 'main' });
  new MakisuBuilder(pipeline(app), 'image', { source: other, target });
};

/** A pipeline that writes commit statuses. */
const statuses = (
  changes: Partial<Record<keyof CommitStatusesOptions, unknown>>,
  make: (options: CommitStatusesOptions) => CommitStatuses = CommitStatuses.github,
): Build => {
  const token = SecretSource.existing('statuses', 'token');
  return repository(URL, {
    branch: 'main',
    statuses: make({ token, ...changes } as CommitStatusesOptions),
  });
};

export const sources: readonly Row[] = [
  url(
    'ext::sh -c "touch /tmp/x"',
    'holds a space or control character (got "ext::sh -c \\"touch /tmp/x\\""); give the URL as it is cloned',
  ),
  url('ext::sh', `has the scheme ext: (got "ext::sh"); ${SCHEME}`),
  url('EXT::sh', `has the scheme ext: (got "EXT::sh"); ${SCHEME}`),
  url('file:///srv/git', `has the scheme file: (got "file:///srv/git"); ${SCHEME}`),
  url('git://host/a', `has the scheme git: (got "git://host/a"); ${SCHEME}`),
  url('http://host/a', `has the scheme http: (got "http://host/a"); ${SCHEME}`),
  url('/srv/git', `is not a URL (got "/srv/git"); ${SCHEME}`),
  url('--upload-pack=touch', `is not a URL (got "--upload-pack=touch"); ${SCHEME}`),
  url('-u', `is not a URL (got "-u"); ${SCHEME}`),
  url(
    'ssh://-oProxyCommand=x/a',
    'has a host or user that starts with "-", which ssh takes for an option (got "ssh://-oProxyCommand=x/a"); give the real host',
  ),
  url(
    'https://169.254.169.254/a',
    `${HOST} (got "https://169.254.169.254/a"); give the host of the git server`,
  ),
  url('https://kubernetes.default/a', `${HOST} (got "https://kubernetes.default/a"); …`),
  url('https://localhost/a', `${HOST} (got "https://localhost/a"); …`),
  url(
    'https://me:CANARY@host/a',
    'carries a credential (got a hidden value); take it out of the URL and give it as credential',
  ),
  url('https://host/a\r\nb', 'holds a space or control character (got "https://host/a\\r\\nb"); …'),
  url('https://host/', 'names no repository (got "https://host/"); add the path of the repository'),
  refusedBranch('', 'is empty'),
  refusedBranch('-x', 'starts with "-", which git takes for an option'),
  refusedBranch('--upload-pack=x', 'starts with "-", which git takes for an option'),
  refusedBranch('../..', 'holds "..", "@{" or "//"'),
  refusedBranch('a b', 'holds a character that git does not allow in a branch'),
  refusedBranch('a:b', 'holds a character that git does not allow in a branch'),
  refusedBranch('.a', 'has a part that starts with "." or ends with ".lock"'),
  refusedBranch('a.lock', 'has a part that starts with "." or ends with ".lock"'),
  refusedBranch('HEAD', 'is not a branch: git gives that name another meaning'),
  refusedBranch('refs/heads/main', 'is a full ref, not a branch'),
  [
    'no branch',
    repository(URL, {}),
    `ci/record: source.branch: is missing (got nothing); name the branch to watch, such as 'main'`,
  ],
  [
    'one branch and several',
    repository(URL, { branch: 'a', branches: ['b'] }),
    'ci/record: source.branch: is given beside branches (got "a"); give one of the two',
  ],
  [
    'a branch twice',
    repository(URL, { branches: ['a', 'a'] }),
    'ci/record: source.branches: is named twice (got "a"); name each branch once',
  ],
  [
    'an interval of a second',
    repository(URL, { branch: 'a', pollInterval: Duration.seconds(1) }),
    'ci/record: source.pollInterval: is not between 5 seconds and a day (got "1 s"); use Duration.minutes(1), or a webhook to be told at once',
  ],
  [
    'a version that is none',
    repository(URL, { branch: 'a', version: Version.of('v1') }),
    'ci/record: source.version: is not a semantic version (got "v1"); give MAJOR.MINOR.PATCH without a leading v, such as 0.10.2',
  ],
  [
    'a version in a file elsewhere',
    repository(URL, { branch: 'a', version: Version.fromFile('/etc/x') }),
    'ci/record: source.version: is not a path inside the repository (got "/etc/x"); give a relative path without "..", such as README.md',
  ],
  [
    'an image build without a platform',
    without('platform'),
    'c/image: platform: is missing (got nothing); give it, or put the builder into a Pipeline that has it',
  ],
  [
    'an image build without a source',
    without('source'),
    'c/image: source: is missing (got nothing); give it, or put the builder into a Pipeline that has it',
  ],
  [
    'an ssh key without the keys of its server',
    repository('ssh://git@host/a', {
      branch: 'a',
      credential: GitCredential.sshKey(SecretSource.existing('s', 'k'), ''),
    }),
    'ci/record: source.credential…knownHosts…',
  ],
  [
    'a webhook without a secret',
    repository(URL, { branch: 'a', webhook: {} }),
    'ci: source.webhook.secret: is missing (got nothing); give a SecretSource',
  ],
  [
    'a webhook whose secret is a text',
    repository(URL, { branch: 'a', webhook: { secret: 'CANARY' } }),
    'ci: source.webhook.secret: is of another type (got a hidden value); give a SecretSource',
  ],
  [
    'commit statuses without a token',
    statuses({ token: undefined }),
    'ci: source.statuses.token: is missing (got nothing); give a SecretSource',
  ],
  [
    'commit statuses of nothing',
    repository(URL, { branch: 'a', statuses: CommitStatuses.gitlab(undefined as never) }),
    'ci: source.statuses.token: is missing (got nothing); give a SecretSource',
  ],
  [
    'commit statuses that are an object',
    repository(URL, { branch: 'a', statuses: { token: 'CANARY' } }),
    'ci: source.statuses: is of another type (got a hidden value); give a CommitStatuses, or leave it out',
  ],
  [
    'commit statuses with a token that nobody makes',
    statuses({ token: SecretSource.generated() }),
    'ci/record: source.statuses.token: is made by nobody: the git server gives tokens (got a hidden value); make a Secret and give SecretSource.existing(name, key)',
  ],
  [
    'an API by plain http',
    statuses({ apiUrl: 'http://git.example.com/api/v3' }),
    `ci/record: source.statuses.apiUrl: is not the https URL of GitHub's API (got "http://git.example.com/api/v3"); give https://HOST/api/v3`,
  ],
  [
    'an API with a password',
    statuses({ apiUrl: 'https://me:CANARY@git.example.com/api/v4' }, CommitStatuses.gitlab),
    "ci/record: source.statuses.apiUrl: is not the https URL of GitLab's API (got a hidden value); give https://HOST/api/v4",
  ],
  [
    "an API at the node's metadata",
    statuses({ apiUrl: 'https://2852039166/api/v4' }, CommitStatuses.gitlab),
    'ci/record: source.statuses.apiUrl: is not the https URL of GitLab\'s API (got "https://2852039166/api/v4"); …',
  ],
  [
    'statuses of a repository without an owner',
    statuses({ repository: 'b' }),
    'ci/record: source.statuses.repository: is not a repository of GitHub (got "b"); give it as GitHub shows it, such as leaf-ai/studio-go-runner, without host or ".git"',
  ],
  [
    'statuses of a repository that leads elsewhere in the API',
    statuses({ repository: '../user' }, CommitStatuses.gitlab),
    'ci/record: source.statuses.repository: is not a repository of GitLab (got "../user"); …',
  ],
  [
    'a link of statuses that runs a program',
    statuses({ targetUrl: 'javascript:alert(1)' }),
    'ci/record: source.statuses.targetUrl: is not an http or https URL of at most 255 characters (got "javascript:alert(1)"); give the URL of a page for people, without a credential in it',
  ],
  ['another repository for a stage of a pipeline', elsewhere, 'ci/image: source: …'],
];
