import { Duration, Size } from 'cdk8s';
import {
  GpuBuildNode,
  Gpus,
  ImageName,
  KeelTrigger,
  KeelWatchedBuild,
  type KeelWatchedBuildProps,
  MinioService,
  PodField,
  PodSecurity,
  SecretSource,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { keelAnnotations } from '../support/keel.ts';
import { build, image, pipeline, pipelineConfiguration } from '../support/programs.ts';
import { type Synthesized, synthesized } from '../support/synthesized.ts';

const withProps = (props: Partial<KeelWatchedBuildProps> = {}): Synthesized =>
  synthesized((app) => build(app, props));
const pod = (output: Synthesized): PodSpec =>
  output.find<Deployment>('Deployment', 'build').spec?.template.spec ?? { containers: [] };
const container = (output: Synthesized): Container => pod(output).containers[0] ?? { name: 'none' };
const env = (output: Synthesized): Map<string, unknown> =>
  new Map(container(output).env?.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]));

describe('options', () => {
  test('of time', () => {
    const output = withProps({
      timeout: Duration.minutes(90),
      keepFor: Duration.hours(1),
      trigger: KeelTrigger.poll(Duration.minutes(2)),
    });
    expect([env(output).get('KEELSON_TIMEOUT_SECONDS'), env(output).get('KEELSON_KEEP_SECONDS')]).toEqual([
      '5400',
      '3600',
    ]);
    expect(pipelineConfiguration(output).builds).toMatchObject([{ keepSeconds: 3600 }]);
    expect(keelAnnotations(output.find('Deployment', 'build'))).toEqual({
      'keel.sh/pollSchedule': '@every 120s',
    });
  });

  test('of its environment: those of the build win over those of the services', () => {
    const output = synthesized((app) => {
      const ci = pipeline(app);
      const services = [new MinioService(ci, 'minio')];
      const given = {
        MINIO_TEST_SERVER: 'mine:1',
        A: '1',
        POD: PodField.NAME,
        KEY: SecretSource.existing('s', 'k'),
      };
      new KeelWatchedBuild(ci, 'build', {
        image: image(),
        command: ['x'],
        services,
        env: given,
        envFrom: [{ configMap: 'more' }, { secret: 'most' }],
      });
    });
    expect(env(output).get('MINIO_TEST_SERVER')).toBe('mine:1');
    expect(env(output).get('A')).toBe('1');
    expect(env(output).get('POD')).toEqual({ fieldRef: { fieldPath: 'metadata.name' } });
    expect(env(output).get('KEY')).toEqual({ secretKeyRef: { name: 's', key: 'k' } });
    expect(env(output).get('MINIO_ROOT_USER')).toEqual({
      secretKeyRef: { name: 'minio-credentials', key: 'user' },
    });
    expect(container(output).envFrom).toEqual([
      { configMapRef: { name: 'more' } },
      { secretRef: { name: 'most' } },
    ]);
  });

  test('of its volume', () => {
    const output = withProps({
      volume: {
        mountPath: '/data',
        size: Size.gibibytes(5),
        storageClassName: 'nfs-client',
        accessMode: 'ReadWriteMany',
      },
    });
    expect(at(output.find('PersistentVolumeClaim', 'build'), 'spec')).toEqual({
      accessModes: ['ReadWriteMany'],
      storageClassName: 'nfs-client',
      resources: { requests: { storage: '5Gi' } },
    });
    expect(container(output).volumeMounts).toContainEqual({ name: 'build', mountPath: '/data' });
    expect(env(output).get('KEELSON_OUTPUT_DIRECTORY')).toBe('/data/.keelson/runs/$(KEELSON_RUN_ID)');
    const without = withProps({ volume: false });
    expect(without.names('PersistentVolumeClaim')).toEqual([]);
    expect(env(without).get('KEELSON_OUTPUT_DIRECTORY')).toBe('');
  });

  test('of its node: the GPUs are requested, limited, and added to the quota', () => {
    const output = synthesized((app) => {
      const ci = pipeline(app);
      const node = new GpuBuildNode(ci, 'gpu', { gpus: Gpus.whole(2) });
      new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], node });
    });
    expect(container(output).resources).toMatchObject({
      requests: { 'nvidia.com/gpu': '2' },
      limits: { 'nvidia.com/gpu': '2' },
    });
    expect(pod(output)).toMatchObject({
      runtimeClassName: 'nvidia',
      tolerations: [{ key: 'nvidia.com/gpu' }],
    });
    expect(at(output.find('ResourceQuota', 'quota'), 'spec.hard')).toMatchObject({
      'requests.nvidia.com/gpu': '2',
    });
  });

  test('of its level: a build as root keeps to the capabilities of a container, and says why on the namespace', () => {
    const output = withProps({ podSecurity: PodSecurity.baseline('it runs as root') });
    expect(container(output).securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['AUDIT_WRITE', 'MKNOD', 'NET_RAW'] },
    });
    expect(output.find('Namespace', 'ci').metadata).toMatchObject({
      labels: {
        'pod-security.kubernetes.io/enforce': 'baseline',
        'pod-security.kubernetes.io/warn': 'restricted',
      },
      annotations: { 'keelson.dev/pod-security-reason': 'it runs as root' },
    });
  });

  test('of the agent', () => {
    const output = withProps({ agentImage: ImageName.parse('quay.io/team/agent:1') });
    expect(pod(output).initContainers?.[0]?.image).toBe('quay.io/team/agent:1');
  });
});
