import { setTimeout as sleep } from 'node:timers/promises';
import { KeelsonLabels } from '../../../lib/kubernetes/labels.ts';
import { hasStatus, isAlreadyExists } from '../kubernetes/errors.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { type ControllerContext, FIELD_MANAGER } from './context.ts';
import { requireObjectsOf } from './own-objects.ts';

const BINDING = 'keelson-controller';
/** The longest that the API server may take to act by a new RoleBinding, and a namespace to get its account. */
const RIGHTS_MS = 20_000;
/** Nobody may give a right that he does not have yet. */
const UNKNOWN_YET = /cannot [a-z]+ resource|RBAC permissions not currently held/;

/**
 * Makes the namespace of a commit, which says whose pipeline it is for, and in it the controller's own rights, the
 * Secrets and the objects of a filled template, in its order: so the Job comes last. All of it may be done again.
 *
 * @param home the pipeline's namespace
 * @param name the commit's namespace
 */
export async function makeCommitNamespace(
  context: ControllerContext,
  home: string,
  name: string,
  objects: readonly KubernetesObject[],
  secrets: readonly KubernetesObject[],
): Promise<void> {
  const { client, configuration } = context;
  const [namespace, ...others] = objects;
  if (namespace?.kind !== 'Namespace' || namespace.metadata.name !== name)
    throw new Error('the job template does not start with its Namespace: apply the pipeline again');
  requireObjectsOf(name, others, 'the job template');
  const labels = { ...namespace.metadata.labels, [KeelsonLabels.HOME]: home };
  await claimNamespace(context, { ...namespace, metadata: { ...namespace.metadata, labels } });
  await bindOwnRights(context, name, configuration.commitNamespaceRole);
  for (const secret of secrets) {
    const metadata = { ...secret.metadata, namespace: name };
    await onceAllowed(() => client.apply({ ...secret, metadata }, { fieldManager: FIELD_MANAGER }));
  }
  for (const object of others) await onceAllowed(() => client.apply(object, { fieldManager: FIELD_MANAGER }));
}

/** Creates the namespace; one that is there has to be the one that was made for the same commit before. */
async function claimNamespace({ client }: ControllerContext, namespace: KubernetesObject): Promise<void> {
  try {
    await client.create(namespace);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const { name, labels = {} } = namespace.metadata;
    const found = await client.get({ apiVersion: 'v1', kind: 'Namespace', name });
    const same = [KeelsonLabels.OWNER, KeelsonLabels.HOME, KeelsonLabels.COMMIT].every(
      (label) => found?.metadata.labels?.[label] === labels[label],
    );
    if (!same) throw new Error(`the namespace ${name} is there already, and was not made for this commit`);
    if (found?.metadata.deletionTimestamp !== undefined)
      throw new Error(`the namespace ${name} is being deleted`);
  }
}

/** What the controller may do in a namespace that it made, it gives itself there, by one named ClusterRole. */
export async function bindOwnRights(
  { client, account }: ControllerContext,
  namespace: string,
  clusterRole: string,
): Promise<void> {
  await client.apply(
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: BINDING, namespace, labels: { 'app.kubernetes.io/managed-by': 'keelson' } },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterRole },
      subjects: [{ kind: 'ServiceAccount', ...account }],
    },
    { fieldManager: FIELD_MANAGER },
  );
}

/** Whether it has done so. */
export async function hasOwnRights({ client }: ControllerContext, namespace: string): Promise<boolean> {
  const reference = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    namespace,
    name: BINDING,
  };
  return (await client.getMetadata(reference)) !== undefined;
}

/** Tries again while a right that was just given is not known everywhere yet. */
export async function onceAllowed<T>(request: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + RIGHTS_MS;
  for (let pause = 20; ; pause = Math.min(1000, pause * 2)) {
    try {
      return await request();
    } catch (error) {
      // Admission refuses with the same status; its message is another.
      const unknownYet = hasStatus(error, 403) && UNKNOWN_YET.test((error as Error).message);
      if (!unknownYet || Date.now() > deadline) throw error;
      await sleep(pause);
    }
  }
}
