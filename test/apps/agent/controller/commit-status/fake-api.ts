// GitHub's and GitLab's API for commit statuses, as strict as the real ones and without mercy where told to fail.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { boundedFetch } from '../../../../../apps/agent/controller/commit-status/bounded-fetch.ts';
import { AddressPolicy } from '../../../../../apps/agent/git/address-policy.ts';

export const TOKEN = 'ghp-like-CANARY-token-0123456789';

/** A status that the API has taken. */
export interface Taken {
  readonly repository: string;
  readonly commit: string;
  readonly state: string;
  readonly context: string;
  readonly description: string;
  readonly target_url?: string;
}

/** Answers one request in place of the API. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => void;

export interface FakeApi {
  readonly taken: Taken[];
  /** How many requests came, those that failed too. */
  readonly requests: { count: number };
  /** The next requests fail so, first things first. */
  readonly faults: Fault[];
  /** The next requests for a commit fail so. */
  readonly faultsOf: Map<string, Fault[]>;
  /** Leads https://git.example.com to this server. */
  readonly fetch: typeof fetch;
  close(): void;
}

/** A fault by status, with headers and a body. */
export const answering =
  (status: number, headers: Readonly<Record<string, string>> = {}, body = '{"message":"it is so"}'): Fault =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(body);
  };

export async function fakeApi(): Promise<FakeApi> {
  const bounded = boundedFetch(new AddressPolicy({ allow: ['127.0.0.0/8'] }));
  const taken: Taken[] = [];
  const faults: Fault[] = [];
  const faultsOf = new Map<string, Fault[]>();
  const requests = { count: 0 };
  const server = createServer((request, response) => {
    requests.count += 1;
    const fault = faults.shift() ?? faultsOf.get(request.url?.split('/').at(-1) ?? '')?.shift();
    if (fault !== undefined) {
      request.resume();
      fault(request, response);
      return;
    }
    void bodyOf(request).then((body) => {
      const url = request.url ?? '';
      const [status, answer] = url.startsWith('/api/v4/')
        ? gitlab(request, url, body, taken)
        : github(request, url, body, taken);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    taken,
    faults,
    faultsOf,
    requests,
    fetch: (url, init) => bounded(String(url).replace('https://git.example.com', origin), init),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}

type Reply = readonly [status: number, body: object];

/** https://docs.github.com/en/rest/commits/statuses#create-a-commit-status */
function github({ method, headers }: IncomingMessage, url: string, body: unknown, taken: Taken[]): Reply {
  const path = /^\/api\/v3\/repos\/([^/]+\/[^/]+)\/statuses\/([0-9a-f]{40})$/.exec(url);
  if (path === null || method !== 'POST') return [404, { message: 'Not Found' }];
  if (headers.authorization !== `token ${TOKEN}`) return [401, { message: 'Bad credentials' }];
  const { state, context, description, target_url, ...rest } = (body ?? {}) as Record<string, string>;
  const invalid = (field: string, message: string): Reply => [
    422,
    { message: 'Validation Failed', errors: [{ resource: 'Status', code: 'custom', field, message }] },
  ];
  if (Object.keys(rest).length > 0) return invalid('x', 'unknown field');
  if (!['error', 'failure', 'pending', 'success'].includes(state ?? ''))
    return invalid('state', 'is not included');
  if (description === undefined || [...description].length > 140)
    return invalid('description', 'is too long (maximum is 140 characters)');
  if (/[\u{10000}-\u{10ffff}]/u.test(description))
    return invalid('description', "doesn't accept 4-byte Unicode");
  if (context === undefined || context.length > 255) return invalid('context', 'is too long');
  const [, repository = '', commit = ''] = path;
  taken.push(status(repository, commit, state ?? '', context, description, target_url));
  return [201, { id: 1, state, description, context }];
}

/** https://docs.gitlab.com/api/commits/#set-commit-pipeline-status, with the transitions of its state machine. */
function gitlab({ method, headers }: IncomingMessage, url: string, body: unknown, taken: Taken[]): Reply {
  const path = /^\/api\/v4\/projects\/([^/]+)\/statuses\/([0-9a-f]{40})$/.exec(url);
  if (path === null || method !== 'POST') return [404, { error: '404 Not Found' }];
  if (headers['private-token'] !== TOKEN) return [401, { message: '401 Unauthorized' }];
  const { state, context, description, target_url, ...rest } = (body ?? {}) as Record<string, string>;
  if (Object.keys(rest).length > 0) return [400, { error: 'unknown parameter' }];
  if (!['pending', 'running', 'success', 'failed', 'canceled', 'skipped'].includes(state ?? ''))
    return [400, { error: 'state does not have a valid value' }];
  if (description === undefined || description.length > 255)
    return [400, { message: { description: ['is too long'] } }];
  if (context === undefined || context.length > 255) return [400, { message: { name: ['is too long'] } }];
  const [, project = '', commit = ''] = path;
  const repository = decodeURIComponent(project);
  const last = taken.findLast((one) => one.commit === commit && one.context === context);
  if (last?.state === state && ['pending', 'running'].includes(state ?? '')) {
    const event = state === 'running' ? 'run' : 'enqueue';
    return [
      400,
      {
        message: `Cannot transition status via :${event} from :${state} (Reason(s): Status cannot transition via "${event}")`,
      },
    ];
  }
  taken.push(status(repository, commit, state ?? '', context, description, target_url));
  return [201, { id: 1, status: state }];
}

function status(
  repository: string,
  commit: string,
  state: string,
  context: string,
  description: string,
  target_url: string | undefined,
): Taken {
  return { repository, commit, state, context, description, ...(target_url !== undefined && { target_url }) };
}
