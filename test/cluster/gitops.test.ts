import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { customKinds } from '../kubernetes/custom-kinds.ts';
import { gitops } from '../support/gitops.ts';
import { synthesized } from '../support/synthesized.ts';
import { Api, type KubernetesObject, type Response, serviceAccount } from './api.ts';
import { findCrds, installCrds } from './crds.ts';
import { missing, testApi, withoutApi } from './provided.ts';
import { find, referenceObjects, removeObjects, removeWithFinalizers } from './reference.ts';

const crds = await findCrds('argo-cd', 'flux-kustomize-controller', 'flux-source-controller');
const skipped = withoutApi || crds.missing !== '';

describe.skipIf(skipped)(`objects of Argo CD and Flux at a real API server${missing}${crds.missing}`, () => {
  const objects = synthesized(gitops).objects as readonly KubernetesObject[];
  const namespaces = [...new Set(objects.map(({ metadata }) => metadata.namespace ?? ''))];
  let api: Api;

  beforeAll(async () => {
    api = await Api.connect(testApi().kubeconfig);
    await installCrds(api, crds);
    for (const name of namespaces) await api.createNamespace(name, 'restricted');
  });
  afterAll(async () => {
    for (const object of objects) await removeWithFinalizers(api, await api.pathOf(object));
    for (const name of namespaces) await api.delete(`/api/v1/namespaces/${name}`);
  });

  test('are of every kind that the tests without a cluster have no schema for', () => {
    const kinds = objects.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`);
    const mine = [...customKinds].filter((kind) => /argoproj|fluxcd/.test(kind));
    expect([...new Set(kinds)].sort()).toEqual(mine.sort());
  });

  test('are accepted with strict field validation, without a warning, and nothing is added to their specs', async () => {
    for (const object of objects) {
      const { status, warnings, body } = await api.apply(object, { fieldManager: 'keelson' });
      expect([object.metadata.name, status, warnings]).toEqual([object.metadata.name, 201, []]);
      expect(body['spec']).toMatchObject(object['spec'] as object);
    }
  });

  test('change nothing when they are applied again', async () => {
    // Flux's controllers write a status at once. The default of an unwritten one would be stored by the next request.
    for (const object of objects.filter(({ kind }) => kind !== 'Application')) {
      const status = `${await api.pathOf(object)}/status`;
      await patch(api, status, undefined, { status: { observedGeneration: 1 } });
    }
    const versions = async (): Promise<unknown[]> =>
      Promise.all(
        objects.map(async (object) => {
          const { metadata } = await api.get<KubernetesObject>(await api.pathOf(object));
          return [metadata.name, metadata['resourceVersion'], metadata['generation']];
        }),
      );
    const before = await versions();
    for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
    expect(await versions()).toEqual(before);
  });

  test('are refused where a field has another name', async () => {
    const [object] = objects;
    const misspelt = { ...object, spec: { ...(object?.['spec'] as object), sauce: {} } } as KubernetesObject;
    await expect(api.apply(misspelt, { dryRun: true })).rejects.toThrow('sauce');
  });
});

/**
 * The tools, as far as their requests to the API server go: server-side apply that takes fields over, under these
 * names, with what each adds to the metadata. Argo CD leaves Leases out, always.
 */
const TOOLS = [
  {
    tool: 'Argo CD',
    fieldManager: 'argocd-controller',
    applied: ({ kind }: KubernetesObject): boolean => kind !== 'Lease',
    marks: (name: string) => ({ annotations: { 'argocd.argoproj.io/tracking-id': `ci:${name}` } }),
  },
  {
    tool: 'Flux',
    fieldManager: 'kustomize-controller',
    applied: (): boolean => true,
    marks: () => ({ labels: { 'kustomize.toolkit.fluxcd.io/name': 'ci' } }),
  },
];

describe.skipIf(withoutApi).each(TOOLS)(
  `the reference pipeline at a real API server, applied as $tool does it${missing}`,
  ({ fieldManager, applied, marks }) => {
    const namespace = `gitops-${fieldManager}`;
    const gate = serviceAccount(namespace, 'build');
    const keel = serviceAccount('keel', `keel-${namespace}`);
    const controller = serviceAccount('keelson-system', 'keelson-controller');
    let api: Api;
    let all: KubernetesObject[];
    let objects: KubernetesObject[];

    beforeAll(async () => {
      api = await Api.connect(testApi().kubeconfig);
      all = await referenceObjects({ namespace });
      objects = all.filter(applied).map((object) => marked(object, marks(object.metadata.name)));
    });
    afterAll(() => removeObjects(api, all));

    const path = (kind: string, name: string): Promise<string> => api.pathOf(find(all, kind, name));
    const live = async (kind: string, name: string): Promise<KubernetesObject> =>
      api.get<KubernetesObject>(await path(kind, name));
    const sync = async (): Promise<void> => {
      for (const object of objects) await api.apply(object, { fieldManager, force: true });
    };

    test('is accepted, also a second time', async () => {
      await sync();
      await sync();
      expect(await drift(api, objects, fieldManager)).toEqual([]);
    });

    test('keeps what gate, controller and Keel change at run time, and is in step all the while', async () => {
      // Each with its own rights; Keel writes whole objects.
      await patch(api, await path('Deployment', 'build'), gate, {
        metadata: { annotations: { 'keel.sh/policy': 'never' } },
      });
      await patch(api, `${await path('Deployment', 'minio')}/scale`, gate, { spec: { replicas: 0 } });
      await patch(api, `${await path('Deployment', 'rabbitmq')}/scale`, controller, {
        spec: { replicas: 1 },
      });
      await patch(api, `${await path('Deployment', 'build')}/scale`, controller, { spec: { replicas: 0 } });
      await patch(api, await path('ConfigMap', 'build-status'), gate, { data: { 'status.json': '{}' } });
      await patch(api, await path('ConfigMap', 'keelson-ledger'), controller, { data: { main: 'abc' } });
      await patch(api, await path('Secret', 'minio-credentials'), controller, {
        data: { user: 'dXNlcg==', password: 'cGFzc3dvcmQ=' },
      });
      const lease = { ...find(all, 'Lease', 'build'), spec: { holderIdentity: 'pod-uid' } };
      await api.apply(lease, { as: gate, fieldManager: 'agent' });
      await patch(api, await path('Deployment', 'build'), gate, {
        metadata: { annotations: { 'keel.sh/policy': null } },
      });
      await roll(api, await path('Deployment', 'build'), keel);
      await patch(api, await path('Deployment', 'build'), gate, {
        metadata: { annotations: { 'keel.sh/policy': 'never' } },
      });

      expect(await drift(api, objects, fieldManager)).toEqual([]);
      await sync();

      const build = (await live('Deployment', 'build')) as KubernetesObject & Deployment;
      expect(build.metadata.annotations).toMatchObject({
        'keel.sh/policy': 'never',
        'keel.sh/digest': 'sha256:abc',
        'kubernetes.io/change-cause': 'keel automated update',
      });
      expect(build.spec.template.metadata.annotations).toMatchObject({ 'keel.sh/update-time': 'now' });
      expect(build.spec.replicas).toBe(0);
      expect(await live('Deployment', 'minio')).toHaveProperty('spec.replicas', 0);
      expect(await live('Deployment', 'rabbitmq')).toHaveProperty('spec.replicas', 1);
      expect((await live('ConfigMap', 'build-status'))['data']).toEqual({ 'status.json': '{}' });
      expect((await live('ConfigMap', 'keelson-ledger'))['data']).toEqual({ main: 'abc' });
      expect((await live('Secret', 'minio-credentials'))['data']).toEqual({
        user: 'dXNlcg==',
        password: 'cGFzc3dvcmQ=',
      });
      expect(await live('Lease', 'build')).toHaveProperty('spec.holderIdentity', 'pod-uid');
      expect(await drift(api, objects, fieldManager)).toEqual([]);
    });

    test('takes no field from anybody: without force, too, there is no conflict', async () => {
      for (const object of objects) {
        const { status } = await api.apply(object, { fieldManager });
        expect([200, 201]).toContain(status);
      }
    });

    test('undoes what somebody changes of that which the manifests have', async () => {
      const deployment = await path('Deployment', 'minio');
      await patch(api, deployment, undefined, { spec: { revisionHistoryLimit: 7 } });
      expect(await drift(api, objects, fieldManager)).toEqual(['Deployment minio']);
      await sync();
      expect(await live('Deployment', 'minio')).not.toHaveProperty('spec.revisionHistoryLimit', 7);
    });
  },
);

interface Deployment {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly replicas?: number;
    readonly template: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };
  };
}

function marked(
  object: KubernetesObject,
  marks: Readonly<Record<string, Readonly<Record<string, string>>>>,
): KubernetesObject {
  const metadata: Record<string, unknown> = { ...object.metadata };
  for (const [map, added] of Object.entries(marks)) {
    metadata[map] = { ...(metadata[map] as Record<string, string> | undefined), ...added };
  }
  return { ...object, metadata: metadata as KubernetesObject['metadata'] };
}

/** What both tools call a difference: that a dry run of the apply would give another object than there is. */
async function drift(api: Api, objects: readonly KubernetesObject[], manager: string): Promise<string[]> {
  const drifted: string[] = [];
  for (const object of objects) {
    if (await hasDrifted(api, object, manager)) drifted.push(`${object.kind} ${object.metadata.name}`);
  }
  return drifted;
}

async function hasDrifted(api: Api, object: KubernetesObject, fieldManager: string): Promise<boolean> {
  const path = await api.pathOf(object);
  // Kubernetes' own controllers may write between the two requests: a real difference stays.
  for (let attempt = 1; attempt <= 3; attempt++) {
    const now = await api.get<KubernetesObject>(path);
    const { body } = await api.apply(object, { fieldManager, force: true, dryRun: true });
    if (comparable(now) === comparable(body)) return false;
  }
  return true;
}

function comparable({ status: _, ...object }: KubernetesObject): string {
  const { managedFields, resourceVersion, generation, ...metadata } = object.metadata;
  return JSON.stringify({ ...object, metadata });
}

async function patch(
  api: Api,
  path: string,
  as: ReturnType<typeof serviceAccount> | undefined,
  body: object,
): Promise<void> {
  const contentType = 'application/merge-patch+json';
  const options = { contentType, query: { fieldManager: 'agent' }, ...(as !== undefined && { as }) };
  expectDone(path, await api.request('PATCH', path, body, options));
}

/** What Keel writes when it rolls a Deployment: the object that it has read, with these annotations. */
async function roll(api: Api, path: string, as: ReturnType<typeof serviceAccount>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const written = rolled(await api.get<KubernetesObject & Deployment>(path));
    const response = await api.request('PUT', path, written, { as, query: { fieldManager: 'keel' } });
    // Kubernetes' own controllers write too; Keel tries again as well.
    if (response.status !== 409 || attempt === 5) return expectDone(path, response);
  }
}

function rolled({ metadata, spec, ...read }: KubernetesObject & Deployment): object {
  const cause = {
    'keel.sh/digest': 'sha256:abc',
    'kubernetes.io/change-cause': 'keel automated update',
  };
  const inner = spec.template.metadata;
  const template = {
    ...spec.template,
    metadata: { ...inner, annotations: { ...inner.annotations, 'keel.sh/update-time': 'now' } },
  };
  const annotations = { ...metadata.annotations, ...cause };
  return { ...read, metadata: { ...metadata, annotations }, spec: { ...spec, template } };
}

function expectDone(path: string, { status, body }: Response): void {
  if (status >= 300) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
}
