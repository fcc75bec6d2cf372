import { Chart, Duration, Size } from 'cdk8s';
import {
  type ControllerConfiguration,
  type GarbageCollectionProps,
  ImageName,
  MicroK8sRegistry,
  Platform,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { Role } from 'kubernetes-types/rbac/v1.js';
import { describe, expect, test } from 'vitest';
import { platform } from '../support/programs.ts';
import { type Synthesized, synthesized } from '../support/synthesized.ts';

const NAME = 'registry-garbage-collection';

const addon = (garbageCollection?: GarbageCollectionProps): Synthesized =>
  synthesized((app) =>
    platform(app, {
      registry: MicroK8sRegistry.existing({
        nodeAddress: '10.0.0.7',
        ...(garbageCollection && { garbageCollection }),
      }),
    }),
  );
const twin = (garbageCollection?: GarbageCollectionProps, image?: ImageName): Synthesized =>
  synthesized((app) => {
    const registry = new MicroK8sRegistry(new Chart(app, 'images'), 'registry', {
      nodeAddress: '10.0.0.7',
      namespace: 'images',
      storage: Size.gibibytes(40),
      ...(image && { image }),
      ...(garbageCollection && { garbageCollection }),
    });
    new Platform(app, 'platform', { registry });
  });
const configurationOf = ({ find }: Synthesized): ControllerConfiguration =>
  JSON.parse(
    find<{ data: Record<string, string> }>('ConfigMap', 'keelson-controller').data['controller.json'] ?? '',
  );
const podOf = (output: Synthesized, name = NAME) =>
  output.find<Deployment>('Deployment', name).spec?.template.spec;

describe.each([
  ['the addon', addon, 'container-registry'],
  ['a twin', twin, 'images'],
] as const)('the garbage of %s', (_what, registry, namespace) => {
  test('is not collected unless that is asked for', () => {
    const output = registry();
    expect(output.objects.filter(({ metadata }) => metadata.name.startsWith(NAME))).toEqual([]);
    expect(configurationOf(output)).not.toHaveProperty('garbageCollection');
  });

  test('is collected once a day, ten images of a branch are kept, and the registry is away for a quarter of an hour', () => {
    expect(configurationOf(registry({})).garbageCollection).toEqual({
      host: `registry.${namespace}.svc.cluster.local:5000`,
      namespace,
      deployment: 'registry',
      collector: NAME,
      everySeconds: 86_400,
      keepPerBranch: 10,
      timeoutSeconds: 900,
    });
  });

  test('each option changes what it says', () => {
    const options = { every: Duration.hours(6), keepPerBranch: 3, timeout: Duration.hours(1) };
    expect(configurationOf(registry(options)).garbageCollection).toMatchObject({
      everySeconds: 21_600,
      keepPerBranch: 3,
      timeoutSeconds: 3600,
    });
  });

  test('gives the controller the right to scale two Deployments, and to write one ConfigMap', () => {
    const { rules } = registry({}).find<Role>('Role', NAME, namespace);
    expect(rules).toEqual([
      {
        apiGroups: ['apps'],
        resources: ['deployments/scale'],
        resourceNames: ['registry', NAME],
        verbs: ['get', 'patch'],
      },
      { apiGroups: [''], resources: ['configmaps'], resourceNames: [NAME], verbs: ['get', 'patch'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    ]);
  });

  test('waits for the plan, beside the registry, with its volume and no network', () => {
    const output = registry({});
    const deployment = output.find<Deployment>('Deployment', NAME, namespace);
    expect(deployment.spec).not.toHaveProperty('replicas');
    const pod = podOf(output);
    expect(output.find<{ data?: object }>('ConfigMap', NAME, namespace).data).toBeUndefined();
    const [prune] = pod?.initContainers ?? [];
    expect(prune?.env).toEqual([
      { name: 'KEELSON_PLAN', valueFrom: { configMapKeyRef: { name: NAME, key: 'plan.json' } } },
    ]);
    expect(pod?.volumes).toContainEqual({
      name: 'images',
      persistentVolumeClaim: { claimName: 'registry-claim' },
    });
    const [near] = pod?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    expect(near).toEqual({
      topologyKey: 'kubernetes.io/hostname',
      labelSelector: { matchLabels: { app: 'registry' } },
    });
    const labels = deployment.spec?.template.metadata?.labels;
    // Or Kubernetes' Service would send pushes to it, and the controller would wait for it to end.
    expect(labels).not.toHaveProperty('app');
    expect(output.find<{ spec: object }>('NetworkPolicy', NAME, namespace).spec).toEqual({
      podSelector: { matchLabels: { 'app.kubernetes.io/name': NAME } },
      policyTypes: ['Ingress', 'Egress'],
    });
  });

  test('never has manifests deleted because they have no tag: 2.8 deletes the images of an index by that', () => {
    const [collect] = podOf(registry({}))?.containers ?? [];
    expect(collect?.args).toEqual(['garbage-collect', '/keelson/config/config.yml']);
  });
});

test('the addon’s files are root’s, and so is the pod, without any of root’s powers', () => {
  const pod = podOf(addon({}));
  expect(pod?.securityContext).toEqual({
    runAsUser: 0,
    runAsGroup: 0,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  for (const { securityContext } of [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])]) {
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    });
  }
});

test('a twin’s files are collected by their own user and by the registry’s own image', () => {
  const image = ImageName.parse('quay.io/team/registry:3');
  const output = twin({}, image);
  const pod = podOf(output);
  expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10_001, fsGroup: 10_001 });
  expect(pod?.containers[0]?.image).toBe(image.toString());
  expect(podOf(output, 'registry')?.securityContext?.runAsUser).toBe(10_001);
});

test('no manifest fights over how many pods a twin has, once the controller stops it now and then', () => {
  const replicas = (output: Synthesized): unknown =>
    output.find<Deployment>('Deployment', 'registry').spec?.replicas;
  expect(replicas(twin())).toBe(1);
  expect(replicas(twin({}))).toBeUndefined();
});
