import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, type Identity, type KubernetesObject, type Response, serviceAccount } from './api.ts';
import { missing, testApi, withoutApi } from './provided.ts';
import { find, referenceObjects, removeObjects } from './reference.ts';

const namespace = 'rights-test';
const gate = serviceAccount(namespace, 'build');
const keel = serviceAccount('keel', `keel-${namespace}`);
const controller = serviceAccount('keelson-system', 'keelson-controller');

/** Verb, resource (with its group after a dot, and its subresource after a slash), namespace and name. */
type Right = readonly [verb: string, resource: string, namespace?: string, name?: string];

const ALLOWED: readonly (readonly [who: string, identity: Identity, rights: readonly Right[]])[] = [
  [
    'the gate',
    gate,
    [
      ['get', 'deployments.apps', namespace, 'build'],
      ['patch', 'deployments.apps', namespace, 'build'],
      ['patch', 'deployments.apps/scale', namespace, 'minio'],
      ['patch', 'deployments.apps/scale', namespace, 'rabbitmq'],
      ['update', 'leases.coordination.k8s.io', namespace, 'build'],
      ['create', 'leases.coordination.k8s.io', namespace, 'build'],
      ['patch', 'configmaps', namespace, 'build-status'],
      ['get', 'pods', namespace],
      ['create', 'events', namespace],
    ],
  ],
  [
    'Keel',
    keel,
    [
      ['list', 'deployments.apps', namespace],
      ['watch', 'deployments.apps', namespace],
      ['update', 'deployments.apps', namespace, 'build'],
      ['list', 'pods', namespace],
    ],
  ],
  [
    'the controller',
    controller,
    [
      ['create', 'namespaces'],
      ['list', 'namespaces'],
      ['delete', 'namespaces', '', 'gw-1'],
      ['create', 'rolebindings.rbac.authorization.k8s.io', 'gw-1'],
      ['bind', 'clusterroles.rbac.authorization.k8s.io', '', 'keelson-platform-commit-namespace'],
      ['get', 'configmaps', namespace, 'keelson-pipeline'],
      ['patch', 'configmaps', namespace, 'keelson-ledger'],
      ['patch', 'secrets', namespace, 'minio-credentials'],
      ['patch', 'deployments.apps/scale', namespace, 'build'],
      ['patch', 'leases.coordination.k8s.io', namespace, 'build'],
      ['create', 'leases.coordination.k8s.io', namespace, 'build'],
      ['update', 'leases.coordination.k8s.io', 'keelson-system', 'keelson-controller'],
    ],
  ],
];

const FORBIDDEN: readonly (readonly [who: string, identity: Identity, rights: readonly Right[]])[] = [
  [
    'the gate',
    gate,
    [
      ['patch', 'deployments.apps', namespace, 'minio'],
      ['delete', 'deployments.apps', namespace, 'build'],
      ['patch', 'deployments.apps/scale', namespace, 'build'],
      ['get', 'secrets', namespace, 'minio-credentials'],
      ['list', 'secrets', namespace],
      ['patch', 'configmaps', namespace, 'build-gate'],
      ['create', 'pods', namespace],
      ['create', 'pods/exec', namespace],
      ['create', 'jobs.batch', namespace],
      ['create', 'leases.coordination.k8s.io', namespace],
      ['get', 'deployments.apps', 'default', 'build'],
      ['list', 'pods', 'kube-system'],
      ['create', 'serviceaccounts/token', namespace, 'build'],
    ],
  ],
  [
    'Keel',
    keel,
    [
      ['update', 'deployments.apps', namespace, 'minio'],
      ['patch', 'deployments.apps', namespace, 'build'],
      ['delete', 'deployments.apps', namespace, 'build'],
      ['delete', 'pods', namespace],
      ['list', 'deployments.apps'],
      ['list', 'secrets', namespace],
      ['get', 'secrets', namespace, 'minio-credentials'],
      ['list', 'nodes'],
      ['update', 'deployments.apps', 'keelson-system', 'keelson-controller'],
    ],
  ],
  [
    'the controller',
    controller,
    [
      ['list', 'secrets'],
      ['list', 'secrets', namespace],
      ['list', 'configmaps'],
      ['get', 'secrets', 'kube-system'],
      ['bind', 'clusterroles.rbac.authorization.k8s.io', '', 'cluster-admin'],
      ['escalate', 'clusterroles.rbac.authorization.k8s.io', '', 'keelson-platform-commit-namespace'],
      ['create', 'clusterrolebindings.rbac.authorization.k8s.io'],
      ['create', 'roles.rbac.authorization.k8s.io', namespace],
      ['create', 'pods', namespace],
      ['create', 'deployments.apps', namespace],
      ['patch', 'deployments.apps', namespace, 'minio'],
      ['create', 'jobs.batch', namespace],
      ['create', 'leases.coordination.k8s.io', namespace],
      ['impersonate', 'users'],
    ],
  ],
  [
    'the default ServiceAccount of the build namespace',
    serviceAccount(namespace, 'default'),
    [
      ['list', 'pods', namespace],
      ['get', 'configmaps', namespace, 'build-gate'],
    ],
  ],
  [
    'MinIO',
    serviceAccount(namespace, 'minio'),
    [
      ['list', 'pods', namespace],
      ['get', 'secrets', namespace, 'minio-credentials'],
    ],
  ],
];

describe.skipIf(withoutApi)(`rights and admission policies at a real API server${missing}`, () => {
  let api: Api;
  let objects: KubernetesObject[];
  const path = async (kind: string, name: string): Promise<string> => api.pathOf(find(objects, kind, name));

  beforeAll(async () => {
    api = await Api.connect(testApi().kubeconfig);
    objects = await referenceObjects({ namespace });
    for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
    await policiesInForce(api);
  });
  afterAll(async () => {
    await removeObjects(api, objects);
    await api.delete('/api/v1/namespaces/gw-rights');
  });

  test.each(ALLOWED)(
    '%s may do what it needs, says a SubjectAccessReview',
    async (_who, identity, rights) => {
      for (const right of rights) expect([right, await review(api, identity, right)]).toEqual([right, true]);
    },
  );

  test.each(FORBIDDEN)(
    '%s may do nothing else, says a SubjectAccessReview',
    async (_who, identity, rights) => {
      for (const right of rights) expect([right, await review(api, identity, right)]).toEqual([right, false]);
    },
  );

  test.each([
    ['the gate', gate, namespace, 'build'],
    ['the controller', controller, namespace, 'build'],
    ['the controller', controller, 'keelson-system', 'keelson-controller'],
  ])(
    '%s really makes its own Lease where that is missing, by server-side apply, and no other: %#',
    async (...row) => {
      const [, as, where, name] = row;
      const lease = (named: string): KubernetesObject => ({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: named, namespace: where },
      });
      await api.delete(await api.pathOf(lease(name)));
      expect((await api.apply(lease(name), { as, fieldManager: 'agent' })).status).toBe(201);
      await expect(api.apply(lease('other'), { as, fieldManager: 'agent' })).rejects.toThrow('403');
      const all = `/apis/coordination.k8s.io/v1/namespaces/${where}/leases`;
      expect((await api.request('POST', all, lease('other'), { as })).status).toBe(403);
    },
  );

  test('the gate really holds Keel back, scales a service and writes its status, impersonated', async () => {
    const merge = { as: gate, contentType: 'application/merge-patch+json' };
    const hold = { metadata: { annotations: { 'keel.sh/policy': 'never' } } };
    expect((await api.request('PATCH', await path('Deployment', 'build'), hold, merge)).status).toBe(200);
    const scale = `${await path('Deployment', 'minio')}/scale`;
    expect((await api.request('PATCH', scale, { spec: { replicas: 1 } }, merge)).status).toBe(200);
    expect(
      (
        await api.request(
          'PATCH',
          await path('ConfigMap', 'build-status'),
          { data: { 'status.json': '{}' } },
          merge,
        )
      ).status,
    ).toBe(200);
    const letGo = { metadata: { annotations: { 'keel.sh/policy': null } } };
    expect((await api.request('PATCH', await path('Deployment', 'build'), letGo, merge)).status).toBe(200);
    const refused = await api.request('PATCH', await path('Deployment', 'minio'), hold, merge);
    expect(refused.status).toBe(403);
  });

  test('Keel rolls a build that is not held back, as it writes: the whole object, impersonated', async () => {
    expect((await keelWrites(api, await path('Deployment', 'build'), roll)).status).toBe(200);
  });

  test('Keel is refused by the admission policy where the build is held back', async () => {
    const build = await path('Deployment', 'build');
    await annotate(api, build, 'never');
    const refused = await keelWrites(api, build, roll);
    expect([refused.status, message(refused)]).toEqual([
      422,
      expect.stringContaining('held back while its build runs'),
    ]);
    await annotate(api, build, null);
    expect((await keelWrites(api, build, roll)).status).toBe(200);
  });

  test('Keel is refused a change of replicas or of the policy annotation', async () => {
    const build = await path('Deployment', 'build');
    const replicas = await keelWrites(api, build, ({ spec, ...rest }) => ({
      ...rest,
      spec: { ...spec, replicas: 3 },
    }));
    expect(message(replicas)).toContain('number of replicas');
    const annotation = await keelWrites(api, build, ({ metadata, ...rest }) => ({
      ...rest,
      metadata: { ...metadata, annotations: { ...metadata.annotations, 'keel.sh/policy': 'force' } },
    }));
    expect(message(annotation)).toContain('annotation keel.sh/policy');
  });

  test('Keel’s stale copy can’t erase a hold that was made after it read', async () => {
    const build = await path('Deployment', 'build');
    const stale = await api.get<Deployment>(build);
    await annotate(api, build, 'never');
    const refused = await keelWrites(api, build, ({ metadata: { resourceVersion = '' } }) => ({
      ...stale,
      metadata: { ...stale.metadata, resourceVersion },
    }));
    expect(refused.status).toBe(422);
    expect((await api.get<Deployment>(build)).metadata.annotations).toMatchObject({
      'keel.sh/policy': 'never',
    });
    await annotate(api, build, null);
  });

  test('the controller makes and deletes its own namespaces, impersonated', async () => {
    expect(
      (await createNamespace(api, 'gw-rights', { 'keelson.dev/owner': 'platform' }, 'baseline')).status,
    ).toBe(201);
    expect(
      (await api.request('DELETE', '/api/v1/namespaces/gw-rights', undefined, { as: controller })).status,
    ).toBe(200);
  });

  test.each([
    ['without its owner label', 'gw-x1', {}, 'baseline', 'carries its owner label'],
    [
      'with the label of another platform',
      'gw-x2',
      { 'keelson.dev/owner': 'other' },
      'baseline',
      'carries its owner label',
    ],
    ['of another name', 'default-2', { 'keelson.dev/owner': 'platform' }, 'baseline', 'starts with gw-'],
    [
      'that admits privileged pods',
      'gw-x3',
      { 'keelson.dev/owner': 'platform' },
      'privileged',
      'restricted or baseline',
    ],
    [
      'without a Pod Security level',
      'gw-x4',
      { 'keelson.dev/owner': 'platform' },
      undefined,
      'restricted or baseline',
    ],
  ])('the controller is refused a namespace %s', async (_what, name, labels, level, reason) => {
    const refused = await createNamespace(api, name, labels, level);
    expect([refused.status, message(refused)]).toEqual([422, expect.stringContaining(reason)]);
  });

  test('the controller is refused to delete, or to take over, a namespace of somebody else', async () => {
    const other = `/api/v1/namespaces/${namespace}`;
    expect(message(await api.request('DELETE', other, undefined, { as: controller }))).toContain(
      'namespaces that it made',
    );
    const claim = { metadata: { labels: { 'keelson.dev/owner': 'platform' } } };
    const merge = { as: controller, contentType: 'application/merge-patch+json' };
    expect(message(await api.request('PATCH', other, claim, merge))).toContain('namespaces that it made');
  });

  test('the controller is refused to bind its role elsewhere, another role, or somebody else', async () => {
    await createNamespace(api, 'gw-rights-2', { 'keelson.dev/owner': 'platform' }, 'baseline');
    const commitRole = 'keelson-platform-commit-namespace';
    expect(message(await bind(api, namespace, commitRole, 'keelson-controller'))).toContain(
      'namespaces that it made',
    );
    expect((await bind(api, 'gw-rights-2', 'cluster-admin', 'keelson-controller')).status).toBe(403);
    expect(message(await bind(api, 'gw-rights-2', commitRole, 'default'))).toContain('to itself');
    expect((await bind(api, 'gw-rights-2', commitRole, 'keelson-controller')).status).toBe(201);
    await api.delete('/api/v1/namespaces/gw-rights-2');
  });
});

interface Deployment {
  metadata: { annotations?: Record<string, string>; resourceVersion?: string };
  spec: { replicas?: number; template: { metadata: { annotations?: Record<string, string> } } };
}

/** What Keel changes to roll a Deployment: an annotation of the pod template. */
function roll({ spec, ...rest }: Deployment): Deployment {
  const metadata = {
    ...spec.template.metadata,
    annotations: { 'keel.sh/update-time': String(Math.random()) },
  };
  return { ...rest, spec: { ...spec, template: { ...spec.template, metadata } } };
}

/** Reads, changes and writes, and like Keel does so again where somebody else wrote meanwhile. */
async function keelWrites(
  api: Api,
  path: string,
  change: (deployment: Deployment) => Deployment,
): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const changed = change(await api.get<Deployment>(path));
    const response = await api.request('PUT', path, changed, { as: keel, query: { fieldManager: 'keel' } });
    if (response.status !== 409 || attempt === 5) return response;
  }
}

async function annotate(api: Api, path: string, policy: string | null): Promise<void> {
  const patch = { metadata: { annotations: { 'keel.sh/policy': policy } } };
  const { status } = await api.request('PATCH', path, patch, { contentType: 'application/merge-patch+json' });
  if (status !== 200) throw new Error(`annotate: ${status}`);
}

function createNamespace(
  api: Api,
  name: string,
  labels: Record<string, string | undefined>,
  level: string | undefined,
): Promise<Response> {
  const all = { ...labels, ...(level !== undefined && { 'pod-security.kubernetes.io/enforce': level }) };
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: all } };
  return api.request('POST', '/api/v1/namespaces', body, { as: controller });
}

function bind(api: Api, where: string, role: string, to: string): Promise<Response> {
  const body = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: `binding-${to}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name: to, namespace: 'keelson-system' }],
  };
  return api.request('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${where}/rolebindings`, body, {
    as: controller,
  });
}

function message({ body }: Response): string {
  return (body as { message?: string }).message ?? '';
}

async function review(api: Api, { user, groups = [] }: Identity, right: Right): Promise<boolean> {
  const [verb, resource, where = '', name = ''] = right;
  const [full = '', subresource = ''] = resource.split('/');
  const [plural = '', ...group] = full.split('.');
  const resourceAttributes = {
    verb,
    group: group.join('.'),
    resource: plural,
    subresource,
    namespace: where,
    name,
  };
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user, groups, resourceAttributes },
  };
  const answer = await api.request<{ status: { allowed: boolean } }>(
    'POST',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    body,
  );
  return answer.body.status.allowed;
}

/** A new admission policy takes a moment to be enforced. */
async function policiesInForce(api: Api): Promise<void> {
  const deadline = Date.now() + 30_000;
  while ((await createNamespace(api, 'gw-probe', {}, 'baseline')).status === 201) {
    await api.delete('/api/v1/namespaces/gw-probe');
    if (Date.now() > deadline) throw new Error('the admission policies did not come into force');
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
