import { Duration } from 'cdk8s';
import { GitCredential, GitSource, type RemoteGitOptions, SecretSource, Version } from 'keelson';
import { describe, expect, test } from 'vitest';
import { pipeline, pipelineConfiguration } from '../support/programs.ts';
import { synthesized } from '../support/synthesized.ts';

const URL = 'https://git.example.com/a/b.git';
const remote = (options: RemoteGitOptions = { branch: 'main' }, url = URL): GitSource =>
  GitSource.remote(url, options);
const messages = (source: GitSource): string[] =>
  source.problems('source').map(({ property, message }) => `${property}: ${message}`);
const key = SecretSource.existing('git', 'key');

describe('by default', () => {
  test('a public repository is polled each minute for one branch, without submodules and LFS', () => {
    const configured = pipelineConfiguration(synthesized((app) => pipeline(app, { source: remote() })));
    expect(configured.source).toEqual({
      url: URL,
      branches: ['main'],
      pollSeconds: 60,
      version: { from: 'git-tag' },
      submodules: false,
      lfs: false,
    });
  });
});

describe('options', () => {
  test('each reaches the controller', () => {
    const source = remote({
      branches: ['main', 'dev'],
      pollInterval: Duration.seconds(30),
      version: Version.of('1.2.3'),
      submodules: true,
      lfs: true,
    });
    expect(pipelineConfiguration(synthesized((app) => pipeline(app, { source }))).source).toEqual({
      url: URL,
      branches: ['main', 'dev'],
      pollSeconds: 30,
      version: { from: 'value', value: '1.2.3' },
      submodules: true,
      lfs: true,
    });
  });

  test("git's short form of an ssh URL is written in full", () => {
    expect(remote({ branch: 'main' }, 'git@github.com:a/b.git').url).toBe('ssh://git@github.com/a/b.git');
    expect(messages(remote({ branch: 'main' }, 'git@github.com:a/b.git'))).toEqual([]);
    expect(messages(remote({ branch: 'main' }, 'git@-oProxyCommand=x:a'))).toHaveLength(1);
    expect(messages(remote({ branch: 'main' }, 'git@169.254.169.254:a'))).toEqual([
      'source.url: names a host that is no git server',
    ]);
  });

  test.each<[string, object, string]>([
    ['no branch', {}, 'source.branch: is missing'],
    ['no branches', { branches: [] }, 'source.branch: is missing'],
    ['both', { branch: 'a', branches: ['b'] }, 'source.branch: is given beside branches'],
    ['a branch twice', { branches: ['a', 'a'] }, 'source.branches: is named twice'],
    ['a bad one among several', { branches: ['a', 'b..c'] }, 'source.branch: holds "..", "@{" or "//"'],
    [
      'an interval of nothing',
      { branch: 'a', pollInterval: Duration.seconds(0) },
      'source.pollInterval: is not between 5 seconds and a day',
    ],
    [
      'an interval of a year',
      { branch: 'a', pollInterval: Duration.days(365) },
      'source.pollInterval: is not between 5 seconds and a day',
    ],
    [
      'a version that is none',
      { branch: 'a', version: Version.of('v1') },
      'source.version: is not a semantic version',
    ],
  ])('%s is a problem', (_name, options, message) => {
    expect(messages(remote(options as RemoteGitOptions))).toEqual([message]);
  });
});

describe('credentials', () => {
  test('a token goes with https', () => {
    expect(messages(remote({ branch: 'main', credential: GitCredential.token(key) }))).toEqual([]);
    const ssh = remote({ branch: 'main', credential: GitCredential.token(key) }, 'ssh://git@host/a');
    expect(messages(ssh)).toEqual(['source.credential: is a token for a URL that is not https']);
  });

  test('a key goes with ssh', () => {
    const credential = GitCredential.sshKey(key, 'host ssh-ed25519 AAAA');
    expect(messages(remote({ branch: 'main', credential }, 'ssh://git@host/a'))).toEqual([]);
    expect(messages(remote({ branch: 'main', credential }))).toEqual([
      'source.credential: is an ssh key for a URL that is not ssh',
    ]);
  });

  test.each<[string, string, GitCredential, object]>([
    [
      'a token',
      URL,
      GitCredential.token(key),
      { kind: 'token', token: { secretName: 'git', key: 'key' }, username: 'x-access-token' },
    ],
    ['a token with a user', URL, GitCredential.token(key, 'me'), { kind: 'token', username: 'me' }],
    [
      'a key',
      'ssh://git@host/a',
      GitCredential.sshKey(key, 'host ssh-ed25519 AAAA'),
      { kind: 'ssh', privateKey: { secretName: 'git', key: 'key' }, knownHosts: 'host ssh-ed25519 AAAA' },
    ],
  ])(
    '%s is named to the controller, which may read that Secret alone',
    (_name, url, credential, expected) => {
      const source = remote({ branch: 'main', credential }, url);
      const output = synthesized((app) => pipeline(app, { source }));
      expect(pipelineConfiguration(output).source?.credential).toMatchObject(expected);
      const { rules } = output.find<{ rules: { resources: string[] }[] }>('Role', 'keelson-controller');
      expect(rules.filter(({ resources }) => resources.includes('secrets'))).toEqual([
        { apiGroups: [''], resources: ['secrets'], resourceNames: ['git'], verbs: ['get'] },
      ]);
    },
  );
});

describe('versions', () => {
  test.each(['0.1.0', '1.2.3-rc.1', '1.0.0+build.5', '10.20.30'])('%s is one', (text) => {
    expect(Version.of(text).problems('version')).toEqual([]);
  });

  test.each(['v1.0.0', '1.0', '', 'latest', '01.0.0', '1.0.0-', '1.0.0\n', '1.0.0-01', '$(id)'])(
    '%j is none',
    (text) => {
      expect(Version.of(text).problems('version')).toMatchObject([{ property: 'version', value: text }]);
    },
  );

  test('a file is inside of the repository', () => {
    expect(Version.fromFile().configuration).toEqual({ from: 'file', path: 'README.md' });
    expect(Version.fromFile('docs/VERSION').problems('version')).toEqual([]);
    for (const path of ['', '/etc/passwd', '../x', 'a/../../b', 'a\0b', 'a\nb']) {
      expect(Version.fromFile(path).problems('version'), path).toHaveLength(1);
    }
  });
});
