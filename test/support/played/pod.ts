// A build's pod without a node: the object is the API server's, its containers are processes of this machine, and what
// the kubelet does is done here.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubernetesObject, waitFor } from '../../cluster/api.ts';
import type { PlayedBuild } from './build.ts';

export interface PlayedPodOptions {
  /** The digest of the image that is pulled. */
  readonly digest: string;
  /** The build's command. `$RAN` names a file in which it can say that it ran. */
  readonly command: readonly string[];
  /** How long the command may take, in seconds. */
  readonly timeout?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  /** A file beyond the pod, for what its command says. */
  readonly ran?: string;
}

/** A pod stays until this is removed, as one does whose containers have not ended. */
const FINALIZER = 'keelson.dev/played';
const REPOSITORY = '10.0.0.7:32000/leafai/build';
const MERGE = { contentType: 'application/merge-patch+json' };

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

export class PlayedPod {
  readonly name: string;
  readonly uid: string;
  readonly directory: string = mkdtempSync(join(tmpdir(), 'keelson-pod-'));
  readonly #build: PlayedBuild;
  readonly #options: PlayedPodOptions;
  readonly #outputsPort: number;
  #gate: Process | undefined;
  #container: Process | undefined;
  #restarts = 0;
  #log = '';
  #output = '';

  private constructor(
    build: PlayedBuild,
    options: PlayedPodOptions,
    { metadata }: KubernetesObject,
    outputsPort: number,
  ) {
    this.#build = build;
    this.#outputsPort = outputsPort;
    this.#options = options;
    this.name = metadata.name;
    this.uid = String(metadata['uid']);
    mkdirSync(this.runDirectory);
    writeFileSync(join(this.directory, 'wrapper.sh'), build.wrapper);
    const { runDirectory, outputDirectory } = this;
    const { configuration } = build;
    // Several gates share the ports of this machine.
    const port = configuration.outputsPort === undefined ? {} : { outputsPort };
    const gate = { ...configuration, ...port, runDirectory, outputDirectory };
    writeFileSync(join(this.directory, 'gate.json'), JSON.stringify(gate));
  }

  /** Makes the object. */
  static async make(build: PlayedBuild, options: PlayedPodOptions): Promise<PlayedPod> {
    const { metadata, spec } = build.template;
    const { api, name: namespace } = build.namespace;
    const name = `${build.name}-${randomUUID().slice(0, 8)}`;
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace,
        labels: metadata.labels,
        annotations: { ...metadata.annotations, ...options.annotations },
        finalizers: [FINALIZER],
      },
      spec: { ...spec, schedulerName: 'played-by-the-test' },
    };
    const { status, body } = await api.request<KubernetesObject>(
      'POST',
      `/api/v1/namespaces/${namespace}/pods`,
      object,
    );
    if (status !== 201) throw new Error(`the pod is refused: ${status} ${JSON.stringify(body)}`);
    return new PlayedPod(build, options, body, await freePort());
  }

  get runDirectory(): string {
    return join(this.directory, 'run');
  }

  /** The directory with a directory for each run's log and assets. */
  get outputDirectory(): string {
    return join(this.directory, 'output');
  }

  /** The file in which the command says that it ran. */
  get ran(): string {
    return this.#options.ran ?? join(this.directory, 'ran');
  }

  /** What the command has said there, a line each time. */
  get runs(): readonly string[] {
    // The shell makes the file a moment before the first line is in it.
    return existsSync(this.ran) ? readFileSync(this.ran, 'utf8').split('\n').filter(Boolean) : [];
  }

  get path(): string {
    return this.#build.namespace.path('/api/v1', 'pods', this.name);
  }

  /** Starts the gate, the wrapper when the gate runs, and reports the wrapper's container a moment later. */
  async start(): Promise<void> {
    this.startGate();
    this.startContainer();
    await this.report();
  }

  startGate(): void {
    const { kubeconfig, agent } = this.#build;
    const { PATH = '' } = process.env;
    this.#gate = new Process(
      process.execPath,
      [agent, 'gate', `--config=${join(this.directory, 'gate.json')}`],
      {
        PATH,
        KUBECONFIG: kubeconfig,
        POD_NAME: this.name,
        POD_NAMESPACE: this.#build.namespace.name,
        POD_UID: this.uid,
      },
      this.directory,
      (text) => {
        this.#log += text;
      },
    );
  }

  startContainer(): void {
    const { containers } = this.#build.template.spec;
    const variables = containers.find(({ name }) => name === 'build')?.env ?? [];
    const { command, timeout = 60 } = this.#options;
    this.#container = new Process(
      '/bin/sh',
      [join(this.directory, 'wrapper.sh'), ...command],
      {
        ...Object.fromEntries(variables.map(({ name, value = '' }) => [name, value])),
        PATH: process.env['PATH'] ?? '',
        RAN: this.ran,
        KEELSON_RUN_ID: this.uid,
        KEELSON_RUN_DIRECTORY: this.runDirectory,
        KEELSON_OUTPUT_DIRECTORY: join(this.outputDirectory, this.uid),
        KEELSON_TIMEOUT_SECONDS: String(timeout),
      },
      this.directory,
      (text) => {
        this.#output += text;
      },
    );
  }

  /** Reports the container's state, as the kubelet does. */
  async report(digest: string = this.#options.digest, lastState: object = {}): Promise<void> {
    await this.#patchStatus({
      phase: 'Running',
      containerStatuses: [
        {
          name: 'build',
          image: `${REPOSITORY}:main`,
          imageID: `${REPOSITORY}@${digest}`,
          ready: true,
          started: true,
          restartCount: this.#restarts,
          state: { running: { startedAt: new Date().toISOString() } },
          lastState,
        },
      ],
    });
  }

  /** Reports that the container has ended and is not started again. */
  async reportEnd(reason: string, exitCode: number): Promise<void> {
    const terminated = { exitCode, reason };
    await this.#patchStatus({
      containerStatuses: [
        {
          name: 'build',
          image: `${REPOSITORY}:main`,
          imageID: `${REPOSITORY}@${this.#options.digest}`,
          ready: false,
          restartCount: this.#restarts,
          state: { terminated },
        },
      ],
    });
  }

  /** Reports that the pod has to make room. */
  async reportDisruption(): Promise<void> {
    const condition = { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' };
    await this.#patchStatus({ conditions: [condition] });
  }

  /** Ends the container as the kernel does. */
  async endContainer(): Promise<void> {
    this.#container?.kill();
    await this.#container?.ended;
  }

  /** Ends the container as the kernel does, and starts it again as the kubelet does, which pulls the image again. */
  async restart(
    reason: string,
    { digest = this.#options.digest, reportedAfter = 100 }: { digest?: string; reportedAfter?: number } = {},
  ): Promise<void> {
    await this.endContainer();
    this.#restarts++;
    this.startContainer();
    await sleep(reportedAfter);
    await this.report(digest, { terminated: { exitCode: 137, reason } });
  }

  /** Ends the gate without a warning. */
  async killGate(): Promise<void> {
    this.#gate?.kill();
    await this.#gate?.ended;
  }

  /** Tells the gate to end, and says how long that took, in milliseconds. */
  async stopGate(): Promise<Ended & { readonly milliseconds: number }> {
    const gate = this.#gate;
    if (gate === undefined) throw new Error('no gate runs');
    const startedAt = performance.now();
    gate.terminate();
    const ended = await gate.ended;
    return { ...ended, milliseconds: performance.now() - startedAt };
  }

  /** Deletes the object, which stays until its containers have ended. */
  async markDeleted(): Promise<void> {
    await this.#build.namespace.api.delete(this.path);
  }

  /** Deletes the pod as the kubelet does: first the container ends, then the gate. */
  async delete(): Promise<Ended & { readonly milliseconds: number }> {
    await this.markDeleted();
    this.#container?.terminate();
    await this.#container?.ended;
    const ended = await this.stopGate();
    await this.#vanish();
    return ended;
  }

  /** Everything of it ends at once, as when its node goes away and is given up. */
  async kill(): Promise<void> {
    this.#gate?.kill();
    this.#container?.kill();
    await Promise.all([this.#gate?.ended, this.#container?.ended]);
    await this.markDeleted();
    await this.#vanish();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** How the container has ended. */
  get containerEnded(): Promise<Ended> | undefined {
    return this.#container?.ended;
  }

  get gateRuns(): boolean {
    return this.#gate?.runs ?? false;
  }

  /** Where the gate serves the run's outputs. */
  get outputsUrl(): string {
    return `http://127.0.0.1:${this.#outputsPort}/${this.uid}.tar`;
  }

  /** The Events about it, as `kubectl describe` finds them. */
  async events(): Promise<readonly { readonly type: string; readonly reason: string }[]> {
    const { api, name } = this.#build.namespace;
    const selector = encodeURIComponent(`involvedObject.uid=${this.uid}`);
    const { items } = await api.get<{
      items: { type: string; reason: string; metadata: { name: string } }[];
    }>(`/api/v1/namespaces/${name}/events?fieldSelector=${selector}`);
    return items.sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
  }

  /** What the container has printed. */
  get output(): string {
    return this.#output;
  }

  /** What the gate has logged. */
  get log(): string {
    return this.#log;
  }

  describe(): string {
    return `${this.#log}${this.#output}`;
  }

  /** The text of a file of the run directory. */
  read(name: string): string | undefined {
    const path = join(this.runDirectory, name);
    return existsSync(path) && statSync(path).isFile() ? readFileSync(path, 'utf8').trim() : undefined;
  }

  /** Puts an empty file into the pod's directory, for the command to find. */
  write(name: string): void {
    writeFileSync(join(this.directory, name), '');
  }

  /** When a file of the run directory was written, in milliseconds. */
  writtenAt(name: string): number {
    return statSync(join(this.runDirectory, name)).mtimeMs;
  }

  /** Waits until a file of the run directory has this text. */
  async says(name: string, text: string, timeout = 30_000): Promise<void> {
    await waitFor(async () => this.read(name) === text, {
      timeout,
      interval: 25,
      describe: () => this.#build.describe(),
    });
  }

  /** Waits until the command has run, or begun. */
  async hasRun(times = 1): Promise<void> {
    await waitFor(async () => this.runs.length >= times, {
      timeout: 30_000,
      interval: 25,
      describe: () => this.#build.describe(),
    });
  }

  async #patchStatus(status: object): Promise<void> {
    await this.#build.namespace.api.request('PATCH', `${this.path}/status`, { status }, MERGE);
  }

  async #vanish(): Promise<void> {
    const gone = { metadata: { finalizers: null } };
    await this.#build.namespace.api.request('PATCH', this.path, gone, MERGE);
  }
}

/** A process with a group of its own, so that all of it can be ended, and nothing else. */
class Process {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;

  constructor(
    program: string,
    args: readonly string[],
    env: Record<string, string>,
    cwd: string,
    hear: (text: string) => void,
  ) {
    this.#child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (text: Buffer) => hear(text.toString()));
    this.#child.stderr?.on('data', (text: Buffer) => hear(text.toString()));
    this.ended = new Promise((resolve) => {
      this.#child.on('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What the kubelet sends to end a container. */
  terminate(): void {
    if (this.runs) this.#child.kill('SIGTERM');
  }

  /** Ends it and what it has started. */
  kill(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // All of it has ended already.
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
