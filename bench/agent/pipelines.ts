import type { Api, KubernetesObject } from '../../test/cluster/api.ts';

const AT_ONCE = 16;

/** Makes the namespaces of pipelines that watch a repository each, with what the library puts there for the controller. */
export async function applyPipelines(
  api: Api,
  platform: string,
  controller: { readonly namespace: string; readonly name: string },
  urls: readonly string[],
): Promise<void> {
  const objects = urls.map((url, index) => pipelineObjects(platform, controller, `bench-${index}`, url));
  let next = 0;
  const work = async (): Promise<void> => {
    for (let list = objects[next++]; list !== undefined; list = objects[next++]) {
      for (const object of list) await api.apply(object, { force: true });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function pipelineObjects(
  platform: string,
  controller: { readonly namespace: string; readonly name: string },
  namespace: string,
  url: string,
): KubernetesObject[] {
  const configuration = {
    apiVersion: 'agent.keelson.dev/v1alpha1',
    kind: 'Pipeline',
    name: namespace,
    namespace,
    platform,
    source: {
      url,
      branches: ['main'],
      pollSeconds: 60,
      version: { from: 'value', value: '0.1.0' },
      submodules: false,
      lfs: false,
    },
    images: [],
    builds: [],
    jobs: [],
    releases: [],
    generatedSecrets: [],
  };
  const metadata = (name: string): KubernetesObject['metadata'] => ({ name, namespace });
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'keelson.dev/platform': platform } },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('keelson-pipeline'),
      data: { 'pipeline.json': JSON.stringify(configuration) },
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('keelson-ledger') },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: metadata('keelson-controller'),
      rules: [
        { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'patch'] },
        { apiGroups: [''], resources: ['events'], verbs: ['create'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: metadata('keelson-controller'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'keelson-controller' },
      subjects: [{ kind: 'ServiceAccount', name: controller.name, namespace: controller.namespace }],
    },
  ];
}
