import { Chart } from 'cdk8s';
import {
  BuildKitBuilder,
  BuildKitDaemon,
  type GitHubReleaseConfiguration,
  HostedRegistry,
  ImageName,
  KeelWatchedBuild,
  MakisuBuilder,
  Pipeline,
  Release,
  type ReleaseConfiguration,
  type ReleaseProps,
  SecretSource,
  Tag,
} from 'keelson';
import type { Job } from 'kubernetes-types/batch/v1.js';
import type { Role } from 'kubernetes-types/rbac/v1.js';
import { describe, expect, test } from 'vitest';
import { connections } from '../kubernetes/network-policy.ts';
import { COMMIT, commitOn, filled } from '../support/commits.ts';
import { templated } from '../support/image-build.ts';
import { podsOf } from '../support/pods.ts';
import {
  existingPlatform,
  image,
  pipeline,
  pipelineConfiguration,
  registry,
  source,
} from '../support/programs.ts';
import {
  type Build,
  type Manifest,
  problemsOf,
  type Synthesized,
  synthesized,
} from '../support/synthesized.ts';

const token = (): SecretSource => SecretSource.existing('release-github-token', 'github_token');

/** A build and what is released after it. */
const program =
  (props: Partial<ReleaseProps> = {}, more: (release: Release) => void = () => undefined): Build =>
  (app) => {
    const ci = pipeline(app);
    const build = new KeelWatchedBuild(ci, 'build', { image: image(), command: ['./build.sh'] });
    const release = new Release(ci, 'release', {
      after: build,
      assets: ['bin/*'],
      github: { repository: 'team/project', token: token() },
      ...props,
    });
    more(release);
  };

function releaseOf(output: Synthesized): ReleaseConfiguration {
  const [release] = pipelineConfiguration(output).releases;
  if (release === undefined) throw new Error('no release');
  return release;
}

function jobOf(output: Synthesized, name = 'github-release'): Job {
  const template = releaseOf(output).jobs.find((job) => job.name === name)?.jobTemplate ?? [];
  return filled(template, commitOn('main'))[0] as object;
}

describe('by default', () => {
  const output = synthesized(program());
  const { spec } = jobOf(output).spec?.template ?? {};

  test('the controller is told what comes after which build, where, and for how long', () => {
    expect(releaseOf(output)).toMatchObject({
      name: 'release',
      namespace: 'ci-release',
      after: { build: 'build' },
      images: [],
      jobs: [{ name: 'github-release' }],
      timeoutSeconds: 3600,
    });
    expect(releaseOf(output)).not.toHaveProperty('branches');
  });

  test('the namespace is fenced, and no pipeline of its own', () => {
    const { metadata } = output.find('Namespace', 'ci-release');
    expect(metadata.labels).toMatchObject({
      'keelson.dev/pipeline': 'ci',
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
    expect(metadata.labels).not.toHaveProperty('keelson.dev/platform');
    expect(output.names('ResourceQuota')).toContain('ci-release/quota');
    expect(output.names('LimitRange')).toContain('ci-release/defaults');
    expect(output.names('NetworkPolicy')).toContain('ci-release/default-deny');
  });

  test('only the container that makes the release sees the token, as a file that may be missing', () => {
    const mounts = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(
      ({ name, volumeMounts = [] }) => [name, volumeMounts.some((mount) => mount.name === 'token')],
    );
    expect(mounts).toEqual([
      ['outputs', false],
      ['release', true],
    ]);
    expect(spec?.volumes?.find(({ name }) => name === 'token')?.secret).toEqual({
      secretName: 'release-github-token',
      items: [{ key: 'github_token', path: 'token' }],
      defaultMode: 0o440,
      optional: true,
    });
    expect(output.names('Secret')).toEqual([]);
  });

  test('a missing token ends the Job at once, and another failure is tried again', () => {
    expect(jobOf(output).spec).toMatchObject({
      backoffLimit: 2,
      podFailurePolicy: {
        rules: [
          { action: 'FailJob', onExitCodes: { containerName: 'release', operator: 'In', values: [66] } },
        ],
      },
    });
  });

  test('the program learns of the commit by variables, and of the rest from its configuration', () => {
    const environment = Object.fromEntries(
      spec?.containers[0]?.env?.map(({ name, value }) => [name, value]) ?? [],
    );
    expect(environment).toMatchObject({
      KEELSON_VERSION: '0.1.0',
      KEELSON_GIT_COMMIT: COMMIT,
      KEELSON_GIT_BRANCH: 'main',
      KEELSON_IMAGE_DIGEST: commitOn('main').digest,
    });
    const { data } = output.find<Manifest & { data: Record<string, string> }>('ConfigMap', 'release-github');
    expect(JSON.parse(data['github-release.json'] ?? '')).toEqual({
      apiVersion: 'agent.keelson.dev/v1alpha1',
      kind: 'GitHubRelease',
      apiUrl: 'https://api.github.com',
      repository: 'team/project',
      tagPrefix: '',
      draft: false,
      prerelease: false,
      tokenFile: '/keelson/token/token',
      assetsDirectory: '/keelson/outputs/assets',
      logFile: '/keelson/outputs/build.log',
    } satisfies GitHubReleaseConfiguration);
  });

  test('the build keeps the assets, and its gate serves them from a volume that it can only read', () => {
    const pod = output.find<{ spec: NonNullable<Job['spec']> }>('Deployment', 'build').spec.template.spec;
    expect(pod?.containers[0]?.env).toContainEqual({ name: 'KEELSON_ASSETS', value: 'bin/*' });
    const gate = pod?.initContainers?.[0];
    expect(gate?.ports).toEqual([{ name: 'outputs', containerPort: 8081, protocol: 'TCP' }]);
    expect(gate?.volumeMounts).toContainEqual({ name: 'build', mountPath: '/build', readOnly: true });
    const { data } = output.find<Manifest & { data: Record<string, string> }>('ConfigMap', 'build-gate');
    expect(JSON.parse(data['gate.json'] ?? '')).toMatchObject({
      outputDirectory: '/build/.keelson/runs',
      outputsPort: 8081,
    });
  });

  test('the controller may run Jobs there, and read no Secret', () => {
    const { rules } = output.find<Role>('Role', 'keelson-controller', 'ci-release');
    expect(rules?.flatMap(({ resources }) => resources)).toEqual(['jobs', 'pods', 'pods/log', 'events']);
  });
});

describe('connections', () => {
  const output = synthesized(
    program({}, (release) => {
      new MakisuBuilder(release, 'stock', { target: registry().image('team/stock', { tag: Tag.version() }) });
      new MakisuBuilder(Chart.of(release), 'image', { target: registry().image('team/image') });
    }),
  );
  const all = [...output.objects, ...templated(output.objects, commitOn('main')).flat()];
  const { allows } = connections(all);
  const pod = (
    of: string,
    namespace: string,
  ): { namespace: string; labels: Readonly<Record<string, string>> } => {
    const found = podsOf(all).find((one) => one.of.startsWith(of) && one.namespace === namespace);
    if (found === undefined) throw new Error(`no ${of} in ${namespace}`);
    return { namespace, labels: found.labels };
  };
  const build = pod('Deployment', 'ci');
  const release = pod('Job', 'ci-release');
  const imageBuilds = podsOf(all).filter(({ labels }) => labels['keelson.dev/stage'] === 'image-build');
  const ofRelease = (one: { labels: Readonly<Record<string, string>> }): boolean =>
    one.labels['keelson.dev/release'] === 'ci-release';
  const imageBuild = (released: boolean): { namespace: string; labels: Readonly<Record<string, string>> } => {
    const found = imageBuilds.find((one) => ofRelease(one) === released);
    if (found === undefined) throw new Error('an image build is missing');
    return { namespace: commitOn('main').namespace, labels: found.labels };
  };
  const [stock, ordinary] = [imageBuild(true), imageBuild(false)];
  const internet = { external: '140.82.121.3' };

  test('a release and its image builds fetch outputs from the gate, and reach the internet', () => {
    for (const from of [release, stock]) {
      expect(allows({ from, to: build, port: 8081 })).toBe(true);
      expect(allows({ from, to: internet, port: 443 })).toBe(true);
      expect(allows({ from, to: { external: '169.254.169.254' }, port: 80 })).toBe(false);
      expect(allows({ from, to: build, port: 80 })).toBe(false);
    }
  });

  test('nobody else fetches them, and nobody reaches the release', () => {
    const stranger = { namespace: 'stranger', labels: release.labels };
    expect(allows({ from: stranger, to: build, port: 8081 })).toBe(false);
    // In a namespace of the same controller and pipeline.
    expect(allows({ from: ordinary, to: build, port: 8081 })).toBe(false);
    expect(allows({ from: build, to: release, port: 8081 })).toBe(false);
    expect(allows({ from: internet, to: build, port: 8081 })).toBe(false);
  });
});

describe('an image of a release', () => {
  const output = synthesized(
    program({}, (release) => {
      new MakisuBuilder(release, 'stock', {
        dockerfile: 'Dockerfile.stock',
        target: registry().image('team/stock', { tag: Tag.version() }),
      });
    }),
  );
  const [stock] = releaseOf(output).images;
  const job: Job = filled(stock?.jobTemplate ?? [], commitOn('main')).find(
    ({ kind }) => kind === 'Job',
  ) as object;

  test('is no image of the pipeline, and may have a tag that nothing watches', () => {
    expect(pipelineConfiguration(output).images).toEqual([]);
    expect(stock).toMatchObject({
      name: 'stock',
      target: { repository: 'team/stock', tag: '((keelson.tag.version))' },
    });
  });

  test('is built from the commit with what the tested build left laid over it', () => {
    const containers = job.spec?.template.spec?.initContainers?.map(({ name, args }) => [name, args]);
    expect(containers).toEqual([
      ['source', ['source', '--directory=/keelson/context']],
      ['outputs', ['outputs', '--directory=/keelson/context', '--assets']],
    ]);
  });

  test('is pushed under the one tag', () => {
    expect(
      job.spec?.template.spec?.containers[0]?.args?.filter((arg) => /push|replica|^-t/.test(arg)),
    ).toEqual(['--push=registry.container-registry.svc.cluster.local:5000', '-t=team/stock:0.1.0']);
  });
});

test('the account that pushes an image of a release lies with the release, also where BuildKit reads it with others', () => {
  const docker = (name: string): SecretSource => SecretSource.existing(name, '.dockerconfigjson');
  const output = synthesized(
    program({}, (release) => {
      new BuildKitBuilder(release, 'stock', {
        buildkit: BuildKitDaemon.existing({ namespace: 'buildkit' }),
        target: HostedRegistry.quay({ pushCredential: docker('push') }).image('team/stock'),
        pullCredentials: [docker('pull')],
      });
    }),
  );
  const push = { secretName: 'push', key: '.dockerconfigjson', namespace: 'ci-release' };
  expect(releaseOf(output).images).toMatchObject([
    {
      target: { credential: push },
      copySecrets: [],
      registryAccounts: [{ from: [{ secretName: 'pull', key: '.dockerconfigjson' }, push] }],
    },
  ]);
  const readable = (namespace: string): unknown =>
    output
      .find<Role>('Role', 'keelson-controller', namespace)
      .rules?.find(({ resources, verbs }) => resources?.[0] === 'secrets' && verbs.join() === 'get')
      ?.resourceNames;
  expect([readable('ci'), readable('ci-release')]).toEqual([['pull'], ['push']]);
});

test('a release after an image fetches nothing from a build', () => {
  const output = synthesized((app) => {
    const ci = pipeline(app);
    const built = new MakisuBuilder(ci, 'image', { target: registry().image('team/x') });
    new Release(ci, 'release', { after: built, github: { repository: 'team/project', token: token() } });
  });
  expect(releaseOf(output)).toMatchObject({ after: { image: 'image' }, statusConfigMap: 'release-status' });
  expect(jobOf(output).spec?.template.spec?.initContainers).toEqual([]);
});

describe('what became of a release', () => {
  const afterImage = synthesized((app) => {
    const ci = pipeline(app);
    const built = new MakisuBuilder(ci, 'image', { target: registry().image('team/x') });
    new Release(ci, 'release', { after: built });
  });
  const written = ({ find }: Synthesized): unknown =>
    find<Role>('Role', 'keelson-controller', 'ci').rules?.find(({ verbs }) => verbs.join() === 'get,patch')
      ?.resourceNames;

  test('after an image has an empty object of its own, which the controller may write by its name', () => {
    const status = afterImage.find<Manifest>('ConfigMap', 'release-status', 'ci');
    expect(status).not.toHaveProperty('data');
    expect(written(afterImage)).toEqual(['keelson-ledger', 'release-status']);
  });

  test("after a build stands in the build's status", () => {
    const output = synthesized(program());
    expect(releaseOf(output)).not.toHaveProperty('statusConfigMap');
    expect(written(output)).toEqual(['keelson-ledger', 'build-status']);
  });
});

test('options of a GitHub release reach the program', () => {
  const output = synthesized(
    program({
      branches: ['main'],
      namespace: 'elsewhere',
      github: {
        repository: 'team/project',
        token: token(),
        tagPrefix: 'v',
        draft: true,
        prerelease: true,
        log: false,
        apiUrl: 'https://github.example.com/api/v3',
      },
    }),
  );
  const { data } = output.find<Manifest & { data: Record<string, string> }>(
    'ConfigMap',
    'release-github',
    'elsewhere',
  );
  const configuration = JSON.parse(data['github-release.json'] ?? '');
  expect(configuration).toMatchObject({
    tagPrefix: 'v',
    draft: true,
    prerelease: true,
    apiUrl: 'https://github.example.com/api/v3',
  });
  expect(configuration).not.toHaveProperty('logFile');
  expect(releaseOf(output).branches).toEqual(['main']);
});

test('two releases of a pipeline have a namespace each', () => {
  const output = synthesized((app) => {
    const ci = pipeline(app);
    const build = new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'] });
    for (const id of ['stable', 'nightly']) {
      new Release(ci, id, { after: build, github: { repository: 'a/b', token: token() } });
    }
  });
  expect(output.names('Namespace')).toEqual(expect.arrayContaining(['ci-stable', 'ci-nightly']));
  expect(pipelineConfiguration(output).releases.map(({ namespace }) => namespace)).toEqual([
    'ci-stable',
    'ci-nightly',
  ]);
});

describe('what is refused', () => {
  test.each<[string, Partial<ReleaseProps>, string]>([
    ['the namespace of the build', { namespace: 'ci' }, 'ci/release: namespace: is where the build runs'],
    [
      'a branch that is not watched',
      { branches: ['other'] },
      'branches: is not watched by the pipeline (got "other")',
    ],
    ['no branch at all', { branches: [] }, 'branches: names none, so that nothing would be released'],
    [
      'a token that nobody could make',
      { github: { repository: 'a/b', token: SecretSource.generated() } },
      'ci/release/github-release: github.token: is made by nobody',
    ],
    ['an absolute pattern', { assets: ['/etc/*'] }, "assets[0]: leaves the build's working directory"],
    ['a pattern that climbs', { assets: ['a/../../b'] }, "assets[0]: leaves the build's working directory"],
    ['an empty pattern', { assets: [''] }, 'assets[0]: is not a pattern'],
    ['two patterns in one', { assets: ['a\nb'] }, 'assets[0]: is not a pattern'],
    [
      'a URL for a repository',
      { github: { repository: 'https://github.com/a/b', token: token() } },
      'github.repository: is not a repository of GitHub',
    ],
    [
      'an API that is not https',
      { github: { repository: 'a/b', token: token(), apiUrl: 'http://x' } },
      'github.apiUrl: is not the https URL of an API',
    ],
    [
      'a prefix that is no tag',
      { github: { repository: 'a/b', token: token(), tagPrefix: '-x y' } },
      'github.tagPrefix: is not the beginning of a tag',
    ],
  ])('%s', (_name, props, problem) => {
    expect(problemsOf(program(props)).join('\n')).toContain(problem);
  });

  test('a build of another pipeline', () => {
    const problems = problemsOf((app) => {
      const other = new Pipeline(app, 'other', { platform: existingPlatform(), source: source() });
      const build = new KeelWatchedBuild(other, 'build', { image: image(), command: ['x'] });
      new Release(pipeline(app), 'release', { after: build });
    });
    expect(problems).toContain(
      'ci/release: after: is of another pipeline, whose controller would not know of the release (got "other/build"); make the release in the pipeline other',
    );
  });

  test('an image that starts the build again', () => {
    const problems = problemsOf((app) => {
      const ci = pipeline(app);
      const target = registry().image('team/build', { tag: Tag.branch() });
      const built = new MakisuBuilder(ci, 'image', { target });
      const build = new KeelWatchedBuild(ci, 'build', { image: built, command: ['x'] });
      const release = new Release(ci, 'release', { after: build });
      new MakisuBuilder(release, 'again', { target });
    }).join('\n');
    expect(problems).toContain(
      'ci/release/again: target: is the image whose build is released, so that each release would start the next',
    );
    expect(problems).toContain(
      "ci/release/again: target: is pushed by ci/image too, and each would overwrite the other's",
    );
  });

  test('two images of one name', () => {
    const problems = problemsOf((app) => {
      const ci = pipeline(app);
      const target = registry().image('team/app', { tag: Tag.version() });
      const build = new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'] });
      const release = new Release(ci, 'release', { after: build });
      new MakisuBuilder(release, 'one', { target });
      new MakisuBuilder(release, 'two', { target });
    });
    expect(problems).toEqual([
      expect.stringContaining('ci/release/two: target: is pushed by ci/release/one too'),
    ]);
  });

  test('assets of a build without a volume', () => {
    const problems = problemsOf((app) => {
      const ci = pipeline(app);
      const build = new KeelWatchedBuild(ci, 'build', {
        image: ImageName.parse('quay.io/a/b:c'),
        command: ['x'],
        volume: false,
      });
      new Release(ci, 'release', { after: build, assets: ['bin/*'] });
    });
    expect(problems.join('\n')).toContain(
      'ci/build: assets: have no volume on which the build could leave them',
    );
  });
});
