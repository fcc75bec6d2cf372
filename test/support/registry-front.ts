// Stands before a registry, and fails as it is told to.
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of requests: `down` is no listener at all, `half` an answer that breaks off. */
export type RegistryFault = 'down' | 'error' | 'unavailable' | 'silent' | 'half' | 'garbage' | 'reset';

/** Every fault there is. */
export const REGISTRY_FAULTS: readonly RegistryFault[] = [
  'down',
  'error',
  'unavailable',
  'silent',
  'half',
  'garbage',
  'reset',
];

/** A front of a registry that speaks plain http at this machine. */
export class RegistryFront {
  /** How many requests met a fault. */
  faults = 0;
  readonly #target: string;
  readonly #server: Server;
  #port = 0;
  #fault: RegistryFault | undefined;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((incoming, response) => this.#handle(incoming, response));
  }

  /** @param target host and port of the registry */
  static async start(target: string): Promise<RegistryFront> {
    const front = new RegistryFront(target);
    await front.#listen();
    return front;
  }

  /** Host and port. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Fails from now on, or no more. */
  async fail(fault: RegistryFault | undefined): Promise<void> {
    if (this.#fault === 'down') await this.#listen();
    this.#fault = fault;
    if (fault === 'down') await this.close();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #handle(incoming: IncomingMessage, response: ServerResponse): void {
    const fault = this.#fault;
    if (fault === undefined) {
      this.#forward(incoming, response);
      return;
    }
    this.faults++;
    incoming.resume();
    if (fault === 'error') response.writeHead(500).end('Internal Server Error');
    else if (fault === 'unavailable') response.writeHead(503, { 'retry-after': '1' }).end();
    else if (fault === 'garbage')
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>\u001b[2J');
    else if (fault === 'reset') response.socket?.resetAndDestroy();
    else if (fault === 'half') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"schemaVersion"', () => response.socket?.destroy());
    }
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const { method, url = '/', headers } = incoming;
    const outgoing = request(`http://${this.#target}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  }
}
