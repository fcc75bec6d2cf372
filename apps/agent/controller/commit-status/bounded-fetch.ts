import { once } from 'node:events';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { type AddressPolicy, forbiddenAddress } from '../../git/address-policy.ts';

/** More than any answer to a commit status. */
const MAX_ANSWER = 64 << 10;
/** What is looked at of an answer's headers. */
const HEADERS = ['retry-after', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'location'];

/**
 * As `fetch` for a request with a text, to addresses that are admitted: a redirect is an answer like any other, so that
 * the token gets to no other place, and of a long answer only the beginning is read.
 */
export function boundedFetch(addresses: AddressPolicy): typeof fetch {
  return async (url, init = {}) => {
    const target = new URL(url instanceof Request ? url.url : url);
    const host = target.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !addresses.admits(host, 'configured'))
      throw forbiddenAddress(host, host, 'configured');
    const send = target.protocol === 'https:' ? requestHttps : requestHttp;
    const request = send(target, {
      method: init.method ?? 'GET',
      headers: Object.fromEntries(new Headers(init.headers)),
      lookup: addresses.lookup('configured'),
      agent: false,
      ...(init.signal && { signal: init.signal }),
    });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    request.end(init.body as string | undefined);
    const [answer] = await answered;
    const text = await beginningOf(answer);
    const headers = new Headers({ 'content-type': 'text/plain' });
    for (const name of HEADERS) {
      const value = answer.headers[name];
      if (typeof value === 'string') headers.set(name, value);
    }
    const { statusCode: status = 0 } = answer;
    // Such an answer can't have a body.
    return new Response([204, 205, 304].includes(status) ? null : text, { status, headers });
  };
}

async function beginningOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_ANSWER) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_ANSWER);
}
