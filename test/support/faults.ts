import { createHash } from 'node:crypto';

/** What may go wrong between a client and the API server. */
export type Fault =
  /** 409 Conflict to a write, which is not done. */
  | 'conflict'
  /** 429 with Retry-After. */
  | 'tooManyRequests'
  /** 500. */
  | 'internalError'
  /** 503. */
  | 'unavailable'
  /** The connection is closed, and the API server never gets the request. */
  | 'closedBefore'
  /** The request is fulfilled, and the connection closed in place of an answer. */
  | 'closedAfter'
  /** The request is fulfilled, and the connection closed in the middle of the answer. */
  | 'truncated'
  /** The request is fulfilled, and the answer held back longer than the client waits. */
  | 'delayed'
  /** The answer is one that the same list had before. */
  | 'staleList'
  /** A watch is ended after a while, in half of the cases by a closed connection and perhaps amid an event. */
  | 'watchClosed'
  /** A watch is told that its version is forgotten: as an answer, as its first event, or after a while. */
  | 'watchGone';

/** How probable each fault is for a request that it can be for; 0 where absent. */
export type Faults = Readonly<Partial<Record<Fault, number>>>;

/** A request, as far as faults are for it or not. */
export interface Described {
  readonly method: string;
  readonly path: string;
  readonly kind: 'watch' | 'list' | 'get' | 'write';
}

const ALWAYS: readonly Fault[] = ['tooManyRequests', 'internalError', 'unavailable', 'closedBefore'];
const ANSWERED: readonly Fault[] = ['closedAfter', 'truncated', 'delayed'];

/** The faults that there are for each kind of request. */
const POSSIBLE: Readonly<Record<Described['kind'], readonly Fault[]>> = {
  watch: [...ALWAYS, 'watchClosed', 'watchGone'],
  list: [...ALWAYS, ...ANSWERED, 'staleList'],
  get: [...ALWAYS, ...ANSWERED],
  write: [...ALWAYS, ...ANSWERED, 'conflict'],
};

/** Every fault there is. */
export const FAULTS: readonly Fault[] = [...new Set(Object.values(POSSIBLE).flat())];

/** Says what a request asks for, by the paths of the Kubernetes API. */
export function described(method: string, url: string): Described {
  const { pathname: path, searchParams } = new URL(url, 'http://proxy');
  if (method !== 'GET') return { method, path, kind: 'write' };
  if (searchParams.has('watch')) return { method, path, kind: 'watch' };
  const resource = path
    .replace(/^\/(api\/[^/]+|apis\/[^/]+\/[^/]+)\/?/, '')
    .replace(/^namespaces\/[^/]+\/(?=.)/, '');
  return { method, path, kind: /^[^/]+$/.test(resource) ? 'list' : 'get' };
}

/**
 * Decides by a seed what becomes of requests: the n-th of one kind and path meets the same fault in each run, whatever
 * others are sent at the same time.
 */
export class Chance {
  readonly #seed: number;
  readonly #count = new Map<string, number>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The fault of the next such request, if it has one, and a number from 0 to 1 for the fault's details. */
  next({ method, path, kind }: Described, faults: Faults): { fault: Fault | undefined; detail: number } {
    const key = `${kind} ${method} ${path}`;
    const count = (this.#count.get(key) ?? 0) + 1;
    this.#count.set(key, count);
    const hash = createHash('sha256').update(`${this.#seed} ${count} ${key}`).digest();
    let left = hash.readUInt32LE(0) / 2 ** 32;
    const fault = POSSIBLE[kind].find((possible) => {
      left -= faults[possible] ?? 0;
      return left < 0;
    });
    return { fault, detail: hash.readUInt32LE(4) / 2 ** 32 };
  }
}
