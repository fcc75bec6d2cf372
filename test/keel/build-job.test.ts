import { Duration } from 'cdk8s';
import {
  BuildJob,
  type BuildJobProps,
  type GateConfiguration,
  GpuBuildNode,
  Gpus,
  ImageName,
  MinioRabbitTestStack,
  PodSecurity,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { Job } from 'kubernetes-types/batch/v1.js';
import type { PolicyRule } from 'kubernetes-types/rbac/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { foreignChart, image, imageBuild, pipeline, pipelineConfiguration } from '../support/programs.ts';
import { type Manifest, pathOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const withProps = (props: Partial<BuildJobProps> = {}): Synthesized =>
  synthesized((app) => {
    new BuildJob(pipeline(app), 'build', { image: image(), command: ['./build.sh'], ...props });
  });
const withServices = (): Synthesized =>
  synthesized((app) => {
    const ci = pipeline(app);
    const services = new MinioRabbitTestStack(ci, 'services');
    new BuildJob(ci, 'build', { image: image(), command: ['x'], services });
  });
const job = ({ objects }: Synthesized): Job & Manifest => {
  const [found, ...more] = objects.filter(({ kind }) => kind === 'Job');
  if (found === undefined || more.length > 0) throw new Error(`${more.length} more Jobs`);
  return found as Job & Manifest;
};
const env = (output: Synthesized): Record<string, unknown> =>
  Object.fromEntries(
    job(output).spec?.template.spec?.containers[0]?.env?.map(({ name, value }) => [name, value]) ?? [],
  );
const rules = ({ find }: Synthesized, name: string): string[] =>
  find<{ rules: PolicyRule[] }>('Role', name).rules.map(
    ({ resources, resourceNames = ['*'], verbs }) => `${resources}[${resourceNames}]: ${verbs}`,
  );

test('a build that runs once has what a watched one has, but for Keel', () => {
  const { objects } = withProps();
  const own = objects.filter(
    ({ metadata }) => metadata.name.startsWith('build') && metadata.namespace === 'ci',
  );
  expect(own.map((object) => `${object.kind} ${pathOf(object)}`)).toEqual([
    'NetworkPolicy ci/build',
    'ServiceAccount ci/build',
    'Role ci/build-gate',
    'RoleBinding ci/build-gate',
    'ConfigMap ci/build-gate',
    'ConfigMap ci/build-status',
    'ConfigMap ci/build-wrapper',
    'Lease ci/build',
    'PersistentVolumeClaim ci/build',
    expect.stringMatching(/^Job ci\/build-[0-9a-f]{8}$/),
  ]);
  expect(JSON.stringify(objects)).not.toContain('keel.sh/');
});

describe('its Job', () => {
  test('runs one pod, and none again unless it was evicted', () => {
    expect(job(withProps()).spec).toMatchObject({
      backoffLimit: 0,
      podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }] },
      template: { spec: { restartPolicy: 'Never', automountServiceAccountToken: false } },
    });
    expect(job(withProps()).spec).not.toHaveProperty('ttlSecondsAfterFinished');
  });

  test('has the gate as a sidecar, which alone has a token, and a wrapper that ends as the command did', () => {
    const spec = job(withProps()).spec?.template.spec;
    expect(spec?.initContainers).toMatchObject([{ name: 'gate', restartPolicy: 'Always' }]);
    expect(spec?.containers[0]).toMatchObject({
      command: ['/bin/sh', '/keelson/bin/wrapper.sh'],
      args: ['./build.sh'],
    });
    expect(spec?.containers[0]?.volumeMounts?.map(({ name }) => name)).not.toContain('api-token');
    expect(env(withProps({ timeout: Duration.minutes(5) }))).toMatchObject({
      KEELSON_AFTER: 'exit',
      KEELSON_TIMEOUT_SECONDS: '300',
    });
  });

  test('takes what else a build takes', () => {
    const output = synthesized((app) => {
      const ci = pipeline(app);
      new BuildJob(ci, 'build', {
        image: image(),
        command: ['x'],
        retries: 4,
        ttlAfterFinished: Duration.hours(2),
        node: new GpuBuildNode(ci, 'gpu', { gpus: Gpus.whole(1) }),
        podSecurity: PodSecurity.baseline('it runs as root'),
        volume: false,
      });
    });
    expect(job(output).spec).toMatchObject({ backoffLimit: 4, ttlSecondsAfterFinished: 7200 });
    expect(at(job(output), 'spec.template.spec.containers.0.resources.limits')).toMatchObject({
      'nvidia.com/gpu': '1',
    });
    expect(at(output.find('ResourceQuota', 'quota'), 'spec.hard')).toMatchObject({
      'requests.nvidia.com/gpu': '1',
    });
    expect(output.find('Namespace', 'ci').metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'baseline',
    });
    expect(output.names('PersistentVolumeClaim')).toEqual([]);
  });

  test('may run an image by its digest', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const { spec } = job(withProps({ image: ImageName.parse(`quay.io/team/build@${digest}`) }));
    expect(spec?.template.spec?.containers[0]?.image).toBe(`quay.io/team/build@${digest}`);
  });
});

describe('its name', () => {
  const name = (props: Partial<BuildJobProps> = {}): string => job(withProps(props)).metadata.name;

  test('is the same for the same spec, and another for each other one', () => {
    expect(name()).toBe(name());
    const names = [
      name(),
      name({ command: ['./other.sh'] }),
      name({ image: image('dev') }),
      name({ retries: 1 }),
      name({ env: { A: '1' } }),
      name({ timeout: Duration.minutes(1) }),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  test('may be given, for a run of its own', () => {
    expect(name({ jobName: 'build-6d21f2c' })).toBe('build-6d21f2c');
  });

  test('is what gate and controller are told', () => {
    const output = withServices();
    const gate: GateConfiguration = JSON.parse(
      output.find<Manifest & { data: Record<string, string> }>('ConfigMap', 'build-gate').data['gate.json'] ??
        '',
    );
    const { name: own } = job(output).metadata;
    expect(gate).toMatchObject({ kind: 'Gate', job: own, lease: 'build', statusConfigMap: 'build-status' });
    expect(gate).not.toHaveProperty('deployment');
    expect(pipelineConfiguration(output)).toMatchObject({
      builds: [],
      jobs: [
        {
          job: own,
          lease: 'build',
          statusConfigMap: 'build-status',
          services: [{ name: 'minio' }, { name: 'rabbitmq' }],
        },
      ],
    });
  });
});

test('its services run while it does: no manifest says how many', () => {
  for (const name of ['minio', 'rabbitmq'])
    expect(withServices().find<Deployment>('Deployment', name).spec).not.toHaveProperty('replicas');
});

test('gate and controller may scale the services, and change neither Job nor Deployment', () => {
  const output = withServices();
  expect(rules(output, 'build-gate')).toEqual([
    'deployments[minio,rabbitmq]: get',
    'deployments/scale[minio,rabbitmq]: get,patch',
    'leases[build]: create,get,update,patch',
    'configmaps[build-status]: get,patch',
    'pods[*]: get,list',
    'events[*]: create,patch',
  ]);
  expect(rules(output, 'keelson-controller')).toEqual([
    'configmaps[keelson-pipeline]: get,watch',
    'configmaps[keelson-ledger,build-status]: get,patch',
    'events[*]: create,patch',
    'secrets[minio-credentials,rabbitmq-credentials]: get,patch',
    'pods[*]: get,list,watch',
    'deployments[minio,rabbitmq]: get,watch',
    'deployments/scale[minio,rabbitmq]: get,patch',
    `jobs[${job(output).metadata.name}]: get,watch`,
    'leases[build]: create,get,patch',
  ]);
});

test('the image may be that of a builder of the pipeline, whose first push it waits for', () => {
  const output = synthesized((app) => {
    const builder = imageBuild(app);
    new BuildJob(builder.node.scope as ReturnType<typeof pipeline>, 'build', {
      image: builder,
      command: ['x'],
    });
  });
  expect(job(output).spec?.template.spec?.containers[0]?.image).toBe('172.31.39.52:32000/team/build:main');
});

test('it stands alone in a chart that is no pipeline, without a platform', () => {
  const { objects } = synthesized((app) => {
    new BuildJob(foreignChart(app, 'tests'), 'build', { image: image(), command: ['x'] });
  });
  expect(objects.map(({ kind }) => kind)).toContain('Job');
  expect(new Set(objects.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['tests']));
});
