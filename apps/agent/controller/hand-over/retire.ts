import type { BuildConfiguration } from '../../../../lib/agent/configuration.ts';
import { KeelsonAnnotations, KeelsonLabels } from '../../../../lib/kubernetes/labels.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import type { ControllerContext } from '../context.ts';
import { listBuildPods, readHolding } from '../repair/build-state.ts';
import type { BuildDeployment } from '../repair/missed-push.ts';
import { annotate } from './annotate.ts';
import { deleteNamespace } from './delete-namespace.ts';
import { handsOver, type ResultsOptions } from './options.ts';
import { isKept, type Place } from './place.ts';
import { bindListenerRights } from './read-places.ts';
import { takeResults } from './results.ts';

const { HAND_OVER, NEXT_LISTENER, HANDED_OVER } = KeelsonAnnotations;

/** A pipeline with the builds that it has. */
export type RetiredOptions = Omit<ResultsOptions, 'build'> & {
  readonly builds: readonly BuildConfiguration[];
};

/**
 * Puts away what is left of builds that handed over once and do so no more: their listeners are deleted, and home is
 * watched again as its manifests say.
 *
 * @returns whether a build still runs in one, so that it is worth to look again
 */
export async function retireListeners(context: ControllerContext, options: RetiredOptions): Promise<boolean> {
  const { home, builds } = options;
  const active = new Set(builds.filter(handsOver).map(({ deployment }) => deployment));
  const { OWNER, HOME, LISTENER } = KeelsonLabels;
  const labelSelector = `${OWNER}=${context.configuration.platform},${HOME}=${home},${LISTENER}`;
  const { items } = await context.client.list({ apiVersion: 'v1', kind: 'Namespace', labelSelector });
  let any = false;
  for (const made of items) {
    const { labels = {}, deletionTimestamp } = made.metadata;
    const name = labels[LISTENER] ?? '';
    if (deletionTimestamp !== undefined || active.has(name)) continue;
    const build = builds.find(({ deployment }) => deployment === name);
    if (!(await retire(context, options, made, name, build))) any = true;
  }
  for (const build of builds) if (!handsOver(build) && !(await letHomeGo(context, home, build))) any = true;
  return any;
}

/** False while a build runs there. Names of a build that the pipeline has no more follow from its own. */
async function retire(
  context: ControllerContext,
  options: RetiredOptions,
  made: KubernetesObject,
  name: string,
  build: BuildConfiguration | undefined,
): Promise<boolean> {
  const place: Place = { namespace: made.metadata.name, made, deployment: undefined };
  if (isKept(place)) return true;
  await bindListenerRights(context, place.namespace);
  if (await isHeld(context, place.namespace, name, build?.lease ?? name)) return false;
  if (build !== undefined) await takeResults(context, { ...options, build }, place);
  await deleteNamespace(context, place, 'its build hands over no more');
  return true;
}

/** False while a build runs there. What the manifests say of Keel stands in labels now. */
async function letHomeGo(
  context: ControllerContext,
  namespace: string,
  { deployment: name, lease }: BuildConfiguration,
): Promise<boolean> {
  const reference = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name };
  const found = await context.client.get<BuildDeployment>(reference);
  const { annotations = {}, labels = {} } = found?.metadata ?? {};
  const ours = [HAND_OVER, NEXT_LISTENER, HANDED_OVER].filter((key) => annotations[key] !== undefined);
  if (found === undefined || ours.length === 0) return true;
  if (await isHeld(context, namespace, name, lease)) return false;
  const names = [...ours, ...Object.keys(annotations).filter((key) => labels[key] !== undefined)];
  const removed = Object.fromEntries(names.map((key) => [key, null]));
  const replicas = found.spec?.replicas === 0 ? { spec: { replicas: 1 } } : {};
  context.log.info({ namespace, build: name }, 'the build hands over no more');
  return annotate(context.client, found, removed, replicas);
}

async function isHeld(
  context: ControllerContext,
  namespace: string,
  build: string,
  lease: string,
): Promise<boolean> {
  const { holder, stale } = await readHolding(context, namespace, lease, () =>
    listBuildPods(context, namespace, build),
  );
  return holder !== undefined && !stale;
}
