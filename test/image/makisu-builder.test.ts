import { Chart, Duration, Size } from 'cdk8s';
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
import type { Job } from 'kubernetes-types/batch/v1.js';
import type { ConfigMap } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { COMMIT, commitOn, expanded, filled, hostileBranches } from '../support/commits.ts';
import {
  existingPlatform,
  foreignChart,
  imageBuild,
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

const PUSH = 'registry.container-registry.svc.cluster.local:5000';

function made(output: Synthesized, branch = 'main'): { objects: Manifest[]; job: Job; args: string[] } {
  const [configuration] = pipelineConfiguration(output).images;
  const objects = filled(configuration?.jobTemplate ?? [], commitOn(branch));
  const job: Job = objects.find(({ kind }) => kind === 'Job') as object;
  return { objects, job, args: job.spec?.template.spec?.containers[0]?.args ?? [] };
}

const withProps = (props: Partial<MakisuBuilderProps>): Synthesized =>
  synthesized((app) => imageBuild(app, props));

describe('by default', () => {
  const output = synthesized((app) => imageBuild(app));
  const { objects, job, args } = made(output);

  test('a commit gets a fenced namespace of its own with one Job', () => {
    const { namespace } = commitOn('main');
    expect(
      objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`),
    ).toEqual([
      `Namespace /${namespace}`,
      `ResourceQuota ${namespace}/quota`,
      `LimitRange ${namespace}/defaults`,
      `NetworkPolicy ${namespace}/default-deny`,
      `ServiceAccount ${namespace}/imagebuilder`,
      `NetworkPolicy ${namespace}/imagebuilder`,
      `Service ${namespace}/microk8s-registry`,
      `ConfigMap ${namespace}/registry-config`,
      `Job ${namespace}/imagebuilder`,
    ]);
  });

  test('the namespace says whose it is, for which commit, and why it is below the strictest level', () => {
    expect(objects[0]?.metadata).toMatchObject({
      labels: {
        'keelson.dev/owner': 'shared',
        'keelson.dev/pipeline': 'ci',
        'keelson.dev/commit': COMMIT,
        'pod-security.kubernetes.io/enforce': 'baseline',
      },
      annotations: {
        'keelson.dev/pod-security-reason': 'Makisu runs RUN steps as root in its own container',
      },
    });
  });

  test('the image is pushed under its tag and under that of the commit, inside the cluster', () => {
    expect(args).toEqual([
      'build',
      `--push=${PUSH}`,
      `--replica=${PUSH}/team/build:main-${COMMIT}`,
      '-t=team/build:main',
      '-f=Dockerfile',
      '--modifyfs=true',
      '--registry-config=/registry-config/registry.yaml',
      '/makisu-context',
    ]);
  });

  test('the Job ends after an hour, is tried once, and is cleaned up', () => {
    expect(job.spec).toMatchObject({
      activeDeadlineSeconds: 3600,
      backoffLimit: 0,
      ttlSecondsAfterFinished: 604_800,
    });
    expect(job.spec?.template.spec?.restartPolicy).toBe('Never');
    expect(pipelineConfiguration(output).images).toMatchObject([
      { name: 'image', concurrency: 'queue', maxAttempts: 1, copySecrets: [] },
    ]);
  });

  test('Makisu knows which registries speak plain http', () => {
    const { data } = objects.find(({ kind }) => kind === 'ConfigMap') as ConfigMap;
    const config = JSON.parse(data?.['registry.yaml'] ?? '');
    expect(Object.keys(config)).toEqual([PUSH, '172.31.39.52:32000', 'microk8s-registry:5000']);
    expect(config[PUSH]).toEqual({ '.*': { security: { tls: { client: { disabled: true } } } } });
  });

  test('an image of a Deployment is named by the address of the node', () => {
    const build: { image?: ImageName } = {};
    synthesized((app) => {
      build.image = imageBuild(app).image;
    });
    expect(build.image?.toString()).toBe('172.31.39.52:32000/team/build:main');
  });
});

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
    expect(args).toContain('-f=docker/Dockerfile');
    expect(args).toContain('--target=test');
    expect(args).toContain('--redis-cache-addr=redis:6379');
    expect(args).toContain('-t=team/x:latest');
    expect(args.slice(-3)).toEqual(['--build-arg=A=1', '--build-arg=B=two words', '/makisu-context/src/app']);
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

describe('a commit', () => {
  test.each(hostileBranches)(
    'on the branch %j arrives as variables of the container that fetches it',
    (branch) => {
      const { job } = made(
        synthesized((app) => imageBuild(app)),
        branch,
      );
      const [container] = job.spec?.template.spec?.initContainers ?? [];
      const env = new Map(
        container?.env?.map(({ name, value }) => [
          name,
          expanded(value ?? '', { KEELSON_GIT_URL: 'LEAKED', HOME: 'LEAKED' }),
        ]),
      );
      expect(env.get('KEELSON_GIT_BRANCH')).toBe(branch);
      expect(env.get('KEELSON_GIT_COMMIT')).toBe(COMMIT);
      expect(container?.args).toEqual(['source', '--directory=/makisu-context']);
      expect(job.metadata?.annotations?.['keelson.dev/branch']).toBe(branch);
    },
  );
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

test('every label of a commit namespace is one that Kubernetes takes, whatever the chart is called', () => {
  const output = synthesized((app) => {
    const target = registry().image('a', { tag: Tag.branch() });
    const chart = new Chart(app, 'My Chart!', { namespace: 'tests' });
    new MakisuBuilder(chart, 'image', { platform: existingPlatform(), source: source(), target });
  });
  for (const value of Object.values(made(output).objects[0]?.metadata.labels ?? {})) {
    expect(value).toMatch(/^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/);
  }
});

test("a commit's namespace carries the same label of its pipeline as the pipeline itself", () => {
  const output = synthesized((app) => {
    const ci = new Pipeline(app, 'release-deadbeef', { platform: existingPlatform(), source: source() });
    new MakisuBuilder(ci, 'image', { target: registry().image('a', { tag: Tag.branch() }) });
  });
  const label = (object: Manifest | undefined): string | undefined =>
    object?.metadata.labels?.['keelson.dev/pipeline'];
  expect(label(made(output).objects[0])).toBe(label(output.find('ConfigMap', 'keelson-pipeline')));
});
