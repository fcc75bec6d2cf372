import { formatProblem, formatValue } from '../../../lib/kubernetes/problem.ts';
import { gitUrlProblems } from '../../../lib/source/git-url.ts';
import { type AddressPolicy, forbiddenAddress, type Reach } from './address-policy.ts';
import { GitError } from './git-error.ts';

/** Names that resolve inside a cluster only, whatever its DNS domain is: those without a dot among them. */
const CLUSTER_NAME = /^[^.]*$|^kubernetes\.default$|\.(svc|local|internal|localhost)$|\.svc\./;

/**
 * A pipeline's git URL, which its owner chose: https, ssh, or http to a server in the cluster. Use its `href` from
 * there on, and never the text, which another program might read in another way.
 *
 * @throws GitError of the kind `refused`
 */
export function parseGitUrl(text: string, addresses: AddressPolicy): URL {
  const allowed = allowedHost(text, addresses);
  const checked = allowed === undefined ? text : text.replace(allowed, 'git.example.com');
  const [problem] = gitUrlProblems('the git URL', checked, true);
  if (problem !== undefined) throw new GitError('refused', formatProblem(problem));
  const url = new URL(text);
  const fault = (message: string): GitError =>
    new GitError(
      'refused',
      `the git URL ${message} (got ${formatValue(text)}); give the URL as it is cloned`,
    );
  if (text.length > 2048) throw fault('is longer than 2048 characters');
  if (!/^([a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?|\[[0-9a-f:.]+\])$/i.test(url.hostname)) {
    throw fault('has a host that is neither a name nor an address');
  }
  if (!/^([a-z0-9_][a-z0-9._-]*)?$/i.test(url.username)) throw fault('has a user that is no plain name');
  if (/%([01][0-9a-f]|7f)/i.test(url.pathname)) throw fault('has a control character in its path');
  if (isAddress(url) && !addresses.admits(url.hostname, 'configured')) {
    throw forbiddenAddress(url.hostname, url.hostname, 'configured');
  }
  return url;
}

/** Where a redirect leads. */
export interface Redirect {
  readonly url: URL;
  readonly reach: Reach;
}

/** What a redirect is judged by. */
export interface RedirectContext {
  /** The repository's URL, as {@link parseGitUrl} returned it. */
  readonly configured: URL;
  /** The URL that answered with the redirect. */
  readonly from: URL;
  /** Whether the request carries a credential. */
  readonly credential: boolean;
  readonly addresses: AddressPolicy;
}

/**
 * The target of a redirect: https or http, never from https to http, with a credential never to another origin, and
 * to another host only where that is a public one.
 *
 * @throws GitError of the kind `refused`
 */
export function followRedirect(location: string, context: RedirectContext): Redirect {
  const { configured, from, credential, addresses } = context;
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const fault = (message: string): GitError =>
    new GitError('refused', `${from.host} redirects ${message}; use the URL of the repository itself`);
  if (url === undefined || !['https:', 'http:'].includes(url.protocol)) throw fault('to no http(s) URL');
  if (url.username !== '' || url.password !== '') throw fault('to a URL with a credential');
  if (from.protocol === 'https:' && url.protocol === 'http:') throw fault('from https to http');
  if (credential && url.origin !== configured.origin) {
    throw fault(`to ${url.origin}, which must not get the credential of ${configured.origin}`);
  }
  if (url.hostname === configured.hostname) return { url, reach: 'configured' };
  const host = url.hostname.replace(/\.$/, '');
  if (isAddress(url)) {
    if (!addresses.admits(host, 'redirect')) throw forbiddenAddress(host, host, 'redirect');
  } else if (CLUSTER_NAME.test(host)) {
    throw fault(`to ${host}, a name inside the cluster`);
  }
  return { url, reach: 'redirect' };
}

/** A host by address that the policy makes an exception for, as it stands in the text. */
function allowedHost(text: string, addresses: AddressPolicy): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return isAddress(url) && addresses.admits(url.hostname, 'configured') ? url.hostname : undefined;
}

function isAddress({ hostname }: URL): boolean {
  return /^\[|^[\d.]+$/.test(hostname);
}
