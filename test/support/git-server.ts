// A git server for tests: git's own http-backend behind a small http server, in a temporary directory.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestRepository } from './git-repository.ts';

/** Options of {@link startGitServer}. */
export interface GitServerOptions {
  /** The address to listen at. @default '127.0.0.1' */
  readonly host?: string;
  /** Asked of every client. @default - nobody is asked */
  readonly basicAuth?: { readonly username: string; readonly password: string };
  /** Whether it knows version 2 of the protocol. @default true */
  readonly version2?: boolean;
  /** Serves https with them. @default - http */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Answers in place of git where it returns true. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** What has been asked of a server. Bytes are those of bodies. */
export interface GitServerCounters {
  requests: number;
  connections: number;
  received: number;
  sent: number;
}

/** A running git server. */
export interface GitServer {
  readonly port: number;
  /** Where the repositories are. */
  readonly directory: string;
  readonly counters: GitServerCounters;
  /** The last requests, method and URL, newest last. */
  readonly log: readonly string[];
  /** The URL of a repository, be it there or not. */
  url(repository: string): string;
  /** Makes an empty repository, whose default branch is `main`. */
  createRepository(name: string, options?: { objectFormat?: 'sha1' | 'sha256' }): Promise<TestRepository>;
  /** Sets the counters to 0 and empties the log. */
  reset(): void;
  /** Closes connections without a word, as servers do with idle ones. */
  closeConnections(): void;
  close(): Promise<void>;
}

/** Starts a git server. */
export async function startGitServer(options: GitServerOptions = {}): Promise<GitServer> {
  const directory = await mkdtemp(join(tmpdir(), 'git-server-'));
  const counters: GitServerCounters = { requests: 0, connections: 0, received: 0, sent: 0 };
  const log: string[] = [];
  const repositories: TestRepository[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    counters.requests++;
    log.push(`${request.method} ${request.url}`);
    request.on('data', (chunk: Buffer) => {
      counters.received += chunk.length;
    });
    countWritten(response, counters);
    if (options.intercept?.(request, response) === true) return;
    if (!mayEnter(request, options)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    serve(request, response, directory, options);
  };
  const server = options.tls === undefined ? createServer(handle) : createTlsServer(options.tls, handle);
  server.keepAliveTimeout = 60_000;
  server.on(options.tls === undefined ? 'connection' : 'secureConnection', () => counters.connections++);
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((done) => server.listen(0, host, done));
  const { port } = server.address() as AddressInfo;
  const scheme = options.tls === undefined ? 'http' : 'https';
  const removeAtExit = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', removeAtExit);
  return {
    port,
    directory,
    counters,
    log,
    url: (repository) => `${scheme}://${host}:${port}/${repository}.git`,
    createRepository: async (name, repositoryOptions) => {
      const repository = new TestRepository(directory, name, repositoryOptions);
      repositories.push(repository);
      return repository;
    },
    reset: () => {
      Object.assign(counters, { requests: 0, connections: 0, received: 0, sent: 0 });
      log.length = 0;
    },
    closeConnections: () => server.closeAllConnections(),
    close: async () => {
      await closed(server);
      await Promise.all(repositories.map((repository) => repository.close()));
      process.off('exit', removeAtExit);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function countWritten(response: ServerResponse, counters: GitServerCounters): void {
  for (const method of ['write', 'end'] as const) {
    const original = response[method].bind(response) as (...args: unknown[]) => unknown;
    Object.assign(response, {
      [method]: (...args: unknown[]) => {
        const [chunk] = args;
        if (typeof chunk === 'string' || chunk instanceof Uint8Array)
          counters.sent += Buffer.byteLength(chunk);
        return original(...args);
      },
    });
  }
}

async function closed(server: Server): Promise<void> {
  const done = new Promise((ended) => server.close(ended));
  server.closeAllConnections();
  await done;
}

function mayEnter({ headers }: IncomingMessage, { basicAuth }: GitServerOptions): boolean {
  if (basicAuth === undefined) return true;
  const { username, password } = basicAuth;
  return headers.authorization === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** As https://git-scm.com/docs/git-http-backend has it. */
function serve(
  request: IncomingMessage,
  response: ServerResponse,
  directory: string,
  { version2 = true }: GitServerOptions,
): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const header = (name: string): string => String(request.headers[name] ?? '');
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_PROJECT_ROOT: directory,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: searchParams.toString(),
      REQUEST_METHOD: request.method ?? 'GET',
      REMOTE_ADDR: '127.0.0.1',
      CONTENT_TYPE: header('content-type'),
      ...(header('content-length') !== '' && { CONTENT_LENGTH: header('content-length') }),
      ...(header('content-encoding') !== '' && { HTTP_CONTENT_ENCODING: header('content-encoding') }),
      ...(version2 && header('git-protocol') !== '' && { GIT_PROTOCOL: header('git-protocol') }),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(backend.stdin);
  // The backend may answer without having read everything.
  backend.stdin.on('error', () => undefined);
  response.on('close', () => backend.kill());
  let head: Buffer | undefined = Buffer.alloc(0);
  backend.stdout.on('data', (chunk: Buffer) => {
    if (head === undefined) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = head.subarray(0, end).toString('latin1').split('\r\n');
    const headers = lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    const status = Number(headers.find(([name]) => name === 'status')?.[1].slice(0, 3) ?? 200);
    response.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== 'status')));
    const rest = head.subarray(end + 4);
    head = undefined;
    if (rest.length > 0) response.write(rest);
  });
  backend.on('close', () => {
    if (head !== undefined) response.writeHead(500);
    response.end();
  });
}
