import { GitError } from './git-error.ts';
import { lineText, type Packet } from './pkt-line.ts';
import { type Ref, RefCollector, type RefQuery } from './refs.ts';

/** What a server says of itself: its refs (protocol version 0 or 1), or what it is able to do (version 2). */
export interface Advertisement {
  readonly version: 0 | 2;
  /** What object names are: `sha1` or `sha256`. */
  readonly objectFormat: string;
  /** The wanted refs; empty in version 2, which lists them by a command of its own. */
  readonly refs: readonly Ref[];
}

/** An error that the server has put into a packet. */
export function serverError(line: string): GitError {
  return new GitError('protocol', `the server says: ${line.slice('ERR '.length)}`);
}

/**
 * Reads the answer to `GET …/info/refs?service=git-upload-pack`, packet by packet.
 *
 * @see https://git-scm.com/docs/gitprotocol-http and https://git-scm.com/docs/gitprotocol-v2
 */
export class AdvertisementReader {
  readonly #refs: RefCollector;
  readonly #capabilities = new Map<string, string>();
  #state: 'start' | 'after-service' | 'refs' | 'capabilities' | 'done' = 'start';

  constructor(query: RefQuery) {
    this.#refs = new RefCollector(query);
  }

  add(packet: Packet): void {
    if (packet === 'flush') {
      this.#flush();
      return;
    }
    if (typeof packet === 'string' || this.#state === 'done') throw unexpected();
    const line = lineText(packet);
    if (line.startsWith('ERR ')) throw serverError(line);
    if (this.#state === 'capabilities') this.#addCapability(line);
    else if (this.#state === 'refs') this.#addRef(line);
    else this.#begin(line);
  }

  /** What was read; the server has to have said it to the end. */
  finish(): Advertisement {
    if (this.#state !== 'done')
      throw new GitError('protocol', 'the answer ends before the list of refs does');
    const refs = this.#refs.finish();
    if (this.#capabilities.size === 0) return { version: 0, objectFormat: 'sha1', refs };
    if (!this.#capabilities.has('ls-refs')) {
      throw new GitError('protocol', 'the server speaks version 2 of the protocol and lists no refs');
    }
    return { version: 2, objectFormat: this.#capabilities.get('object-format') ?? 'sha1', refs };
  }

  #flush(): void {
    if (this.#state === 'done') throw unexpected();
    // One stands after the name of the service, and one at the end.
    this.#state = this.#state === 'after-service' ? 'start' : 'done';
  }

  #begin(line: string): void {
    if (line === '# service=git-upload-pack' && this.#state === 'start') {
      this.#state = 'after-service';
    } else if (line === 'version 2') {
      this.#capabilities.set('version', '2');
      this.#state = 'capabilities';
    } else {
      this.#state = 'refs';
      if (line !== 'version 1') this.#addRef(line);
    }
  }

  #addCapability(line: string): void {
    const equals = line.indexOf('=');
    if (this.#capabilities.size > 100) throw unexpected();
    if (equals < 0) this.#capabilities.set(line, '');
    else this.#capabilities.set(line.slice(0, equals), line.slice(equals + 1));
  }

  #addRef(line: string): void {
    const [ref = ''] = line.split('\0', 1);
    const blank = ref.indexOf(' ');
    const [objectName, name] = [ref.slice(0, blank), ref.slice(blank + 1)];
    if (objectName === 'shallow') return;
    // Of an empty repository, beside which nothing is listed.
    if (name === 'capabilities^{}') return;
    this.#refs.add(name, objectName);
  }
}

function unexpected(): GitError {
  return new GitError('protocol', 'the answer goes on where it should end');
}
