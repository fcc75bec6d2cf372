import type { Construct } from 'constructs';
import type { LocalObjectReference } from 'kubernetes-types/core/v1.d.ts';
import { hidden, reportProblem } from '../kubernetes/problem.ts';
import { named, type PolicyRule } from '../kubernetes/rbac.ts';
import { type SecretReference, SecretSource } from '../kubernetes/secret-source.ts';

/** The key of a Secret of the type kubernetes.io/dockerconfigjson, the one that kubelet and Keel read. */
const KEY = '.dockerconfigjson';

/** The Secrets that sources of pull credentials stand for, in the namespace of the pod that pulls. */
export function bindPullSecrets(
  scope: Construct,
  property: string,
  sources: readonly SecretSource[],
  namespace: string,
): SecretReference[] {
  if (!Array.isArray(sources)) {
    reportProblem(scope, {
      property,
      value: hidden,
      message: 'is no list',
      remedy: `give a list, such as [SecretSource.existing('registry-account', '${KEY}')]`,
    });
    return [];
  }
  return sources.flatMap((source: unknown, index) => {
    const one = `${property}[${index}]`;
    const reference =
      source instanceof SecretSource
        ? source.bind(scope, `${scope.node.id}-pull-secret-${index}`, one, {
            namespace,
            type: 'kubernetes.io/dockerconfigjson',
            key: KEY,
          })
        : undefined;
    // Another key has been reported.
    if (reference !== undefined) return reference.key === KEY ? [reference] : [];
    reportProblem(scope, {
      property: one,
      value: hidden,
      message: 'is no credential that images are pulled with',
      remedy: `give the key ${KEY} of a Secret of the type kubernetes.io/dockerconfigjson`,
    });
    return [];
  });
}

/** What the pod template gets, and what Keel may read: it looks for credentials in the template's list. */
export function pullSecrets(references: readonly SecretReference[]): {
  readonly imagePullSecrets: LocalObjectReference[];
  readonly rules: PolicyRule[];
} {
  const names = [...new Set(references.map(({ secretName }) => secretName))];
  return {
    imagePullSecrets: names.map((name) => ({ name })),
    rules: names.length === 0 ? [] : [named('', ['secrets'], names, ['get'])],
  };
}
