import type { GateConfiguration } from 'keelson';
import { KeelWatchedBuild, MinioRabbitTestStack, RUN_DIRECTORY, SecretSource } from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { PolicyRule } from 'kubernetes-types/rbac/v1.js';
import { describe, expect, test } from 'vitest';
import { build, image, pipeline } from '../support/programs.ts';
import { type Manifest, type Synthesized, synthesized } from '../support/synthesized.ts';

const withServices = (): Synthesized =>
  synthesized((app) => {
    const ci = pipeline(app);
    new KeelWatchedBuild(ci, 'build', {
      image: image(),
      command: ['x'],
      services: new MinioRabbitTestStack(ci, 'services'),
    });
  });

const configuration = ({ find }: Synthesized): GateConfiguration =>
  JSON.parse(
    find<Manifest & { data: Record<string, string> }>('ConfigMap', 'build-gate').data['gate.json'] ?? '',
  );

describe('the gate', () => {
  test('is told the names of what it acts on, and how services answer', () => {
    expect(configuration(withServices())).toEqual({
      apiVersion: 'agent.keelson.dev/v1alpha1',
      kind: 'Gate',
      deployment: 'build',
      container: 'build',
      lease: 'build',
      statusConfigMap: 'build-status',
      historyLimit: 20,
      services: [
        {
          name: 'minio',
          deployment: 'minio',
          readiness: { http: { host: 'minio-service', port: 9000, path: '/minio/health/cluster' } },
        },
        {
          name: 'rabbitmq',
          deployment: 'rabbitmq',
          readiness: { amqp: { host: 'rabbitmq-service', port: 5672 } },
        },
      ],
      servicesTimeoutSeconds: 300,
      timeoutSeconds: 7200,
      runDirectory: '/keelson/run',
      outputDirectory: '/build/.keelson/runs',
    });
  });

  test('is told of no output where there is no volume', () => {
    expect(configuration(synthesized((app) => build(app, { volume: false })))).not.toHaveProperty(
      'outputDirectory',
    );
  });

  test('may act on these by name, and scale the services', () => {
    const { rules } = withServices().find<{ rules: PolicyRule[] }>('Role', 'build-gate');
    const text = rules.map(
      ({ resources, resourceNames = ['*'], verbs }) => `${resources}[${resourceNames}]: ${verbs}`,
    );
    expect(text).toEqual([
      'deployments[build]: get,patch',
      'deployments[minio,rabbitmq]: get',
      'deployments/scale[minio,rabbitmq]: get,patch',
      'leases[build]: create,get,update,patch',
      'configmaps[build-status]: get,patch',
      'pods[*]: get,list',
      'events[*]: create,patch',
    ]);
  });

  test('without services it may scale nothing', () => {
    const { rules } = synthesized((app) => build(app)).find<{ rules: PolicyRule[] }>('Role', 'build-gate');
    expect(rules.flatMap(({ resources }) => resources)).not.toContain('deployments/scale');
  });

  test('shares one directory with the build, and shows it nothing else', () => {
    const spec = withServices().find<Deployment>('Deployment', 'build').spec?.template.spec;
    const mounts = [spec?.initContainers?.[0], spec?.containers[0]].map(
      (one) => one?.volumeMounts?.map(({ name }) => name) ?? [],
    );
    expect(mounts[0]?.filter((name) => mounts[1]?.includes(name))).toEqual(['run']);
    expect(spec?.containers[0]?.volumeMounts).toContainEqual({ name: 'run', mountPath: RUN_DIRECTORY });
  });
});

describe('secrets as files', () => {
  const secretFiles = {
    '/keys/a': SecretSource.existing('one', 'x'),
    '/keys/b': SecretSource.existing('two', 'y', { optional: true }),
    '/other/place/c': SecretSource.existing('one', 'z'),
  };
  const spec = synthesized((app) => build(app, { secretFiles })).find<Deployment>('Deployment', 'build').spec
    ?.template.spec;

  test('lie in a volume for each directory, of exactly the keys that are named', () => {
    expect(spec?.volumes?.filter(({ name }) => name.startsWith('secret-files'))).toEqual([
      {
        name: 'secret-files-0',
        projected: {
          sources: [
            { secret: { name: 'one', items: [{ key: 'x', path: 'a' }] } },
            { secret: { name: 'two', items: [{ key: 'y', path: 'b' }], optional: true } },
          ],
        },
      },
      {
        name: 'secret-files-1',
        projected: { sources: [{ secret: { name: 'one', items: [{ key: 'z', path: 'c' }] } }] },
      },
    ]);
  });

  test('are mounted into the build alone, and can only be read', () => {
    expect(spec?.containers[0]?.volumeMounts).toEqual(
      expect.arrayContaining([
        { name: 'secret-files-0', mountPath: '/keys', readOnly: true },
        { name: 'secret-files-1', mountPath: '/other/place', readOnly: true },
      ]),
    );
    expect(JSON.stringify(spec?.initContainers)).not.toContain('secret-files');
  });
});
