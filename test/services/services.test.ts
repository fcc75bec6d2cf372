import { Size } from 'cdk8s';
import {
  BuildJob,
  ImageName,
  MinioRabbitTestStack,
  MinioService,
  RabbitService,
  SecretSource,
  type TestService,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { Container } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { foreignChart, pipeline, pipelineConfiguration } from '../support/programs.ts';
import { type Synthesized, synthesized } from '../support/synthesized.ts';

const container = (output: Synthesized, name: string): Container =>
  output.find<Deployment>('Deployment', name).spec?.template.spec?.containers[0] ?? { name: 'none' };

function alone<T extends TestService>(
  make: (chart: ReturnType<typeof foreignChart>) => T,
): { output: Synthesized; service: T } {
  const services: T[] = [];
  const output = synthesized((app) => services.push(make(foreignChart(app, 'tests'))));
  return { output, service: services[0] as T };
}

const CREDENTIALS = {
  user: SecretSource.existing('account', 'user'),
  password: SecretSource.existing('account', 'pass'),
};

describe.each<[string, string, string, number, (chart: ReturnType<typeof foreignChart>) => TestService]>([
  ['MinIO', 'minio', 'minio-service', 9000, (chart) => new MinioService(chart, 'minio')],
  ['RabbitMQ', 'rabbitmq', 'rabbitmq-service', 5672, (chart) => new RabbitService(chart, 'rabbitmq')],
])('%s', (_title, name, serviceName, port, make) => {
  const { output, service } = alone(make);

  test('stands alone in a chart that is no pipeline, with everything that it needs', () => {
    const kinds = [
      'NetworkPolicy',
      'ServiceAccount',
      'Secret',
      'PersistentVolumeClaim',
      'Service',
      'Deployment',
    ];
    expect(output.objects.map(({ kind }) => kind)).toEqual(expect.arrayContaining(kinds));
    expect(new Set(output.objects.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['tests']));
  });

  test('runs all the time where no build uses it, and where one does, when its gate says so', () => {
    expect(output.find<Deployment>('Deployment', name).spec?.replicas).toBe(1);
    const used = synthesized((app) => {
      const chart = foreignChart(app, 'tests');
      const services = [make(chart)];
      new BuildJob(chart, 'build', { image: ImageName.parse('quay.io/a/b:c'), command: ['x'], services });
    });
    expect(used.find<Deployment>('Deployment', name).spec).not.toHaveProperty('replicas');
  });

  test('says how it is started and known to answer', () => {
    expect(service.configuration).toMatchObject({ name, deployment: name });
    expect(JSON.stringify(service.configuration.readiness)).toContain(
      `"host":"${serviceName}","port":${port}`,
    );
  });

  test('is found by its Service, inside of the cluster only', () => {
    expect(at(output.find('Service', serviceName), 'spec.type')).toBe('ClusterIP');
    expect(at(output.find('Service', serviceName), 'spec.ports.0')).toMatchObject({ port, targetPort: port });
  });

  test('has its credentials made in the cluster, and none in the manifests', () => {
    const secret = output.find('Secret', `${name}-credentials`);
    expect(secret.metadata.annotations?.['keelson.dev/generate']).toContain('"password":{"length":32}');
    expect([secret['data'], secret['stringData']]).toEqual([undefined, undefined]);
  });

  test('takes no more than restricted admits, with a root file system that is read only', () => {
    expect(container(output, name).securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
    });
  });

  test('tells a build where it is and as whom', () => {
    const names = service.environment.map((variable) => variable.name);
    expect(new Set(names).size).toBe(names.length);
    expect(JSON.stringify(service.environment)).toContain(`${serviceName}:${port}`);
    expect(service.destination.ports).toContain(port);
  });
});

test('a build finds MinIO by the names that it had and has', () => {
  const { service } = alone((chart) => new MinioService(chart, 'minio'));
  expect(
    Object.fromEntries(
      service.environment.map(({ name, value, valueFrom }) => [name, value ?? valueFrom?.secretKeyRef?.key]),
    ),
  ).toEqual({
    MINIO_ROOT_USER: 'user',
    MINIO_ROOT_PASSWORD: 'password',
    MINIO_ACCESS_KEY: 'user',
    MINIO_SECRET_KEY: 'password',
    MINIO_TEST_SERVER: 'minio-service:9000',
  });
});

test('a build finds RabbitMQ by a URL that is put together in its pod', () => {
  const { service } = alone((chart) => new RabbitService(chart, 'rabbitmq'));
  const [user, password, url] = service.environment;
  expect([user?.name, password?.name]).toEqual(['RABBITMQ_DEFAULT_USER', 'RABBITMQ_DEFAULT_PASS']);
  expect(url).toEqual({
    name: 'AMQP_URL',
    value:
      'amqp://$(RABBITMQ_DEFAULT_USER):$(RABBITMQ_DEFAULT_PASS)@rabbitmq-service:5672/%2f?connection_attempts=2&retry_delay=.5&socket_timeout=5',
  });
});

test('MinIO is asked by the one endpoint that knows whether its data can be read', () => {
  const { output } = alone((chart) => new MinioService(chart, 'minio'));
  expect(container(output, 'minio').readinessProbe?.httpGet?.path).toBe('/minio/health/cluster');
});

test('RabbitMQ keeps its node name, so that the next pod finds its data, and has its management plugin', () => {
  const { output } = alone((chart) => new RabbitService(chart, 'rabbitmq'));
  expect(container(output, 'rabbitmq').env).toContainEqual({
    name: 'RABBITMQ_NODENAME',
    value: 'rabbit@localhost',
  });
  expect(output.find('ConfigMap', 'rabbitmq-plugins')['data']).toEqual({
    enabled_plugins: '[rabbitmq_management].\n',
  });
});

describe('options', () => {
  const common = {
    serviceName: 'store',
    image: ImageName.parse('quay.io/team/it:1'),
    storage: Size.gibibytes(2),
    storageClassName: 'fast',
    credentials: CREDENTIALS,
    resources: { memory: { limit: Size.gibibytes(3) } },
  };

  test.each<[string, (chart: ReturnType<typeof foreignChart>) => TestService]>([
    ['minio', (chart) => new MinioService(chart, 'm', common)],
    ['rabbitmq', (chart) => new RabbitService(chart, 'r', common)],
  ])('each of %s changes what it says', (name, make) => {
    const { output, service } = alone(make);
    expect(output.names('Service')).toEqual(['tests/store']);
    expect(output.names('Secret')).toEqual([]);
    expect(at(output.find('PersistentVolumeClaim', `${name}-data`), 'spec')).toMatchObject({
      storageClassName: 'fast',
      resources: { requests: { storage: '2Gi' } },
    });
    expect(container(output, name)).toMatchObject({
      image: 'quay.io/team/it:1',
      resources: { limits: { memory: '3Gi' } },
    });
    expect(JSON.stringify(service.environment)).toContain('"secretKeyRef":{"name":"account","key":"user"}');
    expect(JSON.stringify(service.environment)).toContain('store:');
  });
});

describe('who may connect', () => {
  const from = (output: Synthesized): unknown => at(output.find('NetworkPolicy', 'minio'), 'spec.ingress.0');
  const build = { podSelector: { matchLabels: { 'keelson.dev/stage': 'build' } } };

  test('are builds of the namespace alone', () => {
    const { output } = alone((chart) => new MinioService(chart, 'minio'));
    expect(from(output)).toEqual({ from: [build], ports: [{ protocol: 'TCP', port: 9000 }] });
  });

  test('are other pods too, where they are named', () => {
    const clients = [
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'dev' } } },
      { ipBlock: { cidr: '192.168.1.0/24' } },
    ];
    const { output } = alone((chart) => new MinioService(chart, 'minio', { clients }));
    expect(from(output)).toEqual({ from: [build, ...clients], ports: [{ protocol: 'TCP', port: 9000 }] });
  });
});

test('services without a build: the controller makes their credentials and may do nothing else with them', () => {
  const output = synthesized((app) => {
    new MinioRabbitTestStack(pipeline(app), 'services');
  });
  expect(pipelineConfiguration(output)).toMatchObject({
    builds: [],
    jobs: [],
    generatedSecrets: ['minio-credentials', 'rabbitmq-credentials'],
  });
  const { rules } = output.find<{ rules: { resources: string[] }[] }>('Role', 'keelson-controller');
  expect(rules.flatMap(({ resources }) => resources)).toEqual([
    'configmaps',
    'configmaps',
    'events',
    'secrets',
  ]);
});

describe('both together', () => {
  test('are services in one namespace, in the order MinIO, RabbitMQ', () => {
    const output = synthesized((app) => {
      const stack = new MinioRabbitTestStack(pipeline(app), 'services', {
        minio: { storage: Size.gibibytes(1) },
      });
      expect([...stack].map(({ configuration }) => configuration.name)).toEqual(['minio', 'rabbitmq']);
    });
    expect(
      at(output.find('PersistentVolumeClaim', 'minio-data', 'ci'), 'spec.resources.requests.storage'),
    ).toBe('1Gi');
    expect(pipelineConfiguration(output).generatedSecrets).toEqual([
      'minio-credentials',
      'rabbitmq-credentials',
    ]);
  });

  test('may be in a namespace that is given to them, with their Secrets', () => {
    const { objects } = synthesized(
      (app) => new MinioRabbitTestStack(foreignChart(app), 'services', { namespace: 'tests' }),
    );
    expect(new Set(objects.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['tests']));
  });
});

describe('credentials that a controller would make', () => {
  const warnings = (make: Parameters<typeof synthesized>[0]): string =>
    synthesized(make)
      .result.warnings.filter((warning) => warning.includes('credentials'))
      .join();

  test('are warned of in a chart that no controller knows', () => {
    expect(warnings((app) => new MinioService(foreignChart(app, 'tests'), 'minio'))).toMatch(
      /^foreign\/minio: credentials: .*minio-credentials.*; give credentials/,
    );
  });

  test('are not warned of where they are given, or in a pipeline', () => {
    expect(
      warnings((app) => new MinioService(foreignChart(app, 'tests'), 'minio', { credentials: CREDENTIALS })),
    ).toBe('');
    expect(warnings((app) => new MinioService(pipeline(app), 'minio'))).toBe('');
  });
});
