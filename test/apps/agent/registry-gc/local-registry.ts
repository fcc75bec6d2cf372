import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { RegistryClient } from '../../../support/registry-client.ts';

const run = promisify(execFile);

/** Debian's is 2.8; `REGISTRY_BIN` is that of any other version. */
export const REGISTRY: string = process.env['REGISTRY_BIN'] || 'docker-registry';
/** Why there is none; empty where there is. */
export const withoutRegistry: string =
  spawnSync(REGISTRY, ['--version']).error === undefined
    ? ''
    : ` (missing: ${REGISTRY}, of the Debian package docker-registry)`;

/** A real registry process with a folder of its own, which can be stopped and started again. */
export class LocalRegistry extends RegistryClient {
  /** Where it keeps its files. */
  readonly directory: string = mkdtempSync(join(tmpdir(), 'keelson-registry-'));
  #port = 0;
  #process: ChildProcess | undefined;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#port = await freePort();
    const config = this.#configuration('serve.json', {
      // As in the configuration of the addon's image.
      cache: { blobdescriptor: 'inmemory' },
      delete: { enabled: true },
    });
    const environment = { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' };
    this.#process = spawn(REGISTRY, ['serve', config], { env: environment, stdio: 'ignore' });
    for (let tries = 0; tries < 200; tries++) {
      if (
        await fetch(`${this.url}/v2/`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        return;
      await sleep(50);
    }
    throw new Error('the registry did not start');
  }

  async stop(): Promise<void> {
    const ended = this.#process;
    if (ended?.exitCode !== null || ended.signalCode !== null) return;
    const gone = new Promise((resolve) => ended.once('exit', resolve));
    ended.kill('SIGTERM');
    await gone;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** What the container `collect` runs. */
  async collect(...flags: readonly string[]): Promise<string> {
    const config = this.#configuration('collect.json', {});
    const { stdout } = await run(REGISTRY, ['garbage-collect', ...flags, config], { maxBuffer: 64 << 20 });
    return stdout;
  }

  #configuration(name: string, storage: object): string {
    const path = join(this.directory, name);
    const filesystem = { rootdirectory: this.directory };
    const log = { level: 'error', accesslog: { disabled: true } };
    const http = { addr: `127.0.0.1:${this.#port}` };
    writeFileSync(path, JSON.stringify({ version: '0.1', log, storage: { filesystem, ...storage }, http }));
    return path;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
