// A bare repository that gets its commits from one long-running `git fast-import`: a few milliseconds each.
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Options of {@link TestRepository.commit}. */
export interface CommitOptions {
  /** @default 'a commit' */
  readonly message?: string;
  /** The commit before; null for a commit without one. The branch may be moved to another line by it. @default - the branch's head */
  readonly parent?: string | null;
}

/** A bare repository on a disk. */
export class TestRepository {
  readonly name: string;
  readonly directory: string;
  readonly #heads = new Map<string, string>();
  readonly #answers: { done: (line: string) => void; fail: (error: Error) => void }[] = [];
  #import: ChildProcessWithoutNullStreams | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #time = 1_700_000_000;

  constructor(
    root: string,
    name: string,
    { objectFormat = 'sha1' }: { objectFormat?: 'sha1' | 'sha256' } = {},
  ) {
    this.name = name;
    this.directory = join(root, `${name}.git`);
    execFileSync('git', [
      ...['-c', 'init.defaultBranch=main', 'init', '--quiet', '--bare'],
      ...[`--object-format=${objectFormat}`, '--', this.directory],
    ]);
    this.git('config', 'uploadpack.allowFilter', 'true');
    this.git('config', 'uploadpack.allowAnySHA1InWant', 'true');
  }

  /** Runs git in the repository and returns what it prints. */
  git(...args: string[]): string {
    return execFileSync('git', args, {
      cwd: this.directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Commits files to a branch; null removes one. Returns the commit's object name. */
  async commit(
    branch: string,
    files: Readonly<Record<string, string | Buffer | null>> = {},
    { message = 'a commit', parent = this.#heads.get(branch) ?? null }: CommitOptions = {},
  ): Promise<string> {
    const parts: (string | Buffer)[] = [];
    if (parent === null) parts.push(`reset refs/heads/${branch}\n`);
    parts.push(`commit refs/heads/${branch}\nmark :1\n`);
    parts.push(`committer Tester <tester@example.com> ${this.#time++} +0000\n`, ...data(message));
    if (parent !== null) parts.push(`from ${parent}\n`);
    for (const [path, content] of Object.entries(files)) {
      if (content === null) parts.push(`D ${JSON.stringify(path)}\n`);
      else parts.push(`M 100644 inline ${JSON.stringify(path)}\n`, ...data(content));
    }
    parts.push('\nget-mark :1\n');
    const commit = await this.#send(parts);
    this.#heads.set(branch, commit);
    return commit;
  }

  /** Points a ref at a commit, with full name. */
  async setRef(ref: string, commit: string): Promise<void> {
    await this.#send([`reset ${ref}\nfrom ${commit}\n\nprogress done\n`]);
    if (ref.startsWith('refs/heads/')) this.#heads.set(ref.slice('refs/heads/'.length), commit);
  }

  /** Points many refs at a commit, at once. Not for branches that are committed to afterwards. */
  setRefs(refs: readonly string[], commit: string): void {
    const name = this.git('rev-parse', '--verify', `${commit}^{commit}`).trim();
    this.git('pack-refs', '--all');
    const path = join(this.directory, 'packed-refs');
    const packed = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    // Without a header git sorts the refs and peels the tags itself.
    const kept = packed.filter(
      (line) => /^[0-9a-f]+ /.test(line) && !refs.includes(line.split(' ')[1] ?? ''),
    );
    writeFileSync(path, [...kept, ...refs.map((ref) => `${name} ${ref}`), ''].join('\n'));
  }

  /** Makes a tag, annotated or not. */
  async tag(
    name: string,
    commit: string,
    { annotated = false }: { annotated?: boolean } = {},
  ): Promise<void> {
    if (!annotated) return await this.setRef(`refs/tags/${name}`, commit);
    const tagger = `tagger Tester <tester@example.com> ${this.#time++} +0000\n`;
    await this.#send([`tag ${name}\nfrom ${commit}\n${tagger}`, ...data(name), 'progress done\n']);
  }

  /** Removes a branch. */
  async deleteBranch(branch: string): Promise<void> {
    // Its fast-import would write the branch again.
    await this.close();
    this.git('update-ref', '-d', `refs/heads/${branch}`);
    this.#heads.delete(branch);
  }

  /** Ends the process that imports. */
  async close(): Promise<void> {
    await this.#queue;
    const running = this.#import;
    if (running === undefined) return;
    this.#import = undefined;
    await new Promise((done) => running.once('close', done).stdin.end());
  }

  /** Sends commands whose last one is answered by a line, and has refs and objects written. */
  async #send(commands: readonly (string | Buffer)[]): Promise<string> {
    const turn = this.#queue.then(async () => {
      const input = this.#started().stdin;
      const answers = Promise.all([this.#answer(), this.#answer()]);
      for (const part of commands) input.write(part);
      input.write('checkpoint\n\nprogress written\n');
      return (await answers)[0];
    });
    this.#queue = turn.catch(() => undefined);
    return await turn;
  }

  /** The next line that fast-import prints. */
  #answer(): Promise<string> {
    return new Promise((done, fail) => this.#answers.push({ done, fail }));
  }

  #started(): ChildProcessWithoutNullStreams {
    if (this.#import !== undefined) return this.#import;
    const options = ['--quiet', '--force', '--date-format=raw-permissive'];
    const started = spawn('git', ['fast-import', ...options], { cwd: this.directory });
    let complaint = '';
    started.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    started.stdin.on('error', () => undefined);
    started.once('close', () => {
      if (this.#import === started) this.#import = undefined;
      for (const { fail } of this.#answers.splice(0)) fail(new Error(`git fast-import ended: ${complaint}`));
    });
    createInterface({ input: started.stdout }).on('line', (line) => this.#answers.shift()?.done(line));
    this.#import = started;
    return started;
  }
}

function data(content: string | Buffer): (string | Buffer)[] {
  const bytes = Buffer.from(content);
  return [`data ${bytes.length}\n`, bytes, '\n'];
}
