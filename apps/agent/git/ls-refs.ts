import { serverError } from './advertisement.ts';
import { GitError } from './git-error.ts';
import { DELIMITER, FLUSH, lineText, type Packet, pktLine } from './pkt-line.ts';
import { type Ref, RefCollector, type RefQuery } from './refs.ts';

/**
 * The command `ls-refs` of version 2.
 *
 * @see https://git-scm.com/docs/gitprotocol-v2#_ls_refs
 */
export function lsRefsCommand({ prefixes, peel }: RefQuery, objectFormat: string): string {
  return [
    pktLine('command=ls-refs'),
    // A server takes SHA-1 where nothing is said.
    objectFormat === 'sha1' ? '' : pktLine(`object-format=${objectFormat}`),
    DELIMITER,
    peel === true ? pktLine('peel') : '',
    ...prefixes.map((prefix) => pktLine(`ref-prefix ${prefix}`)),
    FLUSH,
  ].join('');
}

/** Reads the answer to `ls-refs`, packet by packet. */
export class LsRefsReader {
  readonly #refs: RefCollector;
  #ended = false;

  constructor(query: RefQuery) {
    this.#refs = new RefCollector(query);
  }

  add(packet: Packet): void {
    if (this.#ended || packet === 'delimiter' || packet === 'response-end') {
      throw new GitError('protocol', 'the answer is more than a list of refs');
    }
    if (packet === 'flush') this.#ended = true;
    else this.#addLine(lineText(packet));
  }

  /** The wanted refs; the server has to have listed them to the end. */
  finish(): readonly Ref[] {
    if (!this.#ended) throw new GitError('protocol', 'the answer ends before the list of refs does');
    return this.#refs.finish();
  }

  #addLine(line: string): void {
    if (line.startsWith('ERR ')) throw serverError(line);
    const [objectName = '', name = '', ...attributes] = line.split(' ');
    const peeled = attributes.find((attribute) => attribute.startsWith('peeled:'));
    this.#refs.add(name, objectName, peeled?.slice('peeled:'.length));
  }
}
