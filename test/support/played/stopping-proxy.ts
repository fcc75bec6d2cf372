// A proxy before an API server that stops a chosen request, before or after the API server has seen it.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { readKubeconfig } from '../../cluster/kubeconfig.ts';

/** What becomes of a request: it is passed on, or it, or its answer, is kept. */
export type Passage = 'pass' | 'keep-request' | 'keep-answer';

export interface StoppingProxy {
  readonly server: string;
  close(): void;
}

/** @param decide is asked of each request; what it does with one that is kept is done when that is so */
export async function startStoppingProxy(
  kubeconfig: string,
  decide: (method: string, url: string) => { readonly passage: Passage; readonly kept?: () => void },
): Promise<StoppingProxy> {
  const { server: target, ca } = await readKubeconfig(kubeconfig);
  const agent = new https.Agent({ keepAlive: true, ...(ca !== undefined && { ca }) });

  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/' } = request;
    const { passage, kept } = decide(method, url);
    if (passage === 'keep-request') return kept?.();
    const { host: _, connection: __, ...headers } = request.headers;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = https.request(target + url, { method, headers, agent }, resolve);
      outgoing.on('error', reject);
      request.pipe(outgoing);
    });
    const body = Buffer.concat(await answer.toArray());
    if (passage === 'keep-answer') return kept?.();
    const type = answer.headers['content-type'] ?? 'application/json';
    response.writeHead(answer.statusCode ?? 500, { 'content-type': type, 'content-length': body.length });
    response.end(body);
  };

  const server = http.createServer((request, response) => {
    // A client that was killed does not wait for its answer.
    pass(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}
