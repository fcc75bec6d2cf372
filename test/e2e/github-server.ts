import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { certificates } from '../cluster/certificates.ts';
import { type Answer, GitHubReleases, type StoredRelease } from './github-releases.ts';

/** A part of GitHub's API, with one repository, that runs in this process and speaks https. */
export interface GitHubServer {
  /** The API, as pods reach it. */
  readonly url: string;
  /** The certificate of the authority that signed the server's. */
  readonly authority: string;
  /** Newest first. */
  readonly releases: readonly StoredRelease[];
  /** Methods and paths of all requests, in their order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** Starts a server for releases at an address of this machine. It answers who has the token. */
export async function startGitHubServer(
  address: string,
  repository: string,
  token: string,
): Promise<GitHubServer> {
  const [certificate] = await certificates([address]);
  if (certificate === undefined) throw new Error('no certificate');
  const requests: string[] = [];
  const path = `/repos/${repository}/releases`;
  let store: GitHubReleases;
  const server = createServer({ cert: certificate['tls.crt'], key: certificate['tls.key'] });
  server.on('request', (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    void answer(request, store, path, token).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
      response.end(body === undefined ? undefined : JSON.stringify(body));
    });
  });
  server.listen(0, address);
  await once(server, 'listening');
  const url = `https://${address}:${(server.address() as AddressInfo).port}`;
  store = new GitHubReleases(url + path);
  return {
    url,
    authority: certificate['ca.crt'],
    releases: store.all,
    requests,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function answer(
  request: IncomingMessage,
  store: GitHubReleases,
  path: string,
  token: string,
): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const { method = 'GET', headers, url = '/' } = request;
  const { pathname, searchParams } = new URL(url, 'https://server');
  if (!/^(token|bearer) /i.test(headers.authorization ?? '') || !headers.authorization?.endsWith(` ${token}`))
    return { status: 401, body: { message: 'Bad credentials' } };
  if (pathname !== path && !pathname.startsWith(`${path}/`))
    return { status: 404, body: { message: 'Not Found' } };
  return store.answer({
    method,
    path: pathname.slice(path.length + 1).split('/'),
    query: searchParams,
    body: Buffer.concat(chunks),
  });
}
