import { get, type IncomingMessage } from 'node:http';
import { UsageError } from '../program.ts';

/** How long the gate may be silent. */
const SILENCE_MS = 60_000;

/** Failures of a connection to a gate that may be there a moment later. */
const PASSING = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ENOTFOUND', 'EAI_AGAIN'],
]);

/** An answer that holds no outputs. */
export class OutputsError extends Error {
  override readonly name = 'OutputsError';
  readonly status: number;

  constructor(url: URL, status: number) {
    super(`the gate answered ${status} for ${url.href}, where the outputs of a run should be`);
    this.status = status;
  }
}

/** Where the outputs are: plain http, as gates have no certificates, and without an account. */
export function outputsUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' || url.username !== '' || url.password !== '') {
    throw new UsageError(
      'KEELSON_OUTPUTS_URL is no http URL of a gate, such as http://10.0.0.7:8081/RUN.tar',
    );
  }
  return url;
}

/** The archive as it comes. No redirect is followed. */
export function fetchOutputs(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((done, fail) => {
    const request = get(url, { agent: false, signal, timeout: SILENCE_MS }, (response) => {
      if (response.statusCode === 200) return done(response);
      response.resume();
      fail(new OutputsError(url, response.statusCode ?? 0));
    });
    request.on('timeout', () => {
      const error = new Error(`the gate was silent for ${SILENCE_MS / 1000} s`);
      request.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
    });
    request.on('error', fail);
  });
}

/** Whether another try may find the outputs: the gate does not answer yet, or no more, or has too much to do. */
export function mayPass(error: unknown): boolean {
  if (error instanceof OutputsError) return error.status >= 500 || [408, 425, 429].includes(error.status);
  return error instanceof Error && PASSING.has((error as NodeJS.ErrnoException).code ?? '');
}
