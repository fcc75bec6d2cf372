import {
  activeNames,
  fillListener,
  type HandOverConfiguration,
  ImageName,
  KeelPolicy,
  type KeelsonApp,
  KeelWatchedBuild,
  type ListenerValues,
  MicroK8sRegistry,
  MinioService,
  Pipeline,
  type PipelineConfiguration,
  Platform,
  SecretSource,
} from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, type Identity, type KubernetesObject, type Response, serviceAccount, waitFor } from './api.ts';
import { missing, testApi, withoutApi } from './provided.ts';
import { find, programObjects, removeObjects } from './reference.ts';

const home = 'listeners-test';
const controller = serviceAccount('keelson-system', 'keelson-controller');
const [first, second] = ['listener-listeners-test-aaaaaaaa', 'listener-listeners-test-bbbbbbbb'];
const RBAC = 'rbac.authorization.k8s.io/v1';
const MERGE = 'application/merge-patch+json';

function program(app: KeelsonApp): void {
  const registry = MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7' });
  const platform = new Platform(app, 'platform', { registry, cache: false, keel: false, handOver: true });
  const ci = new Pipeline(app, home, { platform });
  new KeelWatchedBuild(ci, 'build', {
    image: ImageName.parse('quay.io/team/build:1.0.0'),
    command: ['./run'],
    services: [new MinioService(ci, 'minio')],
    policy: KeelPolicy.regexp('^1\\.'),
    env: {
      OWN: SecretSource.generated(),
      PLAIN: SecretSource.literal('x', { allowPlaintext: 'test only' }),
    },
    imagePullSecrets: [SecretSource.existing('account', '.dockerconfigjson')],
    handOver: { afterwards: 'selfDestruct' },
  });
}

describe.skipIf(withoutApi)(`listeners at a real API server${missing}`, () => {
  let api: Api;
  let objects: KubernetesObject[];
  let handOver: HandOverConfiguration;

  beforeAll(async () => {
    api = await Api.connect(testApi().kubeconfig);
    objects = await programObjects(program);
    for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
    const data = find(objects, 'ConfigMap', 'keelson-pipeline')['data'] as Record<string, string>;
    const { builds } = JSON.parse(data['pipeline.json'] ?? '') as PipelineConfiguration;
    if (builds[0]?.handOver === undefined) throw new Error('no listener');
    handOver = builds[0].handOver;
    // New policies take a moment to be enforced.
    await waitFor(async () => (await createNamespace('listener-probe', {})).status === 422, {
      timeout: 30_000,
    });
  });
  afterAll(async () => {
    for (const name of [first, second, 'listener-probe']) {
      await api.delete(`/api/v1/namespaces/${name}`);
      await api.delete(`/apis/${RBAC}/clusterrolebindings/${name}-build-keel-nodes`);
    }
    await removeObjects(api, objects);
  });

  const values = (namespace: string): ListenerValues => ({
    namespace,
    claim: `claim-of-${namespace}`,
    image: 'quay.io/team/build:1.0.1',
    commit: '6d21f2ced8ee6d21f2ced8ee6d21f2ced8ee6d21',
    digest: `sha256:${'5a'.repeat(32)}`,
  });
  const as = (identity: Identity, method: string, path: string, body?: unknown): Promise<Response> =>
    api.request(method, path, body, {
      as: identity,
      ...(method === 'PATCH' && { contentType: MERGE }),
    });
  function createNamespace(name: string, labels: Record<string, string>): Promise<Response> {
    const level = { 'pod-security.kubernetes.io/enforce': 'baseline' };
    const metadata = { name, labels: { ...level, ...labels } };
    return as(controller, 'POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
  }
  const deployment = (namespace: string, name = 'build'): string =>
    `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;

  /** Does what the contract says of making a listener. */
  async function make(namespace: string): Promise<KubernetesObject[]> {
    const [made, ...rest] = fillListener(
      handOver.listener,
      values(namespace),
    ) as unknown as KubernetesObject[];
    expect((await as(controller, 'POST', '/api/v1/namespaces', made)).status).toBe(201);
    await api.apply(binding(namespace, {}), { as: controller });
    // A new binding takes a moment to count.
    await waitFor(async () => api.apply(rest[0] as KubernetesObject, { as: controller }), {
      timeout: 10_000,
    });
    for (const { secretName } of handOver.copySecrets) {
      const copy = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: secretName },
        stringData: { value: 'x' },
      };
      const path = `/api/v1/namespaces/${namespace}/secrets`;
      expect((await as(controller, 'POST', path, copy)).status).toBe(201);
    }
    for (const object of rest) await api.apply(object, { as: controller });
    return rest;
  }

  test('a namespace is claimed by making it: a second one of the name is refused, and the claim tells whose it is', async () => {
    expect((await make(first)).length).toBeGreaterThan(20);
    const again = fillListener(handOver.listener, { ...values(first), claim: 'another' })[0];
    expect((await as(controller, 'POST', '/api/v1/namespaces', again)).status).toBe(409);
    const { metadata } = await api.get<KubernetesObject>(`/api/v1/namespaces/${first}`);
    expect(metadata['annotations']).toMatchObject({
      'keelson.dev/claim': `claim-of-${first}`,
      'keelson.dev/listener-version': handOver.version,
    });
  });

  test('a listener may be made again where it was left half-way, and a second one beside it', async () => {
    const all = fillListener(handOver.listener, values(first)) as unknown as KubernetesObject[];
    for (const object of all.slice(1)) await api.apply(object, { as: controller });
    expect((await make(second)).length).toBe(all.length - 1);
  });

  test('it is found by no Keel until the controller has made its names the real ones', async () => {
    const { metadata } = await api.get<KubernetesObject>(deployment(first));
    const annotations = metadata['annotations'] as Record<string, string>;
    expect(Object.keys({ ...annotations, ...(metadata['labels'] as object) }).join()).not.toContain(
      'keel.sh/',
    );
    const active = { metadata: { annotations: activeNames(annotations) } };
    expect((await as(controller, 'PATCH', deployment(first), active)).status).toBe(200);
    expect((await as(controller, 'PATCH', deployment(home), active)).status).toBe(200);
    const after = await api.get<KubernetesObject>(deployment(first));
    expect(after.metadata['annotations']).toMatchObject({
      'keel.sh/policy': 'regexp:^1\\.',
      'keel.sh/trigger': 'poll',
    });
  });

  test('applying the pipeline again leaves the names at home active', async () => {
    const build = find(objects, 'Deployment', 'build');
    await api.apply(build, { fieldManager: 'keelson' });
    const { metadata } = await api.get<KubernetesObject>(deployment(home));
    expect(metadata['annotations']).toMatchObject({ 'keel.sh/policy': 'regexp:^1\\.' });
  });

  test('its gate takes it off Keel’s watch, asks for the next one and starts the services, in its namespace alone', async () => {
    const gate = serviceAccount(first, 'build');
    const ask = { 'keel.sh/policy': 'never', 'keelson.dev/hand-over': 'uid-of-the-pod' };
    const patch = { metadata: { annotations: ask } };
    expect((await as(gate, 'PATCH', deployment(first), patch)).status).toBe(200);
    const scale = { spec: { replicas: 1 } };
    expect((await as(gate, 'PATCH', `${deployment(first, 'minio')}/scale`, scale)).status).toBe(200);
    for (const elsewhere of [home, second]) {
      expect((await as(gate, 'PATCH', deployment(elsewhere), patch)).status).toBe(403);
    }
    expect((await as(gate, 'GET', `/api/v1/namespaces/${first}/secrets/account`)).status).toBe(403);
    expect((await as(gate, 'POST', '/api/v1/namespaces', { metadata: { name: 'x' } })).status).toBe(403);
  });

  test('its Keel rolls it, but not while it is off the watch, and no build of another namespace', async () => {
    const rolls = async (namespace: string, who: string): Promise<Response> => {
      const read = await api.get<{ spec: { template: { metadata: { annotations?: object } } } }>(
        deployment(namespace),
      );
      read.spec.template.metadata.annotations = { 'keel.sh/update-time': String(Math.random()) };
      return as(serviceAccount(who, 'build-keel'), 'PUT', deployment(namespace), read);
    };
    const active = { metadata: { annotations: { 'keel.sh/policy': 'regexp:^1\\.' } } };
    expect((await as(controller, 'PATCH', deployment(second), active)).status).toBe(200);
    await waitFor(async () => (await rolls(second, second)).status === 200, { timeout: 10_000 });
    await waitFor(async () => (await rolls(home, home)).status === 200, { timeout: 10_000 });
    const refused = await rolls(first, first);
    expect([refused.status, message(refused)]).toEqual([
      422,
      expect.stringContaining('held back while its build runs'),
    ]);
    expect((await rolls(home, second)).status).toBe(403);
    expect(await may(serviceAccount(second, 'build-keel'), 'list', 'nodes')).toBe(true);
    expect(await may(serviceAccount(second, 'build'), 'list', 'nodes')).toBe(false);
  });

  test.each<[string, () => Promise<Response>, number, string]>([
    [
      'a listener’s namespace without its owner label',
      () => createNamespace('listener-x', {}),
      422,
      'owner label',
    ],
    [
      'one of another name',
      () => createNamespace('mine', { 'keelson.dev/owner': 'platform' }),
      422,
      'starts with gw- or listener-',
    ],
    [
      'one that admits privileged pods',
      () =>
        createNamespace('listener-x', {
          'keelson.dev/owner': 'platform',
          'pod-security.kubernetes.io/enforce': 'privileged',
        }),
      422,
      'restricted or baseline',
    ],
    ['a foreign ClusterRole in a listener’s namespace', () => bind({ role: 'cluster-admin' }), 403, ''],
    [
      'the role of commit namespaces there',
      () => bind({ role: 'keelson-platform-commit-namespace' }),
      422,
      'may only bind',
    ],
    ['its role for somebody else', () => bind({ account: 'default' }), 422, 'to itself'],
    ['its role in a foreign namespace', () => bind({ namespace: home }), 422, 'namespaces that it made'],
    ['its role in kube-system', () => bind({ namespace: 'kube-system' }), 422, 'namespaces that it made'],
    [
      'a Role for an account of another namespace',
      () => bind({ kind: 'Role', role: 'build-gate', account: 'default', accountNamespace: home }),
      422,
      'accounts of their namespace',
    ],
    [
      'a Role that grants more than it has',
      () =>
        as(controller, 'POST', `/apis/${RBAC}/namespaces/${first}/roles`, {
          apiVersion: RBAC,
          kind: 'Role',
          metadata: { name: 'more' },
          rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['list'] }],
        }),
      403,
      'attempting to grant RBAC permissions not currently held',
    ],
    [
      'a Role in the pipeline’s namespace',
      () =>
        as(controller, 'POST', `/apis/${RBAC}/namespaces/${home}/roles`, {
          apiVersion: RBAC,
          kind: 'Role',
          metadata: { name: 'more' },
          rules: [],
        }),
      403,
      'cannot create resource',
    ],
    [
      'its role cluster-wide',
      () => bindCluster('keelson-platform-listener-namespace', 'listener-x', first),
      422,
      'cluster-wide',
    ],
    [
      'node reading for somebody else',
      () => bindCluster('keelson-platform-listener-nodes', 'listener-x', 'default'),
      422,
      'read nodes',
    ],
    [
      'node reading under a foreign name',
      () => bindCluster('keelson-platform-listener-nodes', 'system-node', first),
      422,
      'starts with listener-',
    ],
    ['cluster-admin cluster-wide', () => bindCluster('cluster-admin', 'listener-x', first), 403, ''],
  ])('the controller is refused %s', async (_what, attempt, status, reason) => {
    const refused = await attempt();
    expect([refused.status, message(refused)]).toEqual([status, expect.stringContaining(reason)]);
  });

  test('what the controller may do in a listener’s namespace it may do in no other', async () => {
    for (const [verb, resource] of [
      ['create', 'deployments.apps'],
      ['create', 'secrets'],
      ['get', 'secrets'],
      ['create', 'roles.rbac.authorization.k8s.io'],
    ] as const) {
      expect([resource, await may(controller, verb, resource, first)]).toEqual([resource, true]);
      expect([resource, await may(controller, verb, resource, home)]).toEqual([resource, false]);
      expect([resource, await may(controller, verb, resource, 'kube-system')]).toEqual([resource, false]);
    }
    expect(await may(controller, 'list', 'secrets', first)).toBe(false);
  });

  test('the controller deletes a namespace that has served, and not the pipeline’s own', async () => {
    expect((await as(controller, 'DELETE', `/api/v1/namespaces/${second}`)).status).toBe(200);
    expect(message(await as(controller, 'DELETE', `/api/v1/namespaces/${home}`))).toContain(
      'namespaces that it made',
    );
  });

  interface Binding {
    readonly namespace?: string;
    readonly kind?: string;
    readonly role?: string;
    readonly account?: string;
    readonly accountNamespace?: string;
  }

  function binding(inNamespace: string, to: Binding): KubernetesObject {
    const { kind = 'ClusterRole', role = 'keelson-platform-listener-namespace' } = to;
    const { account = 'keelson-controller', accountNamespace = 'keelson-system' } = to;
    return {
      apiVersion: RBAC,
      kind: 'RoleBinding',
      metadata: { name: `${role}-${account}`, namespace: inNamespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: role },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace: accountNamespace }],
    };
  }

  function bind({ namespace = first, ...to }: Binding): Promise<Response> {
    const path = `/apis/${RBAC}/namespaces/${namespace}/rolebindings`;
    return as(controller, 'POST', path, binding(namespace, to));
  }

  function bindCluster(role: string, name: string, namespace: string): Promise<Response> {
    return as(controller, 'POST', `/apis/${RBAC}/clusterrolebindings`, {
      apiVersion: RBAC,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'ServiceAccount', name: 'build-keel', namespace }],
    });
  }

  async function may(
    { user, groups = [] }: Identity,
    verb: string,
    kind: string,
    where = '',
  ): Promise<boolean> {
    const [resource = '', ...group] = kind.split('.');
    const resourceAttributes = { verb, group: group.join('.'), resource, namespace: where };
    const { body } = await api.request<{ status: { allowed: boolean } }>(
      'POST',
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, groups, resourceAttributes },
      },
    );
    return body.status.allowed;
  }
});

function message({ body }: Response): string {
  return (body as { message?: string }).message ?? '';
}
