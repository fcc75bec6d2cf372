import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { RegistryClient, type RegistryTarget } from '../../../../apps/agent/registry/registry-client.ts';

/** A request as it came in. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** A server that answers as a test says and remembers what it was asked. */
export interface FakeServer {
  readonly host: string;
  readonly received: Received[];
}

type Handler = (request: Received, response: ServerResponse, incoming: IncomingMessage) => void;

/** Starts a server at 127.0.0.1 for the length of a test. */
export async function fakeServer(handler: Handler): Promise<FakeServer> {
  const received: Received[] = [];
  const server: Server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const request = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      authorization: incoming.headers.authorization,
      body: Buffer.concat(chunks).toString(),
    };
    received.push(request);
    handler(request, response, incoming);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** A client for a fake, which speaks plain http. */
export function clientOf(
  host: string,
  target: Partial<RegistryTarget> = {},
  timeoutMs = 2000,
): RegistryClient {
  const client = new RegistryClient({ host, insecure: true, accounts: new Map(), ...target }, { timeoutMs });
  onTestFinished(() => client.close());
  return client;
}

/** The digest of a text or a value's JSON. */
export function digestOf(content: unknown): string {
  return `sha256:${createHash('sha256').update(text(content)).digest('hex')}`;
}

/** A value as it is sent. */
export function text(content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content);
}

/** Manifest and configuration of an image with labels, by path. */
export function image(
  repository: string,
  labels: Readonly<Record<string, string>>,
): { readonly digest: string; readonly contents: Readonly<Record<string, string>> } {
  const config = text({ architecture: 'amd64', os: 'linux', config: { Labels: labels } });
  const manifest = text({
    schemaVersion: 2,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config) },
    layers: [],
  });
  const digest = digestOf(manifest);
  return {
    digest,
    contents: {
      [`/v2/${repository}/manifests/${digest}`]: manifest,
      [`/v2/${repository}/blobs/${digestOf(config)}`]: config,
    },
  };
}

/** Answers with what is there by path, and 404 otherwise. */
export function serve(contents: Readonly<Record<string, string>>): Handler {
  return ({ path }, response) => {
    const content = contents[path];
    response.writeHead(content === undefined ? 404 : 200).end(content);
  };
}
