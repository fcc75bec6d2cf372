import type { IncomingHttpHeaders } from 'node:http';

/** What a delivery says of a push. It may be anything: the branch is a hint, to be looked up among the watched ones. */
export interface Push {
  /** Absent where it is not known, and any branch may have been pushed to. */
  readonly branch?: string;
}

const HEADS = 'refs/heads/';
/** Longer than any branch that git servers take. */
const MAX_BRANCH = 1024;

/** The push to a branch that a delivery tells of; undefined for any other event. */
export function pushOf(headers: IncomingHttpHeaders, body: Buffer): Push | undefined {
  const event = headers['x-github-event'] ?? headers['x-gitea-event'] ?? headers['x-gitlab-event'];
  if (event !== 'push' && event !== 'Push Hook') return undefined;
  const ref = refOf(body);
  if (ref === undefined) return {};
  if (!ref.startsWith(HEADS)) return undefined;
  return ref.length > MAX_BRANCH ? {} : { branch: ref.slice(HEADS.length) };
}

function refOf(body: Buffer): string | undefined {
  try {
    const { ref } = JSON.parse(body.toString('utf8')) as { readonly ref?: unknown };
    return typeof ref === 'string' ? ref : undefined;
  } catch {
    return undefined;
  }
}
