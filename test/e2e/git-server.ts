import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { command } from '../cluster/command.ts';

/** A repository on a git server that runs in this process. */
export interface GitServer {
  /** The repository, as pods reach it by plain http. */
  readonly url: string;
  /** Commits the files, beside what is there, and pushes: returns the commit's full name. */
  pushCommit(files: Readonly<Record<string, string>>, options?: CommitOptions): Promise<string>;
  close(): Promise<void>;
}

export interface CommitOptions {
  readonly branch?: string;
  readonly message?: string;
}

/** Starts a server with an empty repository at an address of this machine. Git's own http-backend answers. */
export async function startGitServer(address: string): Promise<GitServer> {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-git-'));
  const bare = join(folder, 'served', 'project.git');
  const checkout = join(folder, 'checkout');
  await git('init', '--quiet', '--bare', '--initial-branch=main', bare);
  // As GitHub and GitLab have it.
  await git('-C', bare, 'config', 'uploadpack.allowFilter', 'true');
  await git('init', '--quiet', '--initial-branch=main', checkout);
  const server = createServer((request, response) => answer(dirname(bare), request, response));
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${address}:${port}/project.git`,
    pushCommit: async (files, { branch = 'main', message = 'A change' } = {}) => {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(checkout, path)), { recursive: true });
        await writeFile(join(checkout, path), text);
      }
      await git('-C', checkout, 'add', '--all');
      await git('-C', checkout, ...AUTHOR, 'commit', '--quiet', '--allow-empty', `--message=${message}`);
      await git('-C', checkout, 'push', '--quiet', '--force', bare, `HEAD:refs/heads/${branch}`);
      return (await git('-C', checkout, 'rev-parse', 'HEAD')).trim();
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      await rm(folder, { recursive: true });
    },
  };
}

const AUTHOR = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];

function git(...args: string[]): Promise<string> {
  return command('git', args, { howToGet: 'install git' });
}

/** Runs http-backend for one request, as a web server does: https://git-scm.com/docs/git-http-backend */
function answer(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://server');
  const header = (name: string): string => String(request.headers[name] ?? '');
  const backend = spawn('git', ['http-backend'], {
    env: {
      ...process.env,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: header('git-protocol'),
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: header('content-type'),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      REMOTE_ADDR: request.socket.remoteAddress ?? '',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  response.on('close', () => backend.kill());
  // A backend that has answered before it read all closes its end.
  backend.stdin.on('error', () => undefined);
  request.pipe(backend.stdin);
  let head = Buffer.alloc(0);
  const readHead = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    backend.stdout.off('data', readHead);
    writeHead(response, head.subarray(0, end).toString());
    response.write(head.subarray(end + 4));
    backend.stdout.pipe(response);
  };
  backend.stdout.on('data', readHead);
  backend.stdout.on('end', () => {
    if (!response.headersSent) response.writeHead(500).end();
  });
}

/** The headers of a CGI program, the status among them. */
function writeHead(response: ServerResponse, text: string): void {
  const headers = text.split('\r\n').map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const status = headers.find(([name]) => name === 'status')?.[1] ?? '200';
  response.writeHead(
    Number.parseInt(status, 10),
    Object.fromEntries(headers.filter(([name]) => name !== 'status')),
  );
}
