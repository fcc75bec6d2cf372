import type { Transform } from 'keelson';
import type { Container, Volume } from 'kubernetes-types/core/v1.js';
import { NAMESPACES } from './pipeline.ts';
import { KEEL_BIN } from './programs.ts';

/** The ConfigMap with the authority of the test's GitHub. */
export const AUTHORITY = 'github-authority';

/**
 * What is different here: the program that releases trusts the test's GitHub, as an administrator would have it for a
 * GitHub of their own, and without an image of Keel there is no pod of it.
 */
export const forTheTest: Transform = (object) => {
  const { spec } = object as { spec?: Spec };
  if (spec === undefined) return object;
  if (object.kind === 'Job' && spec.template !== undefined) trustAuthority(spec.template.spec);
  const isKeel = object.kind === 'Deployment' && object.metadata.namespace === NAMESPACES.keel;
  if (isKeel && KEEL_BIN === undefined) spec.replicas = 0;
  return object;
};

interface Spec {
  replicas?: number;
  readonly template?: { readonly spec: PodParts };
}

interface PodParts {
  readonly containers: Container[];
  volumes?: Volume[];
}

function trustAuthority(pod: PodParts): void {
  for (const container of pod.containers.filter(({ name }) => name === 'release')) {
    container.env = [
      ...(container.env ?? []),
      { name: 'NODE_EXTRA_CA_CERTS', value: '/keelson/authority/ca.crt' },
    ];
    container.volumeMounts = [
      ...(container.volumeMounts ?? []),
      { name: 'authority', mountPath: '/keelson/authority', readOnly: true },
    ];
    pod.volumes = [...(pod.volumes ?? []), { name: 'authority', configMap: { name: AUTHORITY } }];
  }
}
