import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A part of a spool: where it begins and how many bytes it has. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** How much is collected before it is written. */
const BUFFER_SIZE = 1 << 20;

/**
 * Texts on disk between the checks and the writing. Nothing may be written before everything is checked,
 * and the texts of a thousand pipelines are more than all the rest of the program holds in memory.
 */
export class Spool {
  readonly #folder: string;
  readonly #file: number;
  readonly #buffer: Buffer = Buffer.allocUnsafe(BUFFER_SIZE);
  #read: Buffer = Buffer.alloc(0);
  #used = 0;
  #written = 0;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'keelson-'));
    this.#file = openSync(join(this.#folder, 'manifests'), 'wx+', 0o600);
  }

  /** Where the next text begins. */
  get end(): number {
    return this.#written + this.#used;
  }

  /** Adds a text, and gives its length in bytes. */
  append(text: string): number {
    // A character takes three bytes at most: those beyond the basic plane take four, and count as two.
    if (text.length * 3 > BUFFER_SIZE - this.#used) this.#flush();
    if (text.length * 3 > BUFFER_SIZE) return this.#write(Buffer.from(text));
    const length = this.#buffer.write(text, this.#used);
    this.#used += length;
    return length;
  }

  /** A part again, until the next is read: all of them are read into one place. */
  read({ start, length }: Span): Uint8Array {
    this.#flush();
    if (this.#read.length < length) this.#read = Buffer.allocUnsafe(length * 2);
    readSync(this.#file, this.#read, 0, length, start);
    return this.#read.subarray(0, length);
  }

  /** Takes the file away. */
  close(): void {
    closeSync(this.#file);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #flush(): void {
    const used = this.#used;
    this.#used = 0;
    if (used > 0) this.#write(this.#buffer.subarray(0, used));
  }

  #write(bytes: Uint8Array): number {
    writeSync(this.#file, bytes, 0, bytes.length, this.#written);
    this.#written += bytes.length;
    return bytes.length;
  }
}
