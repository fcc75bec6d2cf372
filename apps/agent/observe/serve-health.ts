import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';

/** What a program says of itself. */
export interface Health {
  /** Why it should be restarted; undefined where it is well. */
  readonly unhealthy: () => string | undefined;
  /** Why it is not ready; undefined where it is. */
  readonly unready: () => string | undefined;
  readonly metrics: Registry;
}

/** Serves `/healthz`, `/readyz` and `/metrics`. */
export function serveHealth(port: number, { unhealthy, unready, metrics }: Health): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (problem: string | undefined): void => {
      response.writeHead(problem === undefined ? 200 : 503, { 'content-type': 'text/plain' });
      response.end(`${problem ?? 'ok'}\n`);
    };
    request.resume();
    const path = request.url?.split('?', 1)[0];
    if (request.method !== 'GET') response.writeHead(405, { allow: 'GET' }).end();
    else if (path === '/healthz') answer(unhealthy());
    else if (path === '/readyz') answer(unready());
    else if (path === '/metrics') {
      void metrics.metrics().then(
        (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    } else response.writeHead(404).end();
  });
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve(server));
  });
}
