import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { Kubernetes } from '../../../../apps/agent/kubernetes/client.ts';
import { Connection } from '../../../../apps/agent/kubernetes/connection.ts';

/** A server that answers as a test says, in place of an API server. */
export interface LocalServer {
  readonly server: http.Server;
  /** Method and path with query of each request, but those of discovery. */
  readonly requests: string[];
  readonly config: KubeConfig;
  /** A client that waits so long for an answer. */
  client(timeout?: number): Kubernetes;
  close(): void;
}

/** What the server knows of ConfigMaps and Namespaces. */
const DISCOVERY = {
  resources: [
    { name: 'configmaps', kind: 'ConfigMap', namespaced: true },
    { name: 'namespaces', kind: 'Namespace', namespaced: false },
    { name: 'namespaces/finalize', kind: 'Namespace', namespaced: false },
  ],
};

/** Starts a server on this machine. `answer` gets how many requests of that method and path there were before. */
export async function serve(
  answer: (request: IncomingMessage, response: ServerResponse, before: number) => void,
): Promise<LocalServer> {
  const requests: string[] = [];
  const server = http.createServer((request, response) => {
    const { method = '', url = '' } = request;
    if (url === '/api/v1') return void json(response, 200, DISCOVERY);
    const name = `${method} ${url}`;
    const before = requests.filter((known) => known === name).length;
    requests.push(name);
    answer(request, response, before);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const config = new KubeConfig();
  // Plain http is refused without it.
  const cluster = { name: 'local', server: `http://127.0.0.1:${port}`, skipTLSVerify: true };
  config.loadFromClusterAndUser(cluster, { name: 'user', token: 'first' });
  return {
    server,
    requests,
    config,
    client: (timeout) => new Kubernetes(new Connection(config, timeout)),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** A ConfigMap of that version. */
export function configMap(name: string, resourceVersion: string, value = ''): object {
  return {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name, namespace: 'ns', resourceVersion },
    data: { value },
  };
}

/** What names a ConfigMap. */
export const MAP = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'ns', name: 'map' } as const;
