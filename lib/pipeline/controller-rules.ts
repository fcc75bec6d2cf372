import {
  PIPELINE_CONFIG_MAP,
  type PipelineConfiguration,
  type SecretKeyConfiguration,
} from '../agent/configuration.ts';
import { every, named, type PolicyRule } from '../kubernetes/rbac.ts';
import type { StageContribution } from './pipeline-record.ts';

/** Where the controller notes the last built commit of each branch. */
export const LEDGER_CONFIG_MAP = 'keelson-ledger';

/** What the controller may do in a pipeline's namespace: by name wherever Kubernetes can tell names apart. */
export function controllerRules(
  configuration: Pick<PipelineConfiguration, 'source' | 'builds' | 'generatedSecrets'>,
  contributions: readonly StageContribution[],
): PolicyRule[] {
  const { builds, generatedSecrets } = configuration;
  const read = new Set([
    ...contributions.flatMap(({ readSecrets }) => readSecrets ?? []).map(secretName),
    ...credentialSecrets(configuration).map(secretName),
  ]);
  const statuses = builds.map(({ statusConfigMap }) => statusConfigMap);
  const deployments = builds.map(({ deployment }) => deployment);
  const services = builds.flatMap((build) => build.services.map(({ deployment }) => deployment));
  const scaled = [...new Set([...deployments, ...services])];
  return [
    named('', ['configmaps'], [PIPELINE_CONFIG_MAP], ['get', 'watch']),
    named('', ['configmaps'], [LEDGER_CONFIG_MAP, ...statuses], ['get', 'patch']),
    every('', ['events'], ['create', 'patch']),
    ...(generatedSecrets.length > 0 ? [named('', ['secrets'], [...generatedSecrets], ['get', 'patch'])] : []),
    ...(read.size > 0 ? [named('', ['secrets'], [...read], ['get'])] : []),
    ...(builds.length > 0
      ? [
          every('', ['pods'], ['get', 'list', 'watch']),
          named('apps', ['deployments'], scaled, ['get', 'watch']),
          named('apps', ['deployments'], deployments, ['patch']),
          named('apps', ['deployments/scale'], scaled, ['get', 'patch']),
          named(
            'coordination.k8s.io',
            ['leases'],
            builds.map(({ lease }) => lease),
            ['create', 'get', 'patch'],
          ),
        ]
      : []),
  ];
}

function credentialSecrets({ source }: Pick<PipelineConfiguration, 'source'>): SecretKeyConfiguration[] {
  const credential = source?.credential;
  if (credential === undefined) return [];
  return [credential.kind === 'token' ? credential.token : credential.privateKey];
}

function secretName(secret: SecretKeyConfiguration): string {
  return secret.secretName;
}
