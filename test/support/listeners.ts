// Listeners as the controller would make them of a pipeline's template.
import { fillListener, KeelsonLabels, type ListenerValues, type PipelineConfiguration } from 'keelson';
import { COMMIT } from './commits.ts';
import type { Manifest } from './synthesized.ts';

/** The values of a listener of a pipeline. */
export function listenerOf(pipeline: string, values: Partial<ListenerValues> = {}): ListenerValues {
  return {
    namespace: `listener-${pipeline}-x7k2p9qd`,
    claim: '0b5f3a52-6f0e-4e1c-9a34-0f6f5d1f6f11',
    image: 'quay.io/team/build:1.0.1',
    commit: COMMIT,
    digest: `sha256:${'5a'.repeat(32)}`,
    ...values,
  };
}

/** The descriptions of all pipelines among the objects. */
export function configurations(objects: readonly Manifest[]): PipelineConfiguration[] {
  return objects
    .filter(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'keelson-pipeline')
    .map((object) =>
      JSON.parse((object as Manifest & { data: Record<string, string> }).data['pipeline.json'] ?? ''),
    );
}

/** The objects of a listener for each build that hands over, with the binding that the controller makes itself. */
export function listeners(objects: readonly Manifest[], values: Partial<ListenerValues> = {}): Manifest[] {
  return configurations(objects).flatMap(({ name, builds, platform }) =>
    builds.flatMap(({ handOver }) => {
      if (handOver === undefined) return [];
      const all = listenerOf(name, values);
      const [made, ...rest] = fillListener(handOver.listener, all).map((object): Manifest => ({ ...object }));
      return made === undefined ? [] : [made, ownBinding(all.namespace, platform), ...rest];
    }),
  );
}

/** What the controller binds itself to before it makes the rest. */
export function ownBinding(namespace: string, platform: string): Manifest {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'keelson-controller', namespace, labels: { [KeelsonLabels.OWNER]: platform } },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: `keelson-${platform}-listener-namespace`,
    },
    subjects: [{ kind: 'ServiceAccount', name: 'keelson-controller', namespace: 'keelson-system' }],
  };
}
