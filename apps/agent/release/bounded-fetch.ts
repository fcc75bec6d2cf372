import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { Readable } from 'node:stream';

/** How far requests may go. */
export interface FetchLimits {
  /** How long nothing may be sent and nothing received. */
  readonly idleMs: number;
  /** Most bytes of an answer. */
  readonly maxBytes: number;
  /** Ends all requests. */
  readonly signal: AbortSignal;
}

interface FetchOptions {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
}

/** What Octokit asks for by. */
export type Fetch = (url: string, options: FetchOptions) => Promise<Response>;

/**
 * A `fetch` with limits that Node's own lacks. It sends a stream no faster than the server takes it, where
 * Node's own reads files into memory, and follows no redirect.
 */
export function boundedFetch({ idleMs, maxBytes, signal }: FetchLimits): Fetch {
  return async (url, { method, headers, body }) => {
    signal.throwIfAborted();
    const outgoing = (url.startsWith('https:') ? https : http).request(url, { method, headers });
    let stopped: unknown;
    const stop = (reason: unknown): void => {
      stopped ??= reason;
      outgoing.destroy();
    };
    // Heard below; it may come a second time.
    outgoing.on('error', () => {});
    const aborted = (): void => stop(signal.reason);
    signal.addEventListener('abort', aborted);
    const idle = setTimeout(() => stop(new Error(`nothing was heard for ${idleMs} ms`)), idleMs);
    try {
      const answered = once(outgoing, 'response') as Promise<[http.IncomingMessage]>;
      send(body, outgoing, () => idle.refresh(), stop);
      const [incoming] = await answered;
      const bytes = await received(incoming, maxBytes, () => idle.refresh());
      return responseOf(incoming, bytes);
    } catch (error) {
      throw stopped ?? error;
    } finally {
      clearTimeout(idle);
      signal.removeEventListener('abort', aborted);
      // An answer can come before all was sent.
      if (body instanceof Readable) body.destroy();
      if (!outgoing.writableFinished) outgoing.destroy();
    }
  };
}

function send(
  body: string | Readable | undefined,
  outgoing: http.ClientRequest,
  progress: () => void,
  stop: (reason: unknown) => void,
): void {
  if (!(body instanceof Readable)) {
    outgoing.end(body);
    return;
  }
  body.on('error', stop);
  body.on('data', progress);
  body.pipe(outgoing);
}

async function received(
  incoming: http.IncomingMessage,
  maxBytes: number,
  progress: () => void,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    progress();
    size += chunk.length;
    if (size > maxBytes) throw new Error(`the answer is larger than the ${maxBytes} bytes that are read`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function responseOf({ statusCode = 0, headers }: http.IncomingMessage, bytes: Buffer): Response {
  const pairs = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
  return new Response(bytes.length === 0 ? null : new Uint8Array(bytes), {
    status: statusCode,
    headers: pairs,
  });
}
