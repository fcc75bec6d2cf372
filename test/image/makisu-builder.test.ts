import { Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import {
  GitCredential,
  GitSource,
  ImageName,
  MakisuBuilder,
  type MakisuBuilderProps,
  Pipeline,
  SecretSource,
  Tag,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { imageBuildOf as made } from '../support/image-build.ts';
import {
  existingPlatform,
  foreignChart,
  imageBuild,
  pipeline,
  pipelineConfiguration,
  registry,
  source,
} from '../support/programs.ts';
import { type Build, problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const withProps = (props: Partial<MakisuBuilderProps>): Synthesized =>
  synthesized((app) => imageBuild(app, props));

describe('options', () => {
  test('of the build reach Makisu', () => {
    const { args } = made(
      withProps({
        dockerfile: 'docker/Dockerfile',
        context: 'src/app',
        targetStage: 'test',
        buildArgs: { A: '1', B: 'two words' },
        cache: { address: 'redis:6379', destination: { peers: [], ports: [6379] } },
        target: registry().image('team/x', { tag: Tag.named('latest') }),
      }),
    );
    expect(args).toContain('-f=/keelson/context/docker/Dockerfile');
    expect(args).toContain('--target=test');
    expect(args).toContain('--redis-cache-addr=redis:6379');
    expect(args).toContain('-t=team/x:latest');
    expect(args.slice(-3)).toEqual([
      '--build-arg=A=1',
      '--build-arg=B=two words',
      '/keelson/context/src/app',
    ]);
  });

  test('of the Job reach the Job', () => {
    const { job } = made(
      withProps({
        timeout: Duration.minutes(10),
        image: ImageName.parse('quay.io/team/makisu:1'),
        resources: { cpu: { limit: Cpu.units(4) }, memory: { limit: Size.gibibytes(8) } },
      }),
    );
    expect(job.spec?.activeDeadlineSeconds).toBe(600);
    expect(job.spec?.template.spec?.containers[0]).toMatchObject({
      image: 'quay.io/team/makisu:1',
      resources: { limits: { cpu: '4', memory: '8Gi' } },
    });
  });

  test('of the controller reach the controller', () => {
    const { images } = pipelineConfiguration(withProps({ concurrency: 'supersede', maxAttempts: 3 }));
    expect(images).toMatchObject([{ concurrency: 'supersede', maxAttempts: 3 }]);
  });

  test("an account for the registry takes the place of Makisu's own configuration, and is copied by key", () => {
    const output = withProps({ registryConfig: SecretSource.existing('account', 'config.yaml') });
    const { objects, job } = made(output);
    expect(objects.filter(({ kind }) => kind === 'ConfigMap')).toEqual([]);
    expect(job.spec?.template.spec?.volumes).toContainEqual({
      name: 'registry-config',
      secret: {
        secretName: 'account',
        items: [{ key: 'config.yaml', path: 'registry.yaml' }],
        defaultMode: 0o400,
      },
    });
    expect(pipelineConfiguration(output).images[0]?.copySecrets).toEqual([
      { secretName: 'account', key: 'config.yaml' },
    ]);
  });

  test("a private repository's credential is mounted where the source is fetched, and nowhere else", () => {
    const credential = GitCredential.token(SecretSource.existing('git', 'token'));
    const repository = GitSource.remote('https://git.example.com/a/b.git', { branch: 'main', credential });
    const output = synthesized((app) => {
      const ci = new Pipeline(app, 'ci', { platform: existingPlatform(), source: repository });
      new MakisuBuilder(ci, 'image', { target: registry().image('a', { tag: Tag.branch() }) });
    });
    const pod = made(output).job.spec?.template.spec;
    const mounts = (
      containers: typeof pod extends undefined ? never : { volumeMounts?: { name: string }[] }[] = [],
    ): string[] => containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name));
    expect(mounts(pod?.initContainers)).toContain('credential');
    expect(mounts(pod?.containers)).not.toContain('credential');
    expect(pipelineConfiguration(output).images[0]?.copySecrets).toEqual([
      { secretName: 'git', key: 'token' },
    ]);
  });
});

describe('in a chart that is no pipeline', () => {
  const standalone: Build = (app) => {
    const target = registry().image('team/build', { tag: Tag.branch() });
    new MakisuBuilder(foreignChart(app, 'tests'), 'image', {
      platform: existingPlatform(),
      source: source(),
      target,
    });
  };

  test('it makes what the controller needs to find it', () => {
    const { objects } = synthesized(standalone);
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).toEqual([
      'Role tests/keelson-controller',
      'RoleBinding tests/keelson-controller',
      'ConfigMap tests/keelson-ledger',
      'ConfigMap tests/keelson-pipeline',
    ]);
  });

  test.each(['platform', 'source'] as const)('it says that its %s is missing', (property) => {
    const [problem, ...others] = problemsOf((app) => {
      const target = registry().image('a', { tag: Tag.branch() });
      const given = { platform: existingPlatform(), source: source(), target };
      const { [property]: _left, ...rest } = given;
      new MakisuBuilder(foreignChart(app, 'tests'), 'image', rest as MakisuBuilderProps);
    });
    expect(others).toEqual([]);
    expect(problem).toBe(
      `foreign/image: ${property}: is missing (got nothing); give it, or put the builder into a Pipeline that has it`,
    );
  });
});

test('two builders of a pipeline are two images, and share what the controller knows', () => {
  const output = synthesized((app) => {
    const ci = pipeline(app);
    for (const id of ['one', 'two'])
      new MakisuBuilder(ci, id, { target: registry().image(id, { tag: Tag.branch() }) });
  });
  expect(pipelineConfiguration(output).images.map(({ name }) => name)).toEqual(['one', 'two']);
});
