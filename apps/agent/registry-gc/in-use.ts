import type { PipelineConfiguration } from '../../../lib/agent/configuration.ts';
import { KeelsonLabels } from '../../../lib/kubernetes/labels.ts';
import type { ControllerContext } from '../controller/context.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { ImagesInUse } from './plan.ts';

interface PodSpec {
  readonly initContainers?: readonly { readonly image?: string }[];
  readonly containers?: readonly { readonly image?: string }[];
}

interface Pod extends KubernetesObject {
  readonly spec?: PodSpec;
  readonly status?: Readonly<
    Record<'initContainerStatuses' | 'containerStatuses', readonly { imageID?: string }[]>
  >;
}

interface Deployment extends KubernetesObject {
  readonly spec?: { readonly template?: { readonly spec?: PodSpec } };
}

/**
 * The images of these repositories that pods of pipelines run, and that their builds' Deployments name, in the namespaces
 * of listeners too.
 */
export async function imagesInUse(
  { client, configuration }: Pick<ControllerContext, 'client' | 'configuration'>,
  pipelines: readonly PipelineConfiguration[],
  repositories: readonly string[],
): Promise<ImagesInUse> {
  const labelSelector = `${KeelsonLabels.OWNER}=${configuration.platform},${KeelsonLabels.LISTENER}`;
  const { items } = await client.list({ apiVersion: 'v1', kind: 'Namespace', labelSelector });
  const listeners = items.map(({ metadata }) => metadata.name);
  const images = pipelines.flatMap(({ builds }) => builds.map(({ image }) => image));
  for (const { namespace, builds, jobs } of pipelines) {
    const handsOver = builds.some(({ handOver }) => handOver !== undefined);
    if (builds.length + jobs.length === 0) continue;
    for (const where of [namespace, ...(handsOver ? listeners : [])]) {
      images.push(...(await imagesIn(client, where, builds)));
    }
  }
  const used = images
    .map(partsOf)
    .filter(({ repository }) => repositories.some((name) => repository.endsWith(`/${name}`)));
  return {
    tags: used.flatMap(({ tag }) => tag ?? []),
    digests: used.flatMap(({ digest }) => digest ?? []),
  };
}

async function imagesIn(
  client: ControllerContext['client'],
  namespace: string,
  builds: PipelineConfiguration['builds'],
): Promise<string[]> {
  const images: string[] = [];
  const { items } = await client.list<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace }).catch(noneWhereGone);
  for (const { spec, status } of items) {
    images.push(...imagesOf(spec));
    for (const { imageID } of [
      ...(status?.initContainerStatuses ?? []),
      ...(status?.containerStatuses ?? []),
    ]) {
      if (imageID !== undefined) images.push(imageID);
    }
  }
  for (const { deployment: name } of builds) {
    const reference = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name };
    const found = await client.get<Deployment>(reference).catch((error: unknown) => {
      if (hasStatus(error, 403)) return undefined;
      throw error;
    });
    images.push(...imagesOf(found?.spec?.template?.spec));
  }
  return images;
}

/** A listener's namespace may be new, or on its way out: nobody has rights in it then. */
function noneWhereGone(error: unknown): { readonly items: readonly Pod[] } {
  if (hasStatus(error, 403, 404)) return { items: [] };
  throw error;
}

function imagesOf(spec: PodSpec | undefined): string[] {
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].flatMap(({ image }) => image ?? []);
}

/** Names that runtimes give are not always names that may be pulled, such as `docker-pullable://…`. */
function partsOf(image: string): {
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
} {
  const [name = '', digest] = image.split('@', 2);
  const colon = name.lastIndexOf(':');
  const tagged = colon > name.lastIndexOf('/');
  return {
    repository: tagged ? name.slice(0, colon) : name,
    ...(tagged && { tag: name.slice(colon + 1) }),
    ...(digest !== undefined && { digest }),
  };
}
