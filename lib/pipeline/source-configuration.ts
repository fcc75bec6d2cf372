import type { GitCredentialConfiguration, SourceConfiguration } from '../agent/configuration.ts';
import type { GitSource } from '../source/git-source.ts';
import type { PipelineRecord } from './pipeline-record.ts';

/** A source as the controller reads it, or nothing where it can't. Secrets are named, never given. */
export function sourceConfiguration(
  record: PipelineRecord,
  source: GitSource,
): SourceConfiguration | undefined {
  if (source.local !== undefined) return undefined;
  const credential = credentialConfiguration(record, source);
  return {
    url: source.url,
    branches: [...source.branches],
    pollSeconds: source.pollInterval.toSeconds({ integral: false }),
    version: source.version.configuration,
    submodules: source.submodules,
    lfs: source.lfs,
    ...(credential !== undefined && { credential }),
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
