import type { AddressPolicy } from './address-policy.ts';
import { GitError } from './git-error.ts';
import { basicAuthorization, type Repository } from './repository.ts';
import { withSshFiles } from './ssh-files.ts';
import { parseGitUrl } from './url-policy.ts';
import type { GitLocation } from './way.ts';

/** How the git program reaches a repository: what to give to `runGit` beside the arguments. */
export interface GitRemote {
  /** The URL, after `--` in the arguments. */
  readonly url: string;
  readonly allowProtocols: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Options of {@link withGitRemote}. */
export interface GitRemoteOptions {
  readonly addresses: AddressPolicy;
  /** Where an http(s) repository has moved to, as `GitHttp.locate` found out; git itself follows no redirect. */
  readonly location?: GitLocation;
}

/**
 * Calls a function with what git needs to reach a repository. The host's addresses are checked here and git is bound to
 * them, so that a name can't lead elsewhere a moment later. A token is in an environment variable, a key in a private
 * file that is gone afterwards; neither gets into a `.git/config`.
 *
 * @throws GitError
 */
export async function withGitRemote<Result>(
  repository: Repository,
  { addresses, location }: GitRemoteOptions,
  use: (remote: GitRemote) => Promise<Result>,
): Promise<Result> {
  const configured = parseGitUrl(repository.url, addresses);
  const { credential } = repository;
  const { url, reach } = location ?? { url: configured, reach: 'configured' };
  const resolved = await addresses.resolve(url.hostname, reach);
  if (url.protocol === 'ssh:') {
    if (credential?.kind !== 'ssh') {
      throw new GitError(
        'refused',
        `ssh to ${url.host} needs a credential with a private key and known hosts`,
      );
    }
    return await withSshFiles({ url, address: resolved[0]?.address ?? '', ...credential }, (env) =>
      use({ url: url.href, allowProtocols: 'ssh', env }),
    );
  }
  if (credential?.kind === 'ssh') {
    throw new GitError('refused', `an ssh key is no credential for ${url.origin}; give a token`);
  }
  if (credential !== undefined && url.origin !== configured.origin) {
    throw new GitError('refused', `${url.origin} must not get the credential of ${configured.origin}`);
  }
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const settings: [string, string][] = [
    ['http.followRedirects', 'false'],
    ['http.proxy', ''],
  ];
  if (!url.hostname.startsWith('[')) {
    const list = resolved.map(({ address, family }) => (family === 6 ? `[${address}]` : address)).join(',');
    settings.push(['http.curloptResolve', `${url.hostname}:${port}:${list}`]);
  }
  if (credential !== undefined) {
    settings.push([`http.${url.origin}/.extraHeader`, `Authorization: ${basicAuthorization(credential)}`]);
  }
  return await use({
    url: url.href,
    allowProtocols: url.protocol.slice(0, -1),
    env: configurationVariables(settings),
  });
}

/** Settings as git reads them from its environment, https://git-scm.com/docs/git-config#ENVIRONMENT */
function configurationVariables(settings: readonly (readonly [string, string])[]): Record<string, string> {
  const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(settings.length) };
  settings.forEach(([key, value], index) => {
    variables[`GIT_CONFIG_KEY_${index}`] = key;
    variables[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return variables;
}
