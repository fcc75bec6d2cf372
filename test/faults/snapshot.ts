import type { Api, KubernetesObject } from '../cluster/api.ts';

/** Every object of a cluster by its name: `KIND NAMESPACE/NAME`. */
export async function everyObject(api: Api): Promise<ReadonlyMap<string, KubernetesObject>> {
  const found = new Map<string, KubernetesObject>();
  for (const root of await roots(api)) {
    const { resources } = await api.get<{ resources: readonly Resource[] }>(root);
    for (const { name, kind, verbs } of resources) {
      if (name.includes('/') || !verbs.includes('list')) continue;
      const { items } = await api.get<{ items: readonly KubernetesObject[] }>(`${root}/${name}`);
      for (const object of items) {
        const { namespace = '', name } = object.metadata;
        found.set(`${kind} ${namespace}/${name}`, { ...object, kind });
      }
    }
  }
  return found;
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

/** The preferred version of each group. */
async function roots(api: Api): Promise<readonly string[]> {
  const { groups } = await api.get<{ groups: readonly { preferredVersion: { groupVersion: string } }[] }>(
    '/apis',
  );
  return ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
}
