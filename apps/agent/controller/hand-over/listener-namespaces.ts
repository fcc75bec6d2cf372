import type { BuildConfiguration } from '../../../../lib/agent/configuration.ts';
import { hasStatus } from '../../kubernetes/errors.ts';
import type { ControllerContext } from '../context.ts';
import { listMade } from './read-places.ts';

/** The namespaces beside the pipeline's own in which a build is, all of it. */
export async function listenerNamespaces(
  context: ControllerContext,
  home: string,
  build: BuildConfiguration,
): Promise<readonly string[]> {
  if (build.handOver === undefined) return [];
  const made = await listMade(context, { home, build });
  const names = made.map(({ metadata }) => metadata.name);
  const there = await Promise.all(
    names.map((namespace) => hasDeployment(context, namespace, build.deployment)),
  );
  return names.filter((_, index) => there[index]);
}

/** Where the controller has no rights yet, nothing has been made. */
async function hasDeployment(
  { client }: ControllerContext,
  namespace: string,
  name: string,
): Promise<boolean> {
  const found = await client
    .getMetadata({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, name })
    .catch((error: unknown) => {
      if (!hasStatus(error, 403)) throw error;
      return undefined;
    });
  return found !== undefined;
}
