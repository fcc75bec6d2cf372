import type { StatusesConfiguration } from '../agent/configuration.ts';
import { whenKnown } from '../kubernetes/deferred.ts';
import { hidden, type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';
import { namesNoServer } from './git-url.ts';

/** Where commit statuses go, and what they link to. */
export type StatusTarget = Omit<StatusesConfiguration, 'token'>;

/** GitLab's limit for the URL of a status; GitHub's is longer. */
const MAX_TARGET_URL = 255;

const API = {
  github: { name: 'GitHub', example: 'https://HOST/api/v3', repository: 'leaf-ai/studio-go-runner' },
  gitlab: { name: 'GitLab', example: 'https://HOST/api/v4', repository: 'group/subgroup/project' },
} as const;

/** Where the statuses of a repository go unless something else is said, by its URL. */
export function defaultStatusTarget(
  provider: StatusesConfiguration['provider'],
  repositoryUrl: string,
): Pick<StatusTarget, 'apiUrl' | 'repository'> {
  return {
    apiUrl: whenKnown([provider, repositoryUrl] as const, apiUrlOf),
    repository: whenKnown([provider, repositoryUrl] as const, repositoryOf),
  };
}

type Asked = readonly [provider: StatusesConfiguration['provider'], repositoryUrl: string];

function apiUrlOf(asked: Asked): string {
  return targetOf(asked).apiUrl;
}

function repositoryOf(asked: Asked): string {
  return targetOf(asked).repository;
}

function targetOf([provider, repositoryUrl]: Asked): Pick<StatusTarget, 'apiUrl' | 'repository'> {
  const url = parsed(repositoryUrl);
  if (url === undefined) return { apiUrl: '', repository: '' };
  const repository = url.pathname.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '');
  // The port of an ssh URL is that of ssh.
  const host = url.protocol === 'ssh:' ? url.hostname : url.host;
  const scheme = url.protocol === 'http:' ? 'http' : 'https';
  if (provider === 'gitlab') return { apiUrl: `${scheme}://${host}/api/v4`, repository };
  const isPublic = ['github.com', 'www.github.com', 'ssh.github.com'].includes(host);
  return { apiUrl: isPublic ? 'https://api.github.com' : `${scheme}://${host}/api/v3`, repository };
}

/** What is wrong with where commit statuses go. */
export function statusTargetProblems(property: string, target: StatusTarget, allowHttp: boolean): Problem[] {
  return problemsWhenKnown(property, target, (known) => targetProblems(property, known, allowHttp));
}

function targetProblems(property: string, target: StatusTarget, allowHttp: boolean): Problem[] {
  const { provider, apiUrl, repository, targetUrl } = target;
  const { name, example, repository: like } = API[provider];
  const found: Problem[] = [];
  if (!isApiUrl(apiUrl, allowHttp)) {
    found.push({
      property: `${property}.apiUrl`,
      value: hasMore(apiUrl) ? hidden : apiUrl,
      message: `is not the https URL of ${name}'s API`,
      remedy: `give ${example}`,
    });
  }
  if (!isRepository(provider, repository)) {
    found.push({
      property: `${property}.repository`,
      value: repository,
      message: `is not a repository of ${name}`,
      remedy: `give it as ${name} shows it, such as ${like}, without host or ".git"`,
    });
  }
  if (targetUrl !== undefined && !isTargetUrl(targetUrl)) {
    found.push({
      property: `${property}.targetUrl`,
      value: hasMore(targetUrl) ? hidden : targetUrl,
      message: `is not an http or https URL of at most ${MAX_TARGET_URL} characters`,
      remedy: 'give the URL of a page for people, without a credential in it',
    });
  }
  return found;
}

function isApiUrl(text: string, allowHttp: boolean): boolean {
  const url = parsed(text);
  if (url === undefined || /[\u0000-\u0020\u007f]|\/$/.test(text)) return false;
  if (url.protocol !== 'https:' && !(allowHttp && url.protocol === 'http:')) return false;
  return !hasMore(text) && !namesNoServer(url);
}

function isTargetUrl(text: string): boolean {
  const url = parsed(text);
  if (url === undefined || /[\u0000-\u0020\u007f]/.test(text) || text.length > MAX_TARGET_URL) return false;
  return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}

/** Whether a URL has parts in which credentials hide. */
function hasMore(text: string): boolean {
  return /[@?#]/.test(text);
}

/** No part of it leads a request to another path of the API. */
function isRepository(provider: StatusesConfiguration['provider'], text: string): boolean {
  if (text.length > 1024 || text.split('/').some((part) => /^\.{1,2}$/.test(part))) return false;
  if (provider === 'github') return /^[A-Za-z0-9_-]{1,100}\/[A-Za-z0-9._-]{1,100}$/.test(text);
  return /^([0-9]+|[A-Za-z0-9_.][A-Za-z0-9_.-]*(\/[A-Za-z0-9_.][A-Za-z0-9_.-]*)+)$/.test(text);
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
