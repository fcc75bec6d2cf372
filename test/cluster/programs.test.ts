// Every variant and every example, whole, at a real API server: nothing is left out because another test has it.
import { posix } from 'node:path';
import { fillTemplate, type PipelineConfiguration } from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { commitOn } from '../support/commits.ts';
import { examples, runExample } from '../support/examples.ts';
import { variants } from '../support/variants.ts';
import { Api, type KubernetesObject, waitFor } from './api.ts';
import { changedByApplyingAgain, expectAdmitted } from './applied.ts';
import { findCrds, installCrds } from './crds.ts';
import { kubectl } from './kubectl.ts';
import { missing, testApi, withoutApi } from './provided.ts';
import { removeObjects, removeWithFinalizers } from './reference.ts';

type Files = ReadonlyMap<string, string>;
type Program = readonly [name: string, files: () => Files];

const programs: readonly Program[] = [
  ...[...variants].map(([name, synthesize]): Program => [name, () => synthesize().files]),
  ...examples.map((name): Program => [`the example ${name}`, () => runExample(name).files]),
];
const crds = await findCrds(
  ...(['argo-cd', 'flux-kustomize-controller', 'flux-source-controller'] as const),
  ...(['external-secrets', 'sealed-secrets'] as const),
);
describe.skipIf(withoutApi || crds.missing !== '')(
  `every program at a real API server${missing}${crds.missing}`,
  () => {
    let api: Api;
    const namespaces = new Set<string>();
    beforeAll(async () => {
      api = await Api.connect(testApi().kubeconfig);
      await installCrds(api, crds);
      // Namespaces of earlier tests may still be going.
      await waitFor(async () => (await terminating(api)).length === 0, {
        describe: async () => JSON.stringify(await terminating(api)),
      });
      // Their pods run in other tests, with images that are there.
      await schedulable(api, false);
    });
    afterAll(async () => {
      await removeObjects(api, [...namespaces].map(namespaceObject));
      await schedulable(api, true);
    });

    test.each(programs)(
      '%s is accepted, also a second time, with all its pods and Jobs',
      async (_name, files) => {
        const objects = inOrder(files());
        expect(objects.length).toBeGreaterThan(0);
        const made = foundations(objects);
        try {
          for (const object of made) await api.apply(object, { force: true });
          for (const object of objects) {
            made.push(object);
            await api.apply(object, { fieldManager: 'keelson' });
          }
          expect(await changedByApplyingAgain(api, objects)).toEqual([]);
          for (const object of jobsOf(objects)) {
            made.push(object);
            await api.apply(object);
          }
          for (const object of made) await expectPod(api, object);
        } finally {
          await clear(api, made);
          for (const object of made) {
            if (object.kind !== 'Namespace') continue;
            namespaces.add(object.metadata.name);
            // The next program may find it without making it: it is not to find this one's Pod Security level.
            await api.apply(namespaceObject(object.metadata.name), { fieldManager: 'keelson' });
          }
        }
      },
    );
  },
);

async function terminating(api: Api): Promise<KubernetesObject[]> {
  const { items } = await api.get<{ items: KubernetesObject[] }>('/api/v1/namespaces');
  return items.filter(({ metadata }) => 'deletionTimestamp' in metadata);
}

/** The objects in the order in which the kustomizations name their files. */
function inOrder(files: Files): KubernetesObject[] {
  const kustomizations = [...files.keys()].filter((path) => posix.basename(path) === 'kustomization.yaml');
  const named = (path: string): string[] => {
    const { resources } = parse(files.get(path) ?? '') as { resources: string[] };
    return resources.map((resource) => posix.join(posix.dirname(path), resource));
  };
  const inner = new Set(kustomizations.flatMap(named).map((path) => posix.join(path, 'kustomization.yaml')));
  const read = (path: string): KubernetesObject[] =>
    files.has(path)
      ? [parse(files.get(path) ?? '')]
      : named(posix.join(path, 'kustomization.yaml')).flatMap(read);
  const roots = kustomizations.filter((path) => !inner.has(path));
  return roots.flatMap((root) => named(root).flatMap(read));
}

/** What programs take for granted: namespaces such as that of Argo CD, and classes that they name. */
function foundations(objects: readonly KubernetesObject[]): KubernetesObject[] {
  const made = new Set(
    objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name),
  );
  const named = new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []));
  const namespaces = [...named].filter((name) => !made.has(name) && name !== 'default').map(namespaceObject);
  return [
    ...namespaces,
    { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'nvidia' }, handler: 'nvidia' },
    { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'builds' }, value: 1 },
  ];
}

function namespaceObject(name: string): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** What a controller makes of a commit: namespaces of image builds, and Jobs of releases. */
function jobsOf(objects: readonly KubernetesObject[]): KubernetesObject[] {
  return objects
    .filter(({ metadata }) => metadata.name === 'keelson-pipeline')
    .flatMap((object, index) => {
      const { data } = object as { data?: Record<string, string> };
      const { images, releases }: PipelineConfiguration = JSON.parse(data?.['pipeline.json'] ?? '');
      const released = releases.flatMap((release) => [...release.images, ...release.jobs]);
      return [...images, ...released].flatMap(({ jobTemplate }, count) => {
        const values = commitOn('main', { namespace: `gw-program-${index}-${count}` });
        return fillTemplate(jobTemplate, values) as unknown as KubernetesObject[];
      });
    });
}

/** Fails where the pod of a workload is not made, because Pod Security or a quota refuses it. */
async function expectPod(api: Api, object: KubernetesObject): Promise<void> {
  // There is no node for a DaemonSet.
  if (object.kind === 'DaemonSet') return expectAdmitted(api, object);
  if (object.kind !== 'Deployment' && object.kind !== 'Job') return;
  const { name, namespace = '' } = object.metadata;
  const path = await api.pathOf(object);
  await waitFor(
    async () => {
      const { status } = await api.get<{ status: { replicas?: number; active?: number } }>(path);
      return (status.replicas ?? status.active ?? 0) > 0;
    },
    {
      timeout: 20_000,
      describe: () => kubectl(testApi().kubeconfig, '-n', namespace, 'get', 'events').catch(String),
    },
  ).catch((error: unknown) => {
    throw new Error(`${object.kind} ${namespace}/${name} has no pod`, { cause: error });
  });
}

/** Deletes all but the namespaces, which take long to go and are the same in many programs, and what came of it. */
async function clear(api: Api, objects: readonly KubernetesObject[]): Promise<void> {
  const paths = await Promise.all(
    objects.filter(({ kind }) => kind !== 'Namespace').map((object) => api.pathOf(object)),
  );
  for (const path of paths.reverse()) await removeWithFinalizers(api, path);
  const gone = async (path: string): Promise<boolean> => (await api.request('GET', path)).status === 404;
  for (const path of paths)
    await waitFor(() => gone(path), { timeout: 60_000, describe: async () => `${path} does not go` });
  await waitFor(async () => (await api.get<{ items: object[] }>('/api/v1/pods')).items.length === 0);
}

async function schedulable(api: Api, value: boolean): Promise<void> {
  const { items } = await api.get<{ items: KubernetesObject[] }>('/api/v1/nodes');
  for (const { metadata } of items) {
    const path = `/api/v1/nodes/${metadata.name}`;
    const change = { spec: { unschedulable: !value } };
    await api.request('PATCH', path, change, { contentType: 'application/merge-patch+json' });
  }
}
