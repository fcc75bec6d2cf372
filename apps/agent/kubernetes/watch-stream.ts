import type { IncomingMessage } from 'node:http';
import type { Kubernetes } from './client.ts';
import { noAnswer } from './connection.ts';
import { KubernetesError } from './errors.ts';
import { lines } from './lines.ts';
import type { KubernetesObject, ObjectList } from './object.ts';
import { isOlder } from './resource-version.ts';
import { query, type Selection, selectors } from './selection.ts';

/** What a watch is told to look at: objects of a kind, or one of them by its name. */
export type Watched = Selection & { readonly name?: string };

/** What one answer to a watch says, and the version of the cluster's state that each of it has. */
export type StreamEvent<T> =
  | { readonly type: 'listed'; readonly objects: readonly T[]; readonly version?: string }
  | { readonly type: 'changed' | 'deleted'; readonly object: T; readonly version: string }
  | { readonly type: 'bookmark'; readonly version: string };

/** Servers end watches after this time, not all at once. */
const SECONDS = 300;
/** A line holds one object; etcd takes none over 1.5 MiB, which JSON may make longer. */
const LONGEST_LINE = 16 << 20;

/** All objects and each change after, until the answer ends; only the changes where they are known up to `version`. */
export async function* follow<T extends KubernetesObject>(
  client: Kubernetes,
  watched: Watched,
  version: string | undefined,
): AsyncGenerator<StreamEvent<T>> {
  if (version !== undefined) {
    yield* events<T>(await open(client, watched, version));
  } else if (watched.name === undefined) {
    let list: ObjectList<T> | undefined = await client.list<T>(watched);
    const { resourceVersion } = list.metadata;
    yield { type: 'listed', objects: list.items, version: resourceVersion };
    // It would be kept in memory as long as the watch lasts.
    list = undefined;
    yield* events<T>(await open(client, watched, resourceVersion));
  } else {
    yield* followOne<T>(client, watched, watched.name);
  }
}

/**
 * The object's own version may be too old to watch from. So the watch begins where the cluster is, with what is there, and
 * the object is read once it has begun: nothing falls between the two.
 */
async function* followOne<T extends KubernetesObject>(
  client: Kubernetes,
  watched: Watched,
  name: string,
): AsyncGenerator<StreamEvent<T>> {
  const { apiVersion, kind, namespace } = watched;
  const answer = await open(client, watched);
  try {
    const reference = { apiVersion, kind, name, ...(namespace !== undefined && { namespace }) };
    const object = await client.get<T>(reference);
    yield { type: 'listed', objects: object === undefined ? [] : [object] };
    const known = object?.metadata.resourceVersion ?? '';
    for await (const event of events<T>(answer)) if (isOlder(known, event.version)) yield event;
  } finally {
    answer.destroy();
  }
}

async function open(
  client: Kubernetes,
  watched: Watched,
  resourceVersion?: string,
): Promise<IncomingMessage> {
  const { name } = watched;
  const seconds = Math.round(SECONDS * (0.75 + Math.random() / 2));
  const path = await client.collectionPath(watched);
  return client.open({
    method: 'GET',
    path: `${path}${query({
      ...selectors(watched),
      ...(name !== undefined && { fieldSelector: `metadata.name=${name}` }),
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
      resourceVersion,
    })}`,
    // A server that is gone without a word is given up then.
    duration: (seconds + 30) * 1000,
  });
}

async function* events<T extends KubernetesObject>(
  answer: IncomingMessage,
): AsyncGenerator<Exclude<StreamEvent<T>, { type: 'listed' }>> {
  try {
    for await (const line of lines(answer, LONGEST_LINE)) yield parseEvent<T>(line);
  } catch (error) {
    throw error instanceof KubernetesError ? error : noAnswer('watch', error);
  } finally {
    answer.destroy();
  }
}

function parseEvent<T extends KubernetesObject>(line: string): Exclude<StreamEvent<T>, { type: 'listed' }> {
  const { type, object } = JSON.parse(line) as { type: string; object: T & { code?: number } };
  if (type === 'ERROR') throw new KubernetesError('watch', { status: object.code ?? 0, body: object });
  const version = object.metadata.resourceVersion ?? '';
  if (type === 'BOOKMARK') return { type: 'bookmark', version };
  return { type: type === 'DELETED' ? 'deleted' : 'changed', object, version };
}
