import type { IncomingMessage } from 'node:http';
import { type ApiRequest, type Connection, noAnswer } from './connection.ts';
import { isConflict, KubernetesError } from './errors.ts';
import { retried } from './retry.ts';

/** The longest answer that is read: a ConfigMap has at most 1 MiB, a page of a list a few of them. */
const MAX_BODY = 64 << 20;

/** A request that may be sent more than once. */
export interface RepeatedRequest extends ApiRequest {
  /** Whether it is tried again after a conflict, because it says nothing of the version that it changes. */
  readonly despiteConflict?: boolean;
}

/** Sends a request, again where it fails for a reason that may pass, and reads the answer's JSON. */
export function ask<Body>(connection: Connection, request: RepeatedRequest): Promise<Body> {
  return repeated(connection, request, (text) => JSON.parse(text) as Body);
}

/** The same for an answer that is a text. */
export function askText(connection: Connection, request: RepeatedRequest): Promise<string> {
  return repeated(connection, request, (text) => text);
}

function repeated<T>(
  connection: Connection,
  { despiteConflict = false, ...request }: RepeatedRequest,
  parse: (text: string) => T,
): Promise<T> {
  return retried(
    async () => {
      const text = await read(await open(connection, request), request);
      try {
        return parse(text);
      } catch (error) {
        throw noAnswer(nameOf(request), error);
      }
    },
    request.signal,
    { mayPass: (error) => error.transient || (despiteConflict && isConflict(error)) },
  );
}

/** Sends a request once, and hands over the answer's beginning where it is a success. */
export async function open(connection: Connection, request: ApiRequest): Promise<IncomingMessage> {
  const answer = await connection.send(request);
  const { statusCode = 0 } = answer;
  if (statusCode < 300) return answer;
  const body = parsed(await read(answer, request));
  const seconds = Number(answer.headers['retry-after']);
  throw new KubernetesError(nameOf(request), {
    status: statusCode,
    body,
    retryAfter: Number.isFinite(seconds) ? seconds * 1000 : undefined,
  });
}

async function read(answer: IncomingMessage, request: ApiRequest): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BODY) throw new Error(`the answer has more than ${MAX_BODY} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw noAnswer(nameOf(request), error);
  }
  return Buffer.concat(chunks).toString();
}

function nameOf({ method, path }: ApiRequest): string {
  return `${method} ${path.split('?', 1)[0]}`;
}

/** Proxies answer with pages, the API server with a Status. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(0, 200);
  }
}
