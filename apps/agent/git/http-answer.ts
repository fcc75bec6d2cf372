import { GitError } from './git-error.ts';
import type { HttpResponse } from './http-connections.ts';
import { type Packet, PacketReader } from './pkt-line.ts';

const MAX_BYTES = 8 * 1024 * 1024;

/** The media type of an answer's body. */
export function mediaType({ headers }: HttpResponse): string {
  return (headers['content-type'] ?? 'nothing').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Reads an answer's packets to its end, and no more of them than a large repository has. */
export async function readPackets(response: HttpResponse, add: (packet: Packet) => void): Promise<void> {
  const reader = new PacketReader();
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new GitError('protocol', `the answer is longer than ${MAX_BYTES} bytes`);
    for (const packet of reader.read(chunk)) add(packet);
  }
  reader.end();
}

/** What the status of an answer means, where it is neither success nor a redirect. */
export function statusError({ host }: URL, status: number): GitError {
  const said = `${host} answers with the status ${status}`;
  if (status === 401 || status === 403) {
    return new GitError(
      'unauthorized',
      `${said}: the credential is missing, wrong or may not read the repository, or there is none of that name`,
    );
  }
  if (status === 404 || status === 410) {
    return new GitError('not-found', `${said}: there is no such repository`);
  }
  return new GitError(status === 429 || status >= 500 ? 'unreachable' : 'protocol', said);
}
