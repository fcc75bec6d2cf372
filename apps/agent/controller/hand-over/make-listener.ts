import { activeNames } from '../../../../lib/agent/listener.ts';
import { KeelsonAnnotations } from '../../../../lib/kubernetes/labels.ts';
import { isAlreadyExists } from '../../kubernetes/errors.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import { changeBuildRecord } from '../../status/build-status.ts';
import { type KnownImage, withImage } from '../../status/known-images.ts';
import { onceAllowed } from '../commit-namespace.ts';
import { type ControllerContext, FIELD_MANAGER } from '../context.ts';
import { makeGeneratedSecrets } from '../generated-secrets/make-generated-secrets.ts';
import { annotate } from './annotate.ts';
import { claimNamespace } from './claim-namespace.ts';
import { copyFromHome } from './copies.ts';
import { filledListener } from './filled-listener.ts';
import type { NextListener } from './next-listener.ts';
import type { HandOverOptions } from './options.ts';
import { type BuiltPlace, POLICY } from './place.ts';
import { bindListenerRights, listenerLabels } from './read-places.ts';
import { readRecord, startedFor } from './started-for.ts';

const CONTAINER = 'build';
const MAX_TRIES = 20;

/**
 * Makes the next listener, or what is missing of it: all of that may be done again until its names are the real ones, and
 * nothing afterwards.
 *
 * @param before the namespace that hands over to it
 * @returns false where the name is taken
 */
export async function makeListener(
  context: ControllerContext,
  options: HandOverOptions,
  before: BuiltPlace,
  next: NextListener,
): Promise<boolean> {
  const { client, log } = context;
  const { build, home } = options;
  const record = await readRecord(context, options, before);
  const container = before.deployment.spec?.template?.spec?.containers?.find(
    ({ name }) => name === CONTAINER,
  );
  const { others, ...filled } = filledListener(build.handOver.listener, {
    ...next,
    ...(await startedFor(context, options, before, record)),
    image: container?.image ?? build.image,
  });
  const namespace = await claimNamespace(context, filled.namespace, next, listenerLabels(context, options));
  if (namespace === undefined) return false;
  await bindListenerRights(context, next.namespace);
  const reference = { ...DEPLOYMENT, namespace: next.namespace, name: build.deployment };
  const there = await onceAllowed(() => client.get(reference));
  if (there?.metadata.annotations?.[POLICY] !== undefined) return true;
  log.info({ namespace: next.namespace, pipeline: options.pipeline, home }, 'makes a listener');
  await copyFromHome(context, options, next.namespace);
  await makeSecrets(context, others);
  const isBuild = (object: KubernetesObject): boolean =>
    object.kind === DEPLOYMENT.kind && object.metadata.name === build.deployment;
  // The build comes last: its gate may start a build at once, and then everything has to be there.
  for (const object of [...others.filter((one) => !isBuild(one)), ...others.filter(isBuild)]) {
    options.signal.throwIfAborted();
    if (isBuild(object)) await tellOfImages(context, options, next, record.images);
    if (object.kind !== 'Secret') await apply(context, object, namespace);
  }
  await startWatch(context, reference);
  const made = await client.get(reference);
  if (made?.metadata.annotations?.[POLICY] !== undefined) return true;
  throw new Error(
    `the listener’s template has no Deployment ${build.deployment} that says what Keel is to do: apply the pipeline again`,
  );
}

const DEPLOYMENT = { apiVersion: 'apps/v1', kind: 'Deployment' } as const;

/** Makes the template's Secrets, and the values that are generated. */
async function makeSecrets(context: ControllerContext, objects: readonly KubernetesObject[]): Promise<void> {
  const secrets = objects.filter(({ kind }) => kind === 'Secret');
  for (const secret of secrets) {
    await onceAllowed(() => context.client.create(secret)).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
  }
  for (const { metadata } of secrets) {
    if (metadata.annotations?.[KeelsonAnnotations.GENERATE] !== undefined)
      await makeGeneratedSecrets(context, metadata.namespace ?? '', [metadata.name]);
  }
}

/** Applies an object. One of no namespace goes with the listener's, which owns it. */
async function apply(
  { client }: ControllerContext,
  object: KubernetesObject,
  { metadata }: KubernetesObject,
): Promise<void> {
  const { name, uid } = metadata;
  const owner = { apiVersion: 'v1', kind: 'Namespace', name, uid };
  const owned =
    object.metadata.namespace === undefined
      ? { ...object, metadata: { ...object.metadata, ownerReferences: [owner] } }
      : object;
  await onceAllowed(() => client.apply(owned, { fieldManager: FIELD_MANAGER }));
}

/** Tells the listener's gate what is known of images: of two with different digests it may be one commit. */
async function tellOfImages(
  { client }: ControllerContext,
  { build }: HandOverOptions,
  { namespace }: NextListener,
  known: readonly KnownImage[],
): Promise<void> {
  await changeBuildRecord(client, { namespace, name: build.statusConfigMap }, (record) => {
    const missing = known.filter(({ digest }) => record.images.every((image) => image.digest !== digest));
    if (missing.length === 0) return record;
    return { ...record, images: missing.toReversed().reduce(withImage, record.images) };
  });
}

/** Has Keel watch the listener, unless its gate has taken it off the watch already for a build. */
async function startWatch(
  { client, log }: ControllerContext,
  reference: Parameters<typeof client.get>[0],
): Promise<void> {
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const found = await client.get(reference);
    const { annotations = {} } = found?.metadata ?? {};
    if (found === undefined || annotations[POLICY] !== undefined) return;
    if (!(await annotate(client, found, activeNames(annotations)))) continue;
    log.info({ namespace: reference.namespace, build: reference.name }, 'listens');
    return;
  }
}
