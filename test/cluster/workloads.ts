import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Api, type KubernetesObject, waitFor } from './api.ts';
import { onDebian, type Recipe } from './images.ts';
import { kubectl } from './kubectl.ts';
import { testApi, testNode } from './provided.ts';

/** The agent's program is not part of these tests: its container only has to be there. */
export const restingAgent: Recipe = onDebian(
  { 'agent.sh': { text: '#!/bin/sh\ntrap "exit 0" TERM\nsleep 2147483647 &\nwait\n', mode: 0o755 } },
  { Entrypoint: ['/agent.sh'] },
);

/** Waits until a Deployment has its one pod ready. */
export async function available(api: Api, namespace: string, name: string): Promise<void> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
  await waitFor(
    async () => {
      const { status } = await api.get<{ status: { availableReplicas?: number } }>(path);
      return status.availableReplicas === 1;
    },
    {
      timeout: 150_000,
      describe: () => kubectl(testApi().kubeconfig, '-n', namespace, 'describe', 'pods').catch(String),
    },
  );
}

interface Claim extends KubernetesObject {
  readonly spec: {
    readonly accessModes: string[];
    readonly resources: { readonly requests: { readonly storage: string } };
  };
}

function claims(objects: readonly KubernetesObject[]): Claim[] {
  return objects.filter((object): object is Claim => object.kind === 'PersistentVolumeClaim');
}

function volumeName({ namespace: where, name }: KubernetesObject['metadata']): string {
  return `${where}-${name}`;
}

/** A volume for each claim: there is no provisioner, as on a cluster that has none either. */
export async function volumesFor(api: Api, objects: readonly KubernetesObject[]): Promise<void> {
  const nodes = await api.get<{ items: { metadata: { name: string } }[] }>('/api/v1/nodes');
  const hostname = nodes.items[0]?.metadata.name;
  for (const { metadata, spec } of claims(objects)) {
    const path = join(testNode().volumes, volumeName(metadata));
    // Whatever had its name before: a RabbitMQ of an earlier file of tests has left its account there.
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
    await api.apply({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: volumeName(metadata) },
      spec: {
        capacity: { storage: spec.resources.requests.storage },
        accessModes: spec.accessModes,
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { namespace: metadata.namespace, name: metadata.name },
        local: { path },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [hostname] }] },
            ],
          },
        },
      },
    });
  }
}

/** Deletes the volumes that {@link volumesFor} made. */
export async function removeVolumes(api: Api, objects: readonly KubernetesObject[]): Promise<void> {
  for (const { metadata } of claims(objects))
    await api.delete(`/api/v1/persistentvolumes/${volumeName(metadata)}`);
}

/** Values of the generated Secrets of the services. */
export const SERVICE_SECRETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'minio-credentials': { user: 'minioUser', password: 'minioPassword0123456789' },
  'rabbitmq-credentials': { user: 'rabbitUser', password: 'rabbitPassword0123456789' },
};

/** Makes the values of generated Secrets, as the controller will. */
export async function fillSecrets(
  api: Api,
  namespace: string,
  values: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<void> {
  for (const [name, stringData] of Object.entries(values)) {
    const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
    const { status } = await api.request(
      'PATCH',
      path,
      { stringData },
      { contentType: 'application/merge-patch+json' },
    );
    if (status !== 200) throw new Error(`secret ${name}: ${status}`);
  }
}
