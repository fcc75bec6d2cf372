import type { Log } from '../observe/log.ts';
import type { Kubernetes } from './client.ts';
import { hasStatus, isAlreadyExists } from './errors.ts';
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
const MAX_MESSAGE = 1024;
/** The same is not said again within this time: API server and people have other things to do. */
const QUIET_MS = 10 * 60_000;
const MAX_REMEMBERED = 1000;
/** Nothing waits longer for an Event to be written. */
const TIMEOUT_MS = 10_000;

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
    const text = shortened(printable(message), MAX_MESSAGE);
    const key = `${kind} ${namespace}/${metadata.name} ${reason} ${text}`;
    const now = Date.now();
    if (!this.#isNew(key, now)) return;
    const time = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
    const { name, uid } = metadata;
    const involved = { apiVersion, kind, name, namespace, ...(uid !== undefined && { uid }) };
    try {
      await this.#client.until(AbortSignal.timeout(TIMEOUT_MS)).create({
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: eventName(name, now), namespace },
        involvedObject: involved,
        type,
        reason,
        message: text,
        source: { component: this.#component },
        firstTimestamp: time,
        lastTimestamp: time,
        count: 1,
      });
    } catch (error) {
      // The namespace may be on its way out, and the answer to a first try may have got lost.
      if (hasStatus(error, 403, 404) || isAlreadyExists(error)) return;
      this.#said.delete(key);
      this.#log.warn({ error, reason, object: key }, 'an Event was not written');
    }
  }

  #isNew(key: string, now: number): boolean {
    if (now - (this.#said.get(key) ?? 0) < QUIET_MS) return false;
    this.#said.delete(key);
    this.#said.set(key, now);
    if (this.#said.size > MAX_REMEMBERED) this.#said.delete(this.#said.keys().next().value ?? '');
    return true;
  }
}

/** Starts with the object's name and, as all names of objects, has nothing but a letter or digit before a dot. */
function eventName(name: string, now: number): string {
  const random = Math.floor(Math.random() * 0x1000000).toString(16);
  return `${name.slice(0, 200).replace(/[^a-z0-9]+$/, '')}.${now.toString(16)}${random.padStart(6, '0')}`;
}

/** At most so many bytes of a text, without half a character at its end. */
function shortened(text: string, bytes: number): string {
  const whole = Buffer.from(text);
  return whole.length <= bytes ? text : new TextDecoder().decode(whole.subarray(0, bytes), { stream: true });
}

/** Branches and messages of commits may hold anything, and terminals act on control characters. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029]/gu, '\u{fffd}');
}
