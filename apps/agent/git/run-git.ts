import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GitError, type GitErrorKind } from './git-error.ts';

/** Options of {@link runGit}. */
export interface RunGitOptions {
  /** @default - an empty directory of its own */
  readonly cwd?: string;
  /** Value of GIT_ALLOW_PROTOCOL, such as `https:ssh`; empty where git is to connect nowhere. */
  readonly allowProtocols: string;
  /** Further environment variables. Of this process's own git gets PATH and TMPDIR only. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Most bytes of standard output; with more, git is ended. */
  readonly maxOutputBytes: number;
  /** Most address space that git and each of its helpers may have. @default - no limit */
  readonly maxMemoryBytes?: number;
  /** The largest file that they may write, such as a pack from a server. @default - no limit */
  readonly maxFileBytes?: number;
  readonly signal?: AbortSignal;
}

const MAX_ERROR_OUTPUT = 8192;

/**
 * For every command; an option of the same name in its arguments wins. What comes from a server is checked, nothing of a
 * repository is run, and nothing goes on in the background.
 *
 * @see https://git-scm.com/docs/git-config
 */
const SETTINGS = [
  'transfer.fsckObjects=true',
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'credential.helper=',
  'gc.auto=0',
  'maintenance.auto=false',
].flatMap((setting) => ['-c', setting]);

/**
 * Runs git and returns its standard output. No shell, no configuration of the machine, no question asked; when git has
 * ended, or at the end of its time, all that it started is killed.
 *
 * @throws GitError where git fails, takes too long or prints too much
 */
export async function runGit(args: readonly string[], options: RunGitOptions): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'keelson-git-'));
  try {
    return await run(args, options, home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function run(args: readonly string[], options: RunGitOptions, home: string): Promise<string> {
  const { signal, timeoutMs, maxOutputBytes } = options;
  const command = commandOf(args);
  return new Promise((done, fail) => {
    if (signal?.aborted === true) {
      fail(new GitError('unreachable', `${command} was not started: the program is stopping`));
      return;
    }
    // A process group of its own, so that ssh and helpers of git end with it.
    const [program, programArgs] = withLimits(options);
    const git = spawn(program, [...programArgs, ...SETTINGS, ...args], {
      cwd: options.cwd ?? home,
      env: environment(options, home),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let ended: GitError | undefined;
    const end = (error: GitError): void => {
      ended ??= error;
      killGroup(git.pid);
    };
    const stop = (): void => {
      const { reason } = signal ?? {};
      const stopping = new GitError('unreachable', `${command} was ended: the program is stopping`);
      end(reason instanceof GitError ? reason : stopping);
    };
    const timer = setTimeout(
      () => end(new GitError('unreachable', `${command} took longer than ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    signal?.addEventListener('abort', stop, { once: true });
    const output: Buffer[] = [];
    let size = 0;
    git.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxOutputBytes) output.push(chunk);
      else end(new GitError('protocol', `${command} printed more than ${maxOutputBytes} bytes`));
    });
    let complaint = '';
    git.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-MAX_ERROR_OUTPUT);
    });
    const finish = (result: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      result();
    };
    git.on('error', (error) =>
      finish(() =>
        fail(
          new GitError('protocol', `${command} could not be started; is git installed?`, { cause: error }),
        ),
      ),
    );
    // What outlives git would hold its output open.
    git.on('exit', () => killGroup(git.pid));
    git.on('close', (code) =>
      finish(() => {
        if (ended !== undefined) fail(ended);
        else if (code === 0) done(Buffer.concat(output).toString());
        else fail(failure(command, complaint));
      }),
    );
  });
}

/** What is run, for errors: the first argument that is neither an option nor the value of `-c` or `-C`. */
function commandOf(args: readonly string[]): string {
  const name = args.find((arg, index) => !arg.startsWith('-') && !/^-[cC]$/.test(args[index - 1] ?? ''));
  return `git ${name ?? ''}`.trim();
}

/**
 * Node can't set limits of a process, `sh` can: its script is the same text always, and git's arguments are not part of
 * it. Units are those of https://pubs.opengroup.org/onlinepubs/9699919799/utilities/ulimit.html
 */
function withLimits({ maxMemoryBytes, maxFileBytes }: RunGitOptions): readonly [string, readonly string[]] {
  if (maxMemoryBytes === undefined && maxFileBytes === undefined) return ['git', []];
  const units = (bytes: number | undefined, unit: number): string =>
    bytes === undefined ? '' : String(Math.ceil(bytes / unit));
  return ['sh', ['-c', LIMIT, 'git', units(maxMemoryBytes, 1024), units(maxFileBytes, 512)]];
}

const LIMIT =
  '{ [ -z "$1" ] || ulimit -v "$1"; } && { [ -z "$2" ] || ulimit -f "$2"; } && shift 2 && exec git "$@"';

function environment(options: RunGitOptions, home: string): Record<string, string> {
  const { PATH = '/usr/local/bin:/usr/bin:/bin', TMPDIR } = process.env;
  return {
    PATH,
    ...(TMPDIR !== undefined && { TMPDIR }),
    HOME: home,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GIT_ALLOW_PROTOCOL: options.allowProtocols,
    GIT_OPTIONAL_LOCKS: '0',
    ...options.env,
  };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}

/** Messages of git, ssh and common servers, in the order in which they count. */
const KINDS: readonly (readonly [RegExp, GitErrorKind])[] = [
  [/transport '.*' not allowed|Host key verification failed|strange (host|path)name/i, 'refused'],
  [/unable to access .*redirect|redirects? .*(disabled|not allowed)/i, 'refused'],
  [/Permission denied|Authentication failed|could not read (Username|Password)/i, 'unauthorized'],
  [/returned error: 40[13]|access denied|Invalid credentials/i, 'unauthorized'],
  [/repository .*not found|could not be found|does not (exist|appear to be a git repository)/i, 'not-found'],
  [/not our ref|unadvertised object|couldn't find remote ref|returned error: 404/i, 'not-found'],
  [/could not resolve|Connection (refused|reset|closed|timed out)|timed out/i, 'unreachable'],
  [/Failed to connect|unreachable|No route to host|returned error: (429|5\d\d)/i, 'unreachable'],
];

/** What git adds to every failure of ssh. */
const NOISE =
  /^(fatal: Could not read from remote|Please make sure you have the correct|and the repository exists)/;

function failure(command: string, complaint: string): GitError {
  const kind = KINDS.find(([pattern]) => pattern.test(complaint))?.[1] ?? 'protocol';
  const lines = complaint.split('\n').map((line) => line.trim());
  if (/died of signal 25|File size limit exceeded/.test(complaint)) {
    return new GitError('protocol', `${command} was sent more than is allowed`);
  }
  const said = lines.filter((line) => line !== '' && !NOISE.test(line)).slice(-3);
  return new GitError(kind, `${command} failed: ${said.join('; ') || 'it said nothing'}`);
}
