import type { Kubernetes } from './client.ts';
import { noAnswer } from './connection.ts';
import { hasStatus } from './errors.ts';
import type { KubernetesObject, ObjectList } from './object.ts';
import { query, type Selection, selectors } from './selection.ts';

const PAGE = '500';
/** How often a list is begun whose next page was then forgotten by the API server. */
const ATTEMPTS = 3;

/** All objects that are meant, as of one version of the cluster's state. */
export async function listAll<T extends KubernetesObject>(
  client: Kubernetes,
  selection: Selection,
): Promise<ObjectList<T>> {
  const path = await client.collectionPath(selection);
  for (let attempt = 1; ; attempt++) {
    try {
      return await listPages<T>(client, path, selection);
    } catch (error) {
      if (attempt === ATTEMPTS || !hasStatus(error, 410)) throw error;
    }
  }
}

async function listPages<T extends KubernetesObject>(
  client: Kubernetes,
  path: string,
  selection: Selection,
): Promise<ObjectList<T>> {
  const { apiVersion, kind } = selection;
  const objects: T[] = [];
  for (let next: string | undefined; ; ) {
    const page = await client.request<ObjectList<T>>({
      method: 'GET',
      path: `${path}${query({ ...selectors(selection), limit: PAGE, continue: next })}`,
    });
    const { metadata, items } = page;
    if (!Array.isArray(items) || typeof metadata?.resourceVersion !== 'string')
      throw noAnswer(`GET ${path}`, 'the answer is no list');
    // Items of a list don't say what they are.
    for (const item of items as readonly T[]) objects.push({ ...item, apiVersion, kind });
    next = metadata.continue;
    if (next === undefined || next === '') return { metadata, items: objects };
  }
}
