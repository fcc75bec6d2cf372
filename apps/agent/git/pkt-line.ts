import { GitError } from './git-error.ts';

/** Ends a message. */
export const FLUSH = '0000';
/** Stands between a command's capabilities and its arguments. */
export const DELIMITER = '0001';

/** A line without its length, or one of the special packets. */
export type Packet = Buffer | 'flush' | 'delimiter' | 'response-end';

const SPECIAL: readonly Packet[] = ['flush', 'delimiter', 'response-end'];
/** The longest packet, its length included. */
const MAX_PACKET = 65_520;

/** A line as git sends it: four hexadecimal digits with its length before it, a line break after it. */
export function pktLine(text: string): string {
  const length = Buffer.byteLength(text) + 5;
  return `${length.toString(16).padStart(4, '0')}${text}\n`;
}

/** A packet as text, without the line break at its end. */
export function lineText(line: Buffer): string {
  return line.toString('utf8', 0, line.at(-1) === 0x0a ? line.length - 1 : line.length);
}

/**
 * Takes a stream of packets apart, however it is cut into chunks, and holds no more than one packet.
 *
 * @see https://git-scm.com/docs/protocol-common#_pkt_line_format
 */
export class PacketReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The packets that are complete with this chunk. */
  *read(chunk: Buffer): Generator<Packet, void, undefined> {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 4) {
      const digits = bytes.toString('latin1', 0, 4);
      const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
      if (!(length < SPECIAL.length || (length >= 4 && length <= MAX_PACKET))) {
        throw new GitError(
          'protocol',
          `the server sent ${JSON.stringify(digits)} where the length of a packet stands`,
        );
      }
      const special = SPECIAL[length];
      if (special !== undefined) {
        bytes = bytes.subarray(4);
        yield special;
        continue;
      }
      if (bytes.length < length) break;
      const line = bytes.subarray(4, length);
      bytes = bytes.subarray(length);
      yield line;
    }
    this.#rest = bytes;
  }

  /** To be called at the end of the stream: nothing may be left over. */
  end(): void {
    if (this.#rest.length > 0) throw new GitError('protocol', 'the answer ends within a packet');
  }
}
