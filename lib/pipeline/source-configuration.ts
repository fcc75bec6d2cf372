import type {
  GitCredentialConfiguration,
  SourceConfiguration,
  StatusesConfiguration,
  WebhookConfiguration,
} from '../agent/configuration.ts';
import { GeneratedSecret } from '../kubernetes/generated-secret.ts';
import { hidden, reportProblem } from '../kubernetes/problem.ts';
import type { GitSource } from '../source/git-source.ts';
import type { PipelineRecord } from './pipeline-record.ts';

/** A source as the controller reads it, or nothing where it can't. Secrets are named, never given. */
export function sourceConfiguration(
  record: PipelineRecord,
  source: GitSource,
): SourceConfiguration | undefined {
  if (source.local !== undefined) return undefined;
  const credential = credentialConfiguration(record, source);
  const webhook = webhookConfiguration(record, source);
  const statuses = statusesConfiguration(record, source);
  return {
    url: source.url,
    branches: [...source.branches],
    pollSeconds: source.pollInterval.toSeconds({ integral: false }),
    version: source.version.configuration,
    submodules: source.submodules,
    lfs: source.lfs,
    ...(credential !== undefined && { credential }),
    ...(webhook !== undefined && { webhook }),
    ...(statuses !== undefined && { statuses }),
  };
}

function credentialConfiguration(
  record: PipelineRecord,
  source: GitSource,
): GitCredentialConfiguration | undefined {
  const method = source.credential?.method;
  if (method === undefined) return undefined;
  const { namespace } = record;
  if ('token' in method) {
    const { secretName, key } = method.token.bind(record, 'git-token', 'source.credential', { namespace });
    return { kind: 'token', token: { secretName, key }, username: method.username };
  }
  const { secretName, key } = method.privateKey.bind(record, 'git-key', 'source.credential', { namespace });
  return { kind: 'ssh', privateKey: { secretName, key }, knownHosts: method.knownHosts };
}

function webhookConfiguration(record: PipelineRecord, source: GitSource): WebhookConfiguration | undefined {
  if (source.webhook === undefined) return undefined;
  const { namespace } = record;
  const property = 'source.webhook.secret';
  const { secretName, key } = source.webhook.secret.bind(record, 'git-webhook', property, { namespace });
  return { secret: { secretName, key } };
}

const STATUS_TOKEN = 'commit-status-token';

function statusesConfiguration(record: PipelineRecord, source: GitSource): StatusesConfiguration | undefined {
  const { statuses } = source;
  if (statuses === undefined) return undefined;
  const { namespace } = record;
  const property = 'source.statuses.token';
  const { secretName, key } = statuses.token.bind(record, STATUS_TOKEN, property, { namespace });
  if (record.node.tryFindChild(STATUS_TOKEN) instanceof GeneratedSecret) {
    reportProblem(record, {
      property,
      value: hidden,
      message: 'is made by nobody: the git server gives tokens',
      remedy: 'make a Secret and give SecretSource.existing(name, key)',
    });
  }
  const { provider, apiUrl, repository, targetUrl } = statuses.target(source.url);
  return {
    provider,
    apiUrl,
    repository,
    token: { secretName, key },
    ...(targetUrl !== undefined && { targetUrl }),
  };
}
