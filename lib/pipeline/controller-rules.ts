import {
  LEDGER_CONFIG_MAP,
  PIPELINE_CONFIG_MAP,
  type PipelineConfiguration,
  type SecretKeyConfiguration,
} from '../agent/configuration.ts';
import { every, named, type PolicyRule } from '../kubernetes/rbac.ts';
import type { StageContribution } from './pipeline-record.ts';

/** What the controller may do in a pipeline's namespace: by name wherever Kubernetes can tell names apart. */
export function controllerRules(
  configuration: Pick<PipelineConfiguration, 'source' | 'builds' | 'jobs' | 'generatedSecrets'>,
  contributions: readonly StageContribution[],
): PolicyRule[] {
  const { builds, jobs, generatedSecrets } = configuration;
  const read = new Set([
    ...contributions.flatMap(({ readSecrets }) => readSecrets ?? []).map(secretName),
    ...credentialSecrets(configuration).map(secretName),
  ]);
  for (const { handOver } of builds)
    for (const { secretName: name } of handOver?.copySecrets ?? []) read.add(name);
  const copied = new Set(builds.flatMap(({ handOver }) => handOver?.copyConfigMaps ?? []));
  const runs = [...builds, ...jobs];
  const deployments = builds.map(({ deployment }) => deployment);
  const services = runs.flatMap((run) => run.services.map(({ deployment }) => deployment));
  const scaled = [...new Set([...deployments, ...services])];
  return [
    named('', ['configmaps'], [PIPELINE_CONFIG_MAP], ['get', 'watch']),
    named(
      '',
      ['configmaps'],
      [
        LEDGER_CONFIG_MAP,
        ...runs.map(({ statusConfigMap }) => statusConfigMap),
        ...contributions.flatMap(({ statuses = [] }) => statuses),
      ],
      ['get', 'patch'],
    ),
    ...byName('', ['configmaps'], [...copied], ['get']),
    every('', ['events'], ['create', 'patch']),
    ...byName('', ['secrets'], generatedSecrets, ['get', 'patch']),
    ...byName('', ['secrets'], [...read], ['get']),
    ...(runs.length > 0 ? [every('', ['pods'], ['get', 'list', 'watch'])] : []),
    ...byName('apps', ['deployments'], scaled, ['get', 'watch']),
    ...byName('apps', ['deployments'], deployments, ['patch']),
    ...byName('apps', ['deployments/scale'], scaled, ['get', 'patch']),
    ...byName(
      'batch',
      ['jobs'],
      jobs.map(({ job }) => job),
      ['get', 'watch'],
    ),
    ...byName(
      'coordination.k8s.io',
      ['leases'],
      runs.map(({ lease }) => lease),
      ['create', 'get', 'patch'],
    ),
  ];
}

/** Without a name there is no rule: one without names would be about every object. */
function byName(group: string, resources: string[], names: readonly string[], verbs: string[]): PolicyRule[] {
  return names.length > 0 ? [named(group, resources, names, verbs)] : [];
}

/** What the controller reads to watch the repository, to know its webhooks and to write statuses. */
function credentialSecrets({ source }: Pick<PipelineConfiguration, 'source'>): SecretKeyConfiguration[] {
  const { credential, webhook, statuses } = source ?? {};
  return [
    ...(credential === undefined
      ? []
      : [credential.kind === 'token' ? credential.token : credential.privateKey]),
    ...(webhook === undefined ? [] : [webhook.secret]),
    ...(statuses === undefined ? [] : [statuses.token]),
  ];
}

function secretName(secret: SecretKeyConfiguration): string {
  return secret.secretName;
}
