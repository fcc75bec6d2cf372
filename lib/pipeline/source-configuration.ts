import type { Construct } from 'constructs';
import type { GitCredentialConfiguration, SourceConfiguration } from '../agent/configuration.ts';
import type { GitSource } from '../source/git-source.ts';

/** A source as the controller reads it, or nothing where it can't. Secrets are named, never given. */
export function sourceConfiguration(scope: Construct, source: GitSource): SourceConfiguration | undefined {
  if (source.local !== undefined) return undefined;
  const credential = credentialConfiguration(scope, source);
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
  scope: Construct,
  source: GitSource,
): GitCredentialConfiguration | undefined {
  const method = source.credential?.method;
  if (method === undefined) return undefined;
  if ('token' in method) {
    const { secretName, key } = method.token.bind(scope, 'git-token', 'source.credential');
    return { kind: 'token', token: { secretName, key }, username: method.username };
  }
  const { secretName, key } = method.privateKey.bind(scope, 'git-key', 'source.credential');
  return { kind: 'ssh', privateKey: { secretName, key }, knownHosts: method.knownHosts };
}
