import { KeelWatchedBuild, type KeelWatchedBuildProps, MinioService, SecretSource } from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { keelAnnotations } from '../support/keel.ts';
import {
  build,
  existingKeel,
  foreignChart,
  image,
  pipeline,
  pipelineConfiguration,
} from '../support/programs.ts';
import { type Synthesized, synthesized } from '../support/synthesized.ts';

const withProps = (props: Partial<KeelWatchedBuildProps> = {}): Synthesized =>
  synthesized((app) => build(app, props));
const pod = (output: Synthesized): PodSpec =>
  output.find<Deployment>('Deployment', 'build').spec?.template.spec ?? { containers: [] };
const container = (output: Synthesized): Container => pod(output).containers[0] ?? { name: 'none' };
const env = (output: Synthesized): Map<string, unknown> =>
  new Map(container(output).env?.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]));

describe('by default', () => {
  const output = withProps();

  test('it has a Deployment, what its gate needs, a volume, and rights by name', () => {
    const own = output.objects.filter(({ metadata }) => metadata.name.startsWith('build'));
    expect(own.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).toEqual([
      'NetworkPolicy ci/build',
      'ServiceAccount ci/build',
      'Role ci/build-gate',
      'Role ci/build-keel',
      'RoleBinding ci/build-gate',
      'RoleBinding ci/build-keel',
      'ConfigMap ci/build-gate',
      'ConfigMap ci/build-status',
      'ConfigMap ci/build-wrapper',
      'Lease ci/build',
      'PersistentVolumeClaim ci/build',
      'Deployment ci/build',
    ]);
  });

  test('the Deployment leaves to the agent what changes at run time', () => {
    const deployment = output.find<Deployment>('Deployment', 'build');
    expect(deployment.spec).not.toHaveProperty('replicas');
    expect(keelAnnotations(output.find('Deployment', 'build'))).toEqual({});
    expect(deployment.spec).toMatchObject({
      strategy: { type: 'Recreate' },
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: 86_400,
    });
  });

  test('the gate is a sidecar that starts before the build, and alone has a token', () => {
    const [gate, ...others] = pod(output).initContainers ?? [];
    expect(others).toEqual([]);
    expect(gate).toMatchObject({
      name: 'gate',
      restartPolicy: 'Always',
      args: ['gate', '--config=/keelson/config/gate.json'],
    });
    expect(gate?.volumeMounts?.map(({ name }) => name)).toContain('api-token');
    expect(container(output).volumeMounts?.map(({ name }) => name)).not.toContain('api-token');
  });

  test('the command runs in the wrapper, for two hours at most, and the container is kept', () => {
    expect(container(output)).toMatchObject({
      image: 'quay.io/team/build:main',
      imagePullPolicy: 'Always',
      command: ['/bin/sh', '/keelson/bin/wrapper.sh'],
      args: ['./build.sh'],
    });
    expect(Object.fromEntries(env(output))).toMatchObject({
      KEELSON_TIMEOUT_SECONDS: '7200',
      KEELSON_KEEP_SECONDS: '0',
      KEELSON_RUN_DIRECTORY: '/keelson/run',
      KEELSON_OUTPUT_DIRECTORY: '/build/.keelson/runs/$(KEELSON_RUN_ID)',
    });
    expect(output.find('ConfigMap', 'build-wrapper')).toHaveProperty('data');
  });

  test('it runs at the strictest level, and its namespace enforces that', () => {
    expect(container(output).securityContext).toMatchObject({
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(output.find('Namespace', 'ci').metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
  });

  test('the controller is told of it', () => {
    expect(pipelineConfiguration(output).builds).toMatchObject([
      {
        deployment: 'build',
        lease: 'build',
        statusConfigMap: 'build-status',
        image: 'quay.io/team/build:main',
        services: [],
      },
    ]);
  });

  test('what the agent writes is in the manifests, empty, so that it need not create it', () => {
    expect(output.find('ConfigMap', 'build-status')).not.toHaveProperty('data');
    expect(output.find('Lease', 'build')).not.toHaveProperty('spec');
  });
});

describe('in a chart that is no pipeline', () => {
  test('it stands alone, without a platform', () => {
    const { objects } = synthesized((app) => {
      const keel = existingKeel();
      new KeelWatchedBuild(foreignChart(app, 'tests'), 'build', { image: image(), command: ['x'], keel });
    });
    expect(objects.length).toBeGreaterThanOrEqual(10);
    expect(new Set(objects.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['tests']));
  });

  test('it may be told its namespace, and all that it makes is there, Secrets too', () => {
    const { objects } = synthesized((app) => {
      const chart = foreignChart(app);
      const services = [new MinioService(chart, 'minio', { namespace: 'tests' })];
      const env = {
        KEY: SecretSource.generated(),
        PLAIN: SecretSource.literal('x', { allowPlaintext: 'test' }),
      };
      new KeelWatchedBuild(chart, 'build', {
        image: image(),
        command: ['x'],
        namespace: 'tests',
        services,
        env,
        keel: existingKeel(),
      });
    });
    expect(
      objects
        .filter(({ metadata }) => metadata.namespace !== 'tests')
        .map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    ).toEqual([]);
  });
});

test('two builds of a pipeline may each have generated secrets', () => {
  const { names } = synthesized((app) => {
    const ci = pipeline(app);
    for (const id of ['one', 'two']) {
      const [env, secretFiles] = [
        { KEY: SecretSource.generated() },
        { '/keys/key': SecretSource.generated() },
      ];
      new KeelWatchedBuild(ci, id, { image: image(id), command: ['x'], env, secretFiles });
    }
  });
  expect(names('Secret')).toHaveLength(4);
});

test('two variables whose names differ in case only may each have a generated secret', () => {
  const { names } = withProps({ env: { key: SecretSource.generated(), KEY: SecretSource.generated() } });
  expect(names('Secret')).toHaveLength(2);
});
