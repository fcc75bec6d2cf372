import { CommitStatuses, type CommitStatusesOptions, GitSource, SecretSource } from 'keelson';
import { describe, expect, test } from 'vitest';
import { pipeline, pipelineConfiguration } from '../support/programs.ts';
import { type Manifest, type Synthesized, synthesized } from '../support/synthesized.ts';

const token = SecretSource.existing('statuses', 'token');

describe('where statuses go follows from the URL of the repository', () => {
  test.each<['github' | 'gitlab', string, string, string]>([
    ['github', 'https://github.com/leaf-ai/runner.git', 'https://api.github.com', 'leaf-ai/runner'],
    ['github', 'git@github.com:leaf-ai/runner.git', 'https://api.github.com', 'leaf-ai/runner'],
    ['github', 'ssh://git@ssh.github.com:443/leaf-ai/runner', 'https://api.github.com', 'leaf-ai/runner'],
    ['github', 'https://git.example.com/a/b', 'https://git.example.com/api/v3', 'a/b'],
    ['gitlab', 'https://gitlab.com/group/sub/project.git', 'https://gitlab.com/api/v4', 'group/sub/project'],
    ['gitlab', 'git@git.example.com:group/project.git', 'https://git.example.com/api/v4', 'group/project'],
    ['gitlab', 'ssh://git@git.example.com:2222/g/p.git', 'https://git.example.com/api/v4', 'g/p'],
    ['gitlab', 'https://git.example.com:8443/g/p.git/', 'https://git.example.com:8443/api/v4', 'g/p'],
  ])('on %s that of %s', (provider, url, apiUrl, repository) => {
    const { url: full } = GitSource.remote(url, { branch: 'main' });
    const statuses = CommitStatuses[provider]({ token });
    expect(statuses.target(full)).toEqual({ provider, apiUrl, repository });
    expect(statuses.problems('statuses', full, false)).toEqual([]);
  });

  test('unless they are said', () => {
    const apiUrl = 'https://git.example.com/gitlab/api/v4/';
    const options = { token, apiUrl, repository: '123', targetUrl: 'https://ci.example.com/x' };
    expect(CommitStatuses.gitlab(options).target('https://git.example.com/gitlab/g/p.git')).toEqual({
      provider: 'gitlab',
      apiUrl: 'https://git.example.com/gitlab/api/v4',
      repository: '123',
      targetUrl: 'https://ci.example.com/x',
    });
  });

  test('a git server inside of the cluster may be asked by plain http, where git may too', () => {
    const url = 'http://gitlab.git.svc.cluster.local/g/p.git';
    const problems = (allowHttp: boolean): string[] =>
      GitSource.remote(url, { branch: 'main', allowHttp, statuses: CommitStatuses.gitlab({ token }) })
        .problems('source')
        .map(({ property }) => property);
    expect(problems(true)).toEqual([]);
    expect(problems(false)).toEqual(['source.url', 'source.statuses.apiUrl']);
  });
});

describe('the controller', () => {
  const secretsOf = ({ find }: Synthesized): unknown =>
    find<Manifest & { rules: { resources: string[]; resourceNames?: string[]; verbs: string[] }[] }>(
      'Role',
      'keelson-controller',
    )
      .rules.filter(({ resources }) => resources.includes('secrets'))
      .map(({ resourceNames, verbs }) => [resourceNames, verbs]);
  const source = (options: Partial<CommitStatusesOptions> = {}): GitSource =>
    GitSource.remote('https://github.com/a/b.git', {
      branch: 'main',
      webhook: { secret: SecretSource.existing('hook', 'secret') },
      statuses: CommitStatuses.github({ token, ...options }),
    });

  test('is told of both, by the names of Secrets', () => {
    const output = synthesized((app) =>
      pipeline(app, { source: source({ targetUrl: 'https://ci.example.com' }) }),
    );
    expect(pipelineConfiguration(output).source).toMatchObject({
      webhook: { secret: { secretName: 'hook', key: 'secret' } },
      statuses: {
        provider: 'github',
        apiUrl: 'https://api.github.com',
        repository: 'a/b',
        token: { secretName: 'statuses', key: 'token' },
        targetUrl: 'https://ci.example.com',
      },
    });
  });

  test('may read these Secrets and no others', () => {
    expect(secretsOf(synthesized((app) => pipeline(app, { source: source() })))).toEqual([
      [['hook', 'statuses'], ['get']],
    ]);
    expect(secretsOf(synthesized((app) => pipeline(app)))).toEqual([]);
  });

  test('makes a secret of a webhook that is generated', () => {
    const output = synthesized((app) =>
      pipeline(app, {
        source: GitSource.remote('https://git.example.com/a/b.git', {
          branch: 'main',
          webhook: { secret: SecretSource.generated() },
        }),
      }),
    );
    const { generatedSecrets, source: configured } = pipelineConfiguration(output);
    expect(generatedSecrets).toEqual(['git-webhook']);
    expect(configured?.webhook).toEqual({ secret: { secretName: 'git-webhook', key: 'value' } });
    expect(configured).not.toHaveProperty('statuses');
    expect(output.find('Secret', 'git-webhook')).not.toHaveProperty('data');
  });
});
