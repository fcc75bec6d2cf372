import type { Construct } from 'constructs';
import { hidden, type Problem, reportProblem } from '../kubernetes/problem.ts';
import { type SecretBindOptions, type SecretReference, SecretSource } from '../kubernetes/secret-source.ts';
import type { Registry } from './registry.ts';

/**
 * The key of a Secret of the type kubernetes.io/dockerconfigjson: the one that the kubelet reads.
 *
 * @see https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets
 */
const DOCKER_CONFIG_KEY = '.dockerconfigjson';

const REQUIRED = { type: 'kubernetes.io/dockerconfigjson', key: DOCKER_CONFIG_KEY } as const;

/** The Secret of a Docker configuration, which has to be one that the kubelet takes too. */
export function bindDockerConfig(
  scope: Construct,
  id: string,
  source: unknown,
  property: string,
  options: SecretBindOptions,
): SecretReference | undefined {
  if (source instanceof SecretSource) return source.bind(scope, id, property, { ...options, ...REQUIRED });
  reportProblem(scope, {
    property,
    value: hidden,
    message: 'is no credential of a registry',
    remedy: `give the key ${DOCKER_CONFIG_KEY} of a Secret of the type ${REQUIRED.type}`,
  });
  return undefined;
}

/** The same for a list, which may be anything in a program that no compiler has checked. */
export function bindDockerConfigs(
  scope: Construct,
  id: string,
  sources: readonly SecretSource[],
  property: string,
  options: SecretBindOptions,
): SecretReference[] {
  const list: unknown = sources;
  if (Array.isArray(list)) {
    return list.flatMap(
      (source: unknown, index) =>
        bindDockerConfig(scope, `${id}-${index}`, source, `${property}[${index}]`, options) ?? [],
    );
  }
  reportProblem(scope, {
    property,
    value: hidden,
    message: 'is no list',
    remedy: `give a list, such as [SecretSource.existing('registry-account', '${DOCKER_CONFIG_KEY}')]`,
  });
  return [];
}

/** That nobody pushes to a registry without an account, where the program gives none. */
export function accountProblems(property: string, registry: Registry): Problem[] {
  if (!registry.needsAccount || registry.pushCredential !== undefined) return [];
  const message = `is missing: nobody pushes to ${registry.imageHost} without an account`;
  const remedy = "give the registry one, such as SecretSource.existing('registry-push', '.dockerconfigjson')";
  return [{ property: `${property}.pushCredential`, value: undefined, message, remedy }];
}
