import { expect } from 'vitest';
import type { Api, KubernetesObject } from './api.ts';

/** What is written anew when the objects, which are there, are applied a second time. */
export async function changedByApplyingAgain(
  api: Api,
  objects: readonly KubernetesObject[],
): Promise<string[]> {
  const written = async (): Promise<string[]> =>
    Promise.all(
      objects.map(async (object) => {
        const { kind, metadata } = await api.get<KubernetesObject>(await api.pathOf(object));
        return `${kind} ${metadata.namespace ?? ''}/${metadata.name} ${lastWritten(metadata)}`;
      }),
    );
  const before = await written();
  expect(before.join()).not.toContain('never');
  // The times of managers are in seconds.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
  return (await written()).filter((line, index) => line !== before[index]);
}

/** When our fields were last written, to the second, and how often the spec. Other managers write meanwhile. */
function lastWritten(metadata: KubernetesObject['metadata']): string {
  const fields = (metadata['managedFields'] ?? []) as { manager: string; time: string }[];
  return `${fields.find(({ manager }) => manager === 'keelson')?.time ?? 'never'} ${metadata['generation'] ?? ''}`;
}

/** Fails where Pod Security or a quota refuses the pod of a Deployment, DaemonSet or Job. */
export async function expectAdmitted(api: Api, owner: KubernetesObject): Promise<void> {
  const { template } = owner['spec'] as { template: { spec: object } };
  const metadata = {
    name: `${owner.metadata.name}-trial`.slice(-63),
    namespace: owner.metadata.namespace ?? '',
  };
  const pod: KubernetesObject = { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec };
  const { status } = await api.apply(pod, { dryRun: true });
  expect([200, 201]).toContain(status);
}
