// Pulumi's own engine, with a project and a state in a folder of its own.
import { execFile, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../support/project.ts';

const run = promisify(execFile);

/** What of Pulumi is not there, and how to get it. */
export function missingPulumi(): string | undefined {
  const programs = ['pulumi', 'pulumi-language-nodejs', 'pulumi-resource-kubernetes'];
  const absent = programs.filter((name) => spawnSync('which', [name]).status !== 0);
  if (absent.length === 0) return undefined;
  return `${absent.join(', ')} on PATH: see https://www.pulumi.com/docs/install, and pulumi plugin install resource kubernetes`;
}

/** The versions of the command and of the provider, for the name of a test. */
export function pulumiVersions(): string {
  const version = (program: string, ...args: string[]): string =>
    spawnSync(program, args, { encoding: 'utf8' }).stdout?.trim() ?? '';
  return `Pulumi ${version('pulumi', 'version')}`;
}

/** How a command ended. */
export interface Ended {
  readonly code: number;
  /** What it printed to both. */
  readonly output: string;
}

/** A program of the repository, by the folder of its Pulumi.yaml, or the text of a main.ts. */
export type Program = { readonly folder: string } | { readonly text: string };

/** A stack of a program, at a cluster. */
export class Engine {
  readonly #directory: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(kubeconfig: string, program: Program) {
    this.#directory = mkdtempSync(join(tmpdir(), 'keelson-pulumi-'));
    for (const entry of [
      'apps',
      'examples',
      'lib',
      'node_modules',
      'package.json',
      'test',
      'tsconfig.json',
    ]) {
      symlinkSync(join(REPOSITORY, entry), join(this.#directory, entry));
    }
    mkdirSync(join(this.#directory, 'state'));
    this.#runs(program);
    this.#env = {
      ...process.env,
      KUBECONFIG: kubeconfig,
      PULUMI_BACKEND_URL: `file://${join(this.#directory, 'state')}`,
      PULUMI_HOME: join(this.#directory, 'home'),
      PULUMI_CONFIG_PASSPHRASE: 'of the test',
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
      TSX_TSCONFIG_PATH: join(REPOSITORY, 'tsconfig.json'),
    };
  }

  #runs(program: Program): void {
    const folder = 'folder' in program ? program.folder : '.';
    const project = readFileSync(join(REPOSITORY, folder, 'Pulumi.yaml'), 'utf8');
    const main = (written: string): string => ('folder' in program ? join(folder, written) : 'main.ts');
    const text = project.replace(/^main: (.*)$/m, (_, written: string) => `main: ${main(written)}`);
    writeFileSync(join(this.#directory, 'Pulumi.yaml'), text);
    if ('text' in program) this.becomes(program.text);
  }

  /** Gives the program another text. */
  becomes(text: string): void {
    writeFileSync(join(this.#directory, 'main.ts'), text);
  }

  /** Runs a command to its end, however it ends. */
  async run(...args: readonly string[]): Promise<Ended> {
    const options = { cwd: this.#directory, env: this.#env, maxBuffer: 1 << 26 };
    return run('pulumi', [...args, '--non-interactive'], options).then(
      ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
        code,
        output: `${stdout}${stderr}`,
      }),
    );
  }

  /** Runs a command that has to end well. */
  async do(...args: readonly string[]): Promise<string> {
    const { code, output } = await this.run(...args);
    if (code !== 0) throw new Error(`pulumi ${args.join(' ')} ended with ${code}:\n${output.slice(-8000)}`);
    return output;
  }

  up(): Promise<string> {
    return this.do('up', '--yes', '--skip-preview');
  }

  /** Fails where `up` would change something. */
  unchanged(): Promise<string> {
    return this.do('preview', '--expect-no-changes', '--diff');
  }

  configure(key: string, value: string, ...flags: readonly string[]): Promise<string> {
    return this.do('config', 'set', ...flags, key, value);
  }

  /** The texts of all files of the state, as they lie on the disk. */
  state(): string {
    const state = join(this.#directory, 'state');
    return readdirSync(state, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .join('\n');
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
