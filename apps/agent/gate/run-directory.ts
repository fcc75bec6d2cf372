import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunFiles } from '../../../lib/agent/run-files.ts';

/** The gate's answers to an attempt of the wrapper. */
const ANSWERS = ['run', 'skip', 'fail'] as const;

/** One of them. */
export type Answer = (typeof ANSWERS)[number];

/** More than any of the files has. */
const MAX_BYTES = 64;
const POLL_MS = 200;

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

  /** Waits for an attempt later than the given one. */
  async attemptAfter(after: number, signal: AbortSignal): Promise<number> {
    for (;;) {
      const attempt = await this.attempt();
      if (attempt !== undefined && attempt > after) return attempt;
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /** What the gate has answered this attempt. */
  async answered(attempt: number): Promise<Answer | undefined> {
    const [of, answer] = (await this.#read(RunFiles.GO)) ?? [];
    return whole(of) === attempt ? ANSWERS.find((known) => known === answer) : undefined;
  }

  /** Answers an attempt. */
  async answer(attempt: number, answer: Answer): Promise<void> {
    const path = join(this.#path, RunFiles.GO);
    const temporary = `${path}.gate`;
    await rm(temporary, { recursive: true, force: true });
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
    try {
      await file.writeFile(`${attempt} ${answer}\n`);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  }

  /** The exit code with which the command of this attempt has ended. */
  async exitCode(attempt: number): Promise<number | undefined> {
    const [of, code] = (await this.#read(RunFiles.RESULT)) ?? [];
    return whole(of) === attempt ? whole(code) : undefined;
  }

  /** Waits for the end of an attempt's command, until the container begins a later attempt, or a time is reached. */
  async endOf(
    attempt: number,
    deadline: number,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number } | 'restarted' | 'overdue'> {
    for (;;) {
      const exitCode = await this.exitCode(attempt);
      if (exitCode !== undefined) return { exitCode };
      if (((await this.attempt()) ?? 0) > attempt) return 'restarted';
      if (Date.now() > deadline) return 'overdue';
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  async #read(name: string): Promise<string[] | undefined> {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const path = join(this.#path, name);
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
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
