import { Octokit } from '@octokit/core';
import type { StatusesConfiguration } from '../../../../lib/agent/configuration.ts';
import type { StatusTarget } from '../../../../lib/source/status-target.ts';
import { type CommitStatus, description, type StatusState } from './status.ts';

/** What a request is made with. */
export interface RequestOptions {
  readonly token: string;
  readonly signal: AbortSignal;
  readonly fetch: typeof fetch;
}

/** An answer of an API. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly text: string;
}

type Post = (target: StatusTarget, status: CommitStatus, options: RequestOptions) => Promise<Answer>;

/** How each provider is told, once: whatever it answers, unless it does not answer. */
export const APIS: Readonly<Record<StatusesConfiguration['provider'], Post>> = {
  github: postToGitHub,
  gitlab: postToGitLab,
};

/** GitHub's limit; https://docs.github.com/en/rest/commits/statuses#create-a-commit-status */
const GITHUB_DESCRIPTION = 140;
/** GitLab's; https://docs.gitlab.com/api/commits/#set-commit-pipeline-status */
const GITLAB_DESCRIPTION = 255;

/** GitLab's `pending` is a job that waits for a runner. */
const GITLAB_STATES: Readonly<Record<StatusState, string>> = {
  pending: 'running',
  success: 'success',
  failure: 'failed',
  error: 'canceled',
};

async function postToGitHub(
  target: StatusTarget,
  status: CommitStatus,
  { token, signal, fetch }: RequestOptions,
): Promise<Answer> {
  const { commit, context, state } = status;
  const [owner = '', repo = ''] = target.repository.split('/');
  const octokit = new Octokit({ auth: token, baseUrl: target.apiUrl, userAgent: 'keelson-agent' });
  const link = linkOf(target, status);
  try {
    const answer = await octokit.request('POST /repos/{owner}/{repo}/statuses/{sha}', {
      owner,
      repo,
      sha: commit,
      state,
      context,
      description: description(status.description, GITHUB_DESCRIPTION),
      ...(link !== undefined && { target_url: link }),
      headers: { 'x-github-api-version': '2022-11-28' },
      request: { fetch, signal },
    });
    return { status: answer.status, headers: answer.headers, text: String(answer.data) };
  } catch (error) {
    // Octokit throws every answer that is no success.
    const { response } = error as {
      response?: { status: number; headers: Answer['headers']; data: unknown };
    };
    if (response === undefined) throw error;
    return { status: response.status, headers: response.headers, text: String(response.data) };
  }
}

async function postToGitLab(
  target: StatusTarget,
  status: CommitStatus,
  { token, signal, fetch }: RequestOptions,
): Promise<Answer> {
  const { commit, context, state } = status;
  const link = linkOf(target, status);
  const url = `${target.apiUrl}/projects/${encodeURIComponent(target.repository)}/statuses/${commit}`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'private-token': token, 'content-type': 'application/json', 'user-agent': 'keelson-agent' },
    body: JSON.stringify({
      state: GITLAB_STATES[state],
      context,
      description: description(status.description, GITLAB_DESCRIPTION),
      ...(link !== undefined && { target_url: link }),
    }),
    signal,
  });
  const text = await answer.text();
  // A status that is what it should be is an error to GitLab.
  const same = answer.status === 400 && text.includes('Cannot transition status');
  return { status: same ? 201 : answer.status, headers: Object.fromEntries(answer.headers), text };
}

function linkOf(target: StatusTarget, status: CommitStatus): string | undefined {
  return status.targetUrl ?? target.targetUrl;
}
