import {
  fillTemplate,
  PIPELINE_CONFIG_MAP,
  PIPELINE_KEY,
  type PipelineConfiguration,
  type TemplateValues,
} from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, type KubernetesObject, serviceAccount, waitFor } from './api.ts';
import { changedByApplyingAgain, expectAdmitted } from './applied.ts';
import { missing, testApi, withoutApi } from './provided.ts';
import { find, referenceObjects, removeObjects } from './reference.ts';

const namespace = 'manifests-test';
const controller = serviceAccount('keelson-system', 'keelson-controller');

const commit: TemplateValues = {
  namespace: 'gw-0-1-0-manifests-1',
  url: 'https://github.com/leaf-ai/studio-go-runner.git',
  branch: '$(touch /tmp/x)"\n---\nkind: Secret',
  commit: '6d21f2ced8ee6d21f2ced8ee6d21f2ced8ee6d21',
  version: '0.1.0',
  id: 'manifests-1',
  'tag.branch': 'main',
  'tag.commit': '6d21f2ced8ee',
  'tag.version': '0.1.0',
  digest: `sha256:${'0'.repeat(64)}`,
  outputs: '',
};

describe.skipIf(withoutApi)(`the reference pipeline at a real API server${missing}`, () => {
  let api: Api;
  let objects: KubernetesObject[];

  beforeAll(async () => {
    api = await Api.connect(testApi().kubeconfig);
    objects = await referenceObjects({ namespace });
  });
  afterAll(async () => {
    await removeObjects(api, objects);
    await api.delete(`/api/v1/namespaces/${commit.namespace}`);
  });

  test('is accepted object by object in the order of its files, with strict field validation', async () => {
    expect(objects.length).toBeGreaterThanOrEqual(40);
    for (const object of objects) {
      const { status } = await api.apply(object, { fieldManager: 'keelson' });
      expect([200, 201]).toContain(status);
    }
  });

  test('changes nothing when it is applied again', async () => {
    expect(await changedByApplyingAgain(api, objects)).toEqual([]);
  });

  test('takes nothing back from the agent: hold, replicas, status and generated values stay', async () => {
    const path = await api.pathOf(find(objects, 'Deployment', 'build'));
    const merge = { contentType: 'application/merge-patch+json', query: { fieldManager: 'agent' } };
    await api.request('PATCH', path, { metadata: { annotations: { 'keel.sh/policy': 'never' } } }, merge);
    const minio = await api.pathOf(find(objects, 'Deployment', 'minio'));
    await api.request('PATCH', `${minio}/scale`, { spec: { replicas: 0 } }, merge);
    const secret = await api.pathOf(find(objects, 'Secret', 'minio-credentials'));
    await api.request('PATCH', secret, { data: { user: 'dXNlcg==', password: 'cGFzc3dvcmQ=' } }, merge);
    const status = await api.pathOf(find(objects, 'ConfigMap', 'build-status'));
    await api.request('PATCH', status, { data: { 'status.json': '{}' } }, merge);

    for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });

    expect((await api.get<KubernetesObject>(path)).metadata['annotations']).toMatchObject({
      'keel.sh/policy': 'never',
    });
    expect((await api.get<KubernetesObject>(minio))['spec']).toMatchObject({ replicas: 0 });
    expect((await api.get<KubernetesObject>(secret))['data']).toEqual({
      user: 'dXNlcg==',
      password: 'cGFzc3dvcmQ=',
    });
    expect((await api.get<KubernetesObject>(status))['data']).toEqual({ 'status.json': '{}' });
  });

  test('has only pods that Pod Security admits in their namespaces', async () => {
    const deployments = objects.filter(({ kind }) => kind === 'Deployment');
    expect(deployments.length).toBeGreaterThanOrEqual(6);
    for (const deployment of deployments) await expectAdmitted(api, deployment);
  });

  test('has an image build that its controller may apply, and whose pod is admitted, also for a hostile branch', async () => {
    const text = (find(objects, 'ConfigMap', PIPELINE_CONFIG_MAP)['data'] as Record<string, string>)[
      PIPELINE_KEY
    ];
    const { images } = JSON.parse(text ?? '') as PipelineConfiguration;
    expect(images.length).toBe(1);
    for (const { jobTemplate } of images) {
      const [made, ...rest] = fillTemplate(jobTemplate, commit) as unknown as KubernetesObject[];
      if (made === undefined) throw new Error('an empty template');
      await api.apply(made, { as: controller });
      await api.apply(commitNamespaceBinding(), { as: controller });
      // A new binding takes a moment to count.
      await waitFor(async () => api.apply(rest[0] as KubernetesObject, { as: controller }), {
        timeout: 10_000,
      });
      for (const object of rest) await api.apply(object, { as: controller });
      const job = find(rest, 'Job', 'imagebuilder');
      expect(job.metadata['annotations']).toMatchObject({ 'keelson.dev/branch': commit.branch });
      await expectAdmitted(api, job);
    }
  });
});

/** The binding that the controller makes for itself in a namespace of a commit. */
function commitNamespaceBinding(): KubernetesObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'keelson-controller', namespace: commit.namespace },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: 'keelson-platform-commit-namespace',
    },
    subjects: [{ kind: 'ServiceAccount', name: 'keelson-controller', namespace: 'keelson-system' }],
  };
}
