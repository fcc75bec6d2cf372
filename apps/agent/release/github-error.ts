/** A request that GitHub did not fulfil. Its message says what helps, and holds no token. */
export class GitHubError extends Error {
  override readonly name = 'GitHubError';
  /** Whether looking again, and trying what is then still to be done, may help. */
  readonly passing: boolean;
  /** The HTTP status; undefined where there was no answer. */
  readonly status: number | undefined;
  /** How long GitHub asks to wait; undefined where it asks for nothing. */
  readonly waitMs: number | undefined;

  constructor(message: string, passing: boolean, status?: number, waitMs?: number) {
    super(message);
    this.passing = passing;
    this.status = status;
    this.waitMs = waitMs;
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
}

/** Where GitHub names no time for a secondary limit, it asks to wait at least a minute. */
const SECONDARY_MS = 60_000;

/**
 * What an error of Octokit means.
 *
 * @param request what was asked for, such as `POST /repos/{owner}/{repo}/releases`
 * @param token what may not be in the message
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
export function gitHubError(error: unknown, request: string, token: string): GitHubError {
  const { message: text, response } = error as { message: string; response?: Answer };
  const said = text
    .replaceAll(token, '…')
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .slice(0, 400);
  if (response === undefined) return new GitHubError(`${request}: no answer of GitHub: ${said}`, true);
  const { status } = response;
  const message = `${request}: GitHub answered ${status}: ${said}`;
  const waitMs = limited(response, said);
  if (waitMs !== undefined) return new GitHubError(message, true, status, waitMs);
  const remedy = REMEDIES[status];
  // What was there before, or was not, may have become otherwise meanwhile.
  const changed =
    status === 409 || (status === 404 && ABOUT_KNOWN.test(request)) || alreadyThere(status, said);
  const passing = status >= 500 || status === 408 || changed;
  return new GitHubError(remedy === undefined ? message : `${message}: ${remedy}`, passing, status);
}

const REMEDIES: Readonly<Record<number, string>> = {
  401: 'give a token that holds good',
  403: "give a token that may write the repository's contents",
  404: "check the repository's name, and that the token may write its contents",
  422: 'check that the commit is on GitHub, and that a tag of this name may be made',
};

/** Requests about a release or an asset that GitHub named before. */
const ABOUT_KNOWN = /\{(?:release|asset)_id\}|^POST https?:/;

function alreadyThere(status: number, said: string): boolean {
  return status === 422 && /already[_ ]exists/.test(said);
}

/** How long to wait before anything else is asked for; undefined where no limit was reached. */
function limited({ status, headers }: Answer, said: string): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const after = Number(headers['retry-after']);
  if (after > 0) return after * 1000;
  if (Number(headers['x-ratelimit-remaining'] ?? 1) === 0) {
    const reset = Number(headers['x-ratelimit-reset']) * 1000;
    return Math.max(reset - Date.now(), 0) + 1000 || SECONDARY_MS;
  }
  return status === 429 || /rate limit/i.test(said) ? SECONDARY_MS : undefined;
}
