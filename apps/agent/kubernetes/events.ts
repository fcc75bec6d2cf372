import type { Log } from '../observe/log.ts';
import type { Kubernetes } from './client.ts';
import { hasStatus } from './errors.ts';
import type { KubernetesObject } from './object.ts';

/** What an Event says. */
export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** One word in PascalCase, for machines. */
  readonly reason: string;
  /** A sentence for people; it must hold no secret. */
  readonly message: string;
}

/** Kubernetes' limit is 1024 bytes. */
const MAX_MESSAGE = 1000;
/** The same is not said again within this time: API server and people have other things to do. */
const QUIET_MS = 10 * 60_000;
const MAX_REMEMBERED = 1000;

/** Writes Events about objects, for `kubectl describe` and `kubectl get events`. One that can't be written is logged. */
export class Events {
  readonly #client: Kubernetes;
  readonly #component: string;
  readonly #log: Log;
  readonly #said = new Map<string, number>();

  constructor(client: Kubernetes, component: string, log: Log) {
    this.#client = client;
    this.#component = component;
    this.#log = log;
  }

  /** Says something about an object. */
  async say(about: KubernetesObject, { type, reason, message }: EventText): Promise<void> {
    const { apiVersion, kind, metadata } = about;
    // The Event of an object without a namespace has to be in `default`, where the agent has no rights.
    const namespace = metadata.namespace ?? metadata.name;
    const key = `${kind} ${namespace}/${metadata.name} ${reason} ${message}`;
    const now = Date.now();
    if (now - (this.#said.get(key) ?? 0) < QUIET_MS) return;
    this.#said.set(key, now);
    if (this.#said.size > MAX_REMEMBERED) this.#said.delete(this.#said.keys().next().value ?? '');
    const time = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
    const { name, uid } = metadata;
    const involved = { apiVersion, kind, name, namespace, ...(uid !== undefined && { uid }) };
    try {
      await this.#client.create({
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: `${name.slice(0, 200)}.${now.toString(16)}${random()}`, namespace },
        involvedObject: involved,
        type,
        reason,
        message: printable(message).slice(0, MAX_MESSAGE),
        source: { component: this.#component },
        firstTimestamp: time,
        lastTimestamp: time,
        count: 1,
      });
    } catch (error) {
      // The namespace may be on its way out.
      if (!hasStatus(error, 403, 404))
        this.#log.warn({ error, reason, object: key }, 'an Event was not written');
    }
  }
}

function random(): string {
  return Math.floor(Math.random() * 0x1000000)
    .toString(16)
    .padStart(6, '0');
}

/** Branches and messages of commits may hold anything, and terminals act on control characters. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029]/gu, '\u{fffd}');
}
