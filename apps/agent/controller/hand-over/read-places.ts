import type { BuildConfiguration } from '../../../../lib/agent/configuration.ts';
import { KeelsonLabels } from '../../../../lib/kubernetes/labels.ts';
import { hasStatus } from '../../kubernetes/errors.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import { bindOwnRights, hasOwnRights, onceAllowed } from '../commit-namespace.ts';
import type { ControllerContext } from '../context.ts';
import type { BuildDeployment } from '../repair/missed-push.ts';
import type { NextListener } from './next-listener.ts';
import type { Places } from './next-step.ts';
import { isListener, namedBy, type Place } from './place.ts';

/** Whose namespaces are meant. */
export interface PlacesOf {
  /** The pipeline's namespace. */
  readonly home: string;
  readonly build: Pick<BuildConfiguration, 'deployment'>;
}

/** Labels of the namespaces that the controller makes for a build. */
export function listenerLabels(
  { configuration }: ControllerContext,
  { home, build }: PlacesOf,
): Record<string, string> {
  return {
    [KeelsonLabels.OWNER]: configuration.platform,
    [KeelsonLabels.HOME]: home,
    [KeelsonLabels.LISTENER]: build.deployment,
  };
}

/** The namespaces that were made for a build, the oldest first, without those that are being deleted. */
export async function listMade(
  context: ControllerContext,
  of: PlacesOf,
): Promise<readonly KubernetesObject[]> {
  const labelSelector = Object.entries(listenerLabels(context, of))
    .map(([name, value]) => `${name}=${value}`)
    .join();
  const { items } = await context.client.list({ apiVersion: 'v1', kind: 'Namespace', labelSelector });
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .sort((a, b) => madeAt(a) - madeAt(b) || (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** How long ago an object was made, in milliseconds. */
export function age(object: KubernetesObject): number {
  return Date.now() - madeAt(object);
}

function madeAt({ metadata }: KubernetesObject): number {
  return Date.parse(metadata.creationTimestamp ?? '');
}

/**
 * Reads where a build is. One of a chosen name that somebody else has made is left out, and nothing is written to it.
 */
export async function readPlaces(context: ControllerContext, of: PlacesOf): Promise<Places> {
  const home: Place = { namespace: of.home, made: undefined, deployment: await read(context, of, of.home) };
  const all = await Promise.all(
    (await listMade(context, of)).map(async (made): Promise<Place> => {
      const { name: namespace } = made.metadata;
      return { namespace, made, deployment: await readWhereAllowed(context, of, namespace) };
    }),
  );
  const named = [home, ...all].flatMap((place) => namedBy(place) ?? []);
  return { home, made: all.filter((place) => !isForeign(place, named)) };
}

/** Whether another has made a namespace of a name that was chosen. */
function isForeign(place: Place, named: readonly NextListener[]): boolean {
  return named.some((next) => next.namespace === place.namespace && !isListener(place, next));
}

/** Undefined, too, where the controller has not given itself its rights: then it has not made anything there. */
async function readWhereAllowed(
  context: ControllerContext,
  of: PlacesOf,
  namespace: string,
): Promise<BuildDeployment | undefined> {
  try {
    return await read(context, of, namespace);
  } catch (error) {
    if (!hasStatus(error, 403)) throw error;
    if (!(await hasOwnRights(context, namespace))) return undefined;
    return onceAllowed(() => read(context, of, namespace));
  }
}

/** Gives the controller its rights in the namespace of a listener. */
export async function bindListenerRights(context: ControllerContext, namespace: string): Promise<void> {
  const { listenerNamespaceRole } = context.configuration;
  if (listenerNamespaceRole === undefined)
    throw new Error('the platform lets no build hand over: give the Platform handOver: true');
  await bindOwnRights(context, namespace, listenerNamespaceRole);
}

function read(
  { client }: ControllerContext,
  { build }: PlacesOf,
  namespace: string,
): Promise<BuildDeployment | undefined> {
  return client.get<BuildDeployment>({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    namespace,
    name: build.deployment,
  });
}
