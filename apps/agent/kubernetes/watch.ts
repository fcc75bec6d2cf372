import { setTimeout as sleep } from 'node:timers/promises';
import { type Kubernetes, query, type Selection, selectors } from './client.ts';
import { hasStatus, KubernetesError } from './errors.ts';
import type { KubernetesObject } from './object.ts';

/** What a watch says: all objects at first, and again whenever it has lost track; then each change. */
export type WatchEvent<T extends KubernetesObject> =
  | { readonly type: 'listed'; readonly objects: readonly T[] }
  | { readonly type: 'changed'; readonly object: T }
  | { readonly type: 'deleted'; readonly object: T };

/** What a watch is told to look at: objects of a kind, or one of them by its name. */
export type Watched = Selection & { readonly name?: string };

/** Servers end watches after this time, and clients that hear nothing for longer do. */
const SECONDS = 300;
const GUARD_MS = (SECONDS + 30) * 1000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Watches until `signal` is aborted. Where the server closes it, has forgotten its past (410), or does not answer, the
 * watch goes on from where it was, or lists anew.
 *
 * A single object is got and not listed, so that rights by name are enough.
 */
export async function* watch<T extends KubernetesObject>(
  client: Kubernetes,
  watched: Watched,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  let version: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const [objects, listedAt] = await look<T>(client, watched);
        yield { type: 'listed', objects };
        version = listedAt;
      }
      const startedAt = Date.now();
      for await (const event of stream<T>(client, watched, version, signal)) {
        failures = 0;
        version = event.version;
        if (event.type !== 'bookmark') yield { type: event.type, object: event.object };
      }
      // One that ends as soon as it has begun must not become a hot loop.
      if (Date.now() - startedAt < 1000) await pause(++failures, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof KubernetesError)) throw error;
      if (hasStatus(error, 410)) {
        version = undefined;
      } else {
        // After no answer nobody knows what was missed, unless the version is still good; 410 says if not.
        await pause(++failures, signal);
      }
    }
  }
}

async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
  await sleep(longest * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
}

async function look<T extends KubernetesObject>(
  client: Kubernetes,
  watched: Watched,
): Promise<[readonly T[], string]> {
  const { name, namespace } = watched;
  if (name === undefined) {
    const { items, metadata } = await client.list<T>(watched);
    return [items, metadata.resourceVersion];
  }
  const { apiVersion, kind } = watched;
  const object = await client.get<T>({
    apiVersion,
    kind,
    name,
    ...(namespace !== undefined && { namespace }),
  });
  // Without a version the server starts with what is there.
  return object === undefined ? [[], ''] : [[object], object.metadata.resourceVersion ?? ''];
}

type StreamEvent<T> =
  | { readonly type: 'changed' | 'deleted'; readonly object: T; readonly version: string }
  | { readonly type: 'bookmark'; readonly version: string };

async function* stream<T extends KubernetesObject>(
  client: Kubernetes,
  watched: Watched,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent<T>> {
  const { name } = watched;
  const path = await client.collectionPath(watched);
  const guard = AbortSignal.any([signal, AbortSignal.timeout(GUARD_MS)]);
  const answer = await client.open({
    method: 'GET',
    path: `${path}${query({
      ...selectors(watched),
      ...(name !== undefined && { fieldSelector: `metadata.name=${name}` }),
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(SECONDS),
      ...(resourceVersion !== '' && { resourceVersion }),
    })}`,
    signal: guard,
  });
  // Events may be minutes apart.
  answer.socket.setTimeout(0);
  try {
    for await (const line of lines(answer)) yield parseEvent<T>(line);
  } catch (error) {
    if (error instanceof KubernetesError) throw error;
    throw new KubernetesError(`watch ${path}`, { status: 0, body: (error as Error).message });
  } finally {
    answer.destroy();
  }
}

function parseEvent<T extends KubernetesObject>(line: string): StreamEvent<T> {
  const { type, object } = JSON.parse(line) as { type: string; object: T & { code?: number } };
  if (type === 'ERROR') {
    throw new KubernetesError('watch', { status: object.code ?? 0, body: object });
  }
  const version = object.metadata.resourceVersion ?? '';
  if (type === 'BOOKMARK') return { type: 'bookmark', version };
  return { type: type === 'DELETED' ? 'deleted' : 'changed', object, version };
}

async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    yield* parts.filter((part) => part !== '');
  }
}
