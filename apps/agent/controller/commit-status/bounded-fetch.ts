/** More than any answer to a commit status. */
const MAX_ANSWER = 64 << 10;
/** What is looked at of an answer's headers. */
const HEADERS = ['retry-after', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'location'];

/**
 * As `fetch`, but a redirect is an answer like any other, so that the token gets to no other place, and of a long answer
 * only the beginning is read.
 */
export async function boundedFetch(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  const answer = await fetch(url, { ...init, redirect: 'manual' });
  const text = await beginningOf(answer.body);
  const headers = new Headers();
  for (const name of HEADERS) {
    const value = answer.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  headers.set('content-type', 'text/plain');
  const { status } = answer;
  // Such an answer can't have a body.
  return new Response([204, 205, 304].includes(status) ? null : text, { status, headers });
}

async function beginningOf(body: ReadableStream<Uint8Array> | null): Promise<string> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_ANSWER) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_ANSWER);
}
