// MinIO and RabbitMQ as far as a gate sees them, which run when their Deployments are scaled up.
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadinessConfiguration, ServiceConfiguration } from '../../../lib/agent/configuration.ts';
import type { Api, KubernetesObject } from '../../cluster/api.ts';

interface Deployment extends KubernetesObject {
  readonly spec: { readonly replicas?: number };
}

/** How services behave. */
export interface ServiceBehaviour {
  /** How long they take from being scaled up to answering, in milliseconds. */
  readonly startMs?: number;
  /** Names of those that never answer. */
  readonly broken?: readonly string[];
  /** Names of those that answer without an available pod of their own: one of before that is about to end does. */
  readonly lingering?: readonly string[];
  /** A directory in which there is a file for each that answers, for commands to find. */
  readonly directory?: string;
}

const POLL_MS = 150;

/**
 * Plays the Deployments of services and what they run: while one is scaled to 1 it has an available pod, and something
 * answers at an address of this machine.
 */
export class PlayedServices {
  readonly #api: Api;
  readonly #namespace: string;
  readonly #behaviour: ServiceBehaviour;
  readonly #services = new Map<string, PlayedService>();
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  /** How often each was started. */
  readonly starts: Record<string, number> = {};

  constructor(api: Api, namespace: string, behaviour: ServiceBehaviour = {}) {
    this.#api = api;
    this.#namespace = namespace;
    this.#behaviour = behaviour;
    this.#following = this.#follow();
  }

  /** Plays these, too, and says at which addresses of this machine they answer. */
  play(services: readonly ServiceConfiguration[]): Promise<ServiceConfiguration[]> {
    return Promise.all(
      services.map(async (service) => {
        const known = this.#services.get(service.deployment) ?? (await PlayedService.of(service.readiness));
        this.#services.set(service.deployment, known);
        return { ...service, readiness: known.readiness };
      }),
    );
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    for (const service of this.#services.values()) service.close();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      for (const [name, service] of this.#services) await this.#look(name, service).catch(() => undefined);
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(name: string, service: PlayedService): Promise<void> {
    const path = `/apis/apps/v1/namespaces/${this.#namespace}/deployments/${name}`;
    const { spec, metadata, status } = await this.#api.get<Deployment & { status?: object }>(path);
    const wanted = (spec.replicas ?? 1) > 0 ? 1 : 0;
    if (wanted === 0) {
      service.wantedSince = undefined;
      service.up = false;
    } else if (service.wantedSince === undefined) {
      service.wantedSince = Date.now();
      this.starts[name] = (this.starts[name] ?? 0) + 1;
    }
    const { startMs = 0, broken = [], lingering = [], directory } = this.#behaviour;
    const started = service.wantedSince !== undefined && Date.now() - service.wantedSince >= startMs;
    if (started && !broken.includes(name)) service.up = true;
    if (directory !== undefined && service.up) writeFileSync(join(directory, name), '');
    else if (directory !== undefined) rmSync(join(directory, name), { force: true });
    const { generation } = metadata as { generation?: number };
    const available = service.up && !lingering.includes(name) ? 1 : 0;
    const next = {
      observedGeneration: generation,
      replicas: wanted,
      updatedReplicas: wanted,
      readyReplicas: available,
      availableReplicas: available,
    };
    const same = Object.entries(next).every(
      ([key, value]) => ((status as Record<string, unknown> | undefined)?.[key] ?? 0) === (value ?? 0),
    );
    if (same) return;
    await this.#api.request(
      'PATCH',
      `${path}/status`,
      { status: next },
      {
        contentType: 'application/merge-patch+json',
      },
    );
  }
}

/** One of them: a server that keeps its port, and ends each connection at once while it is down. */
class PlayedService {
  readonly readiness: ReadinessConfiguration;
  readonly #server: Server;
  readonly #http = createServer((request, response) => {
    const { readiness } = this;
    response.writeHead('http' in readiness && request.url === readiness.http.path ? 200 : 404).end();
  });
  wantedSince: number | undefined;
  up = false;

  private constructor(readiness: ReadinessConfiguration, server: Server) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    const address = { host: '127.0.0.1', port };
    if ('http' in readiness) this.readiness = { http: { ...readiness.http, ...address } };
    else this.readiness = 'amqp' in readiness ? { amqp: address } : { tcp: address };
    server.on('connection', (socket) => this.#answer(socket));
  }

  static async of(readiness: ReadinessConfiguration): Promise<PlayedService> {
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new PlayedService(readiness, server);
  }

  #answer(socket: Socket): void {
    socket.on('error', () => undefined);
    if (!this.up) socket.destroy();
    else if ('http' in this.readiness) this.#http.emit('connection', socket);
    else if ('amqp' in this.readiness) socket.once('data', () => socket.end(AMQP_START));
  }

  close(): void {
    this.up = false;
    this.#server.close();
    this.#http.closeAllConnections();
  }
}

const AMQP_START = amqpStart();

/** A broker's first word: Connection.Start, with PLAIN and en_US. */
function amqpStart(): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.alloc(4 + value.length);
    bytes.writeUInt32BE(value.length);
    bytes.write(value, 4);
    return bytes;
  };
  const method = Buffer.concat([Buffer.from([0, 10, 0, 10, 0, 9]), text(''), text('PLAIN'), text('en_US')]);
  const head = Buffer.from([1, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(method.length, 3);
  return Buffer.concat([head, method, Buffer.from([0xce])]);
}
