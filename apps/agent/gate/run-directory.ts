import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RunFiles } from '../../../lib/agent/run-files.ts';

/** The gate's answer to an attempt of the wrapper. */
export type Answer = 'run' | 'skip' | 'fail';

/** More than any of the files has. */
const MAX_BYTES = 64;

/**
 * The files by which gate and wrapper speak with each other ({@link RunFiles}). The build's command may write there, too:
 * what is no short regular file is as if it were not there, and no link is followed.
 */
export class RunDirectory {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Which attempt the wrapper has begun. */
  async attempt(): Promise<number | undefined> {
    return whole((await this.#read(RunFiles.ATTEMPT))?.[0]);
  }

  /** What the gate has answered last. */
  async answered(): Promise<{ readonly attempt: number; readonly answer: string } | undefined> {
    const [attempt, answer = ''] = (await this.#read(RunFiles.GO)) ?? [];
    const number = whole(attempt);
    return number === undefined ? undefined : { attempt: number, answer };
  }

  /** Answers an attempt. */
  async answer(attempt: number, answer: Answer): Promise<void> {
    const temporary = join(this.#path, `${RunFiles.GO}.gate`);
    await rm(temporary, { recursive: true, force: true });
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
    try {
      await file.writeFile(`${attempt} ${answer}\n`);
    } finally {
      await file.close();
    }
    await rename(temporary, join(this.#path, RunFiles.GO));
  }

  /** The exit code with which the command of this attempt has ended. */
  async exitCode(attempt: number): Promise<number | undefined> {
    const [of, code] = (await this.#read(RunFiles.RESULT)) ?? [];
    return whole(of) === attempt ? whole(code) : undefined;
  }

  async #read(name: string): Promise<string[] | undefined> {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const file = await open(join(this.#path, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(
      () => undefined,
    );
    if (file === undefined) return undefined;
    try {
      if (!(await file.stat()).isFile()) return undefined;
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES + 1), 0, MAX_BYTES + 1, 0);
      return bytesRead > MAX_BYTES ? undefined : buffer.toString('utf8', 0, bytesRead).trim().split(' ');
    } finally {
      await file.close();
    }
  }
}

function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}
