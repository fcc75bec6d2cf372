// A platform with pipelines at a real API server, real repositories, and the controller as a process of its own.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BuildahBuilder,
  type ControllerConfiguration,
  GitSource,
  KeelsonApp,
  MicroK8sRegistry,
  Pipeline,
  type PipelineConfiguration,
  Platform,
  type PlatformProps,
  type Registry,
  Tag,
  Version,
} from 'keelson';
import { accountKubeconfig } from '../cluster/account-kubeconfig.ts';
import { Api, type KubernetesObject } from '../cluster/api.ts';
import { readKustomization } from '../cluster/reference.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { type GitServer, type GitServerOptions, startGitServer } from '../support/git-server.ts';
import { WatchedProject } from './watched-project.ts';

/** What a pipeline is made of. */
export interface ProjectOptions {
  readonly branches: readonly string[];
  /** @default 1 */
  readonly pollSeconds?: number;
  /** The options of its git server, where it has one of its own. */
  readonly git?: GitServerOptions;
  /** What it has. @default - one image, named `image` */
  readonly parts?: (pipeline: Pipeline, registry: Registry) => void;
  /** Changes its configuration, to what the library does not say. */
  readonly change?: (configuration: PipelineConfiguration) => PipelineConfiguration;
}

/** Options of {@link WatchedPlatform.apply}. */
export interface PlatformOptions<Name extends string> {
  /** Its pipelines. */
  readonly projects: Readonly<Record<Name, ProjectOptions>>;
  /** Options of the controller. */
  readonly controller?: PlatformProps['controller'];
}

/** How a controller is started. */
export interface ControllerStart {
  /** Its pod's name. */
  readonly pod?: string;
  /** @default - straight to the API server */
  readonly kubeconfig?: string;
  /** Changes its configuration. */
  readonly change?: (configuration: ControllerConfiguration) => ControllerConfiguration;
}

const PLACE = 'http://git.example.com/project.git';

/** A platform that was applied to a real API server, whose controller is to be started, stopped and killed. */
export class WatchedPlatform<Name extends string = string> {
  readonly api: Api;
  /** The name, which no other run of a test has. */
  readonly name: string;
  /** The controller's namespace. */
  readonly namespace: string;
  readonly projects: Readonly<Record<Name, WatchedProject>>;
  /** The administrator's. */
  readonly kubeconfig: string;
  /** The kubeconfig of the controller's own account. */
  readonly accountKubeconfig: string;
  readonly #directory: string;
  readonly #servers: readonly GitServer[];

  private constructor(
    values: Pick<WatchedPlatform<Name>, 'api' | 'name' | 'namespace' | 'projects' | 'kubeconfig'>,
    directory: string,
    servers: readonly GitServer[],
  ) {
    this.api = values.api;
    this.name = values.name;
    this.namespace = values.namespace;
    this.projects = values.projects;
    this.kubeconfig = values.kubeconfig;
    this.accountKubeconfig = join(directory, 'kubeconfig');
    this.#directory = directory;
    this.#servers = servers;
  }

  /** @param kubeconfig of the administrator; the controller has its own account's rights */
  static async apply<Name extends string>(
    kubeconfig: string,
    title: string,
    { projects: options, controller }: PlatformOptions<Name>,
  ): Promise<WatchedPlatform<Name>> {
    const name = `${title}-${randomBytes(2).toString('hex')}`;
    const namespace = `${name}-system`;
    const directory = await mkdtemp(join(tmpdir(), 'keelson-watched-'));
    const api = await Api.connect(kubeconfig);
    const app = new KeelsonApp({ outdir: join(directory, 'manifests') });
    const registry = MicroK8sRegistry.existing({ nodeAddress: '192.0.2.1' });
    const platform = new Platform(app, name, { registry, namespace, ...(controller && { controller }) });
    const shared = await startGitServer();
    const servers = [shared];
    const projects: Partial<Record<Name, WatchedProject>> = {};
    const changes = new Map<string, (configuration: PipelineConfiguration) => PipelineConfiguration>();
    for (const [project, given] of Object.entries(options) as [Name, ProjectOptions][]) {
      const { branches, pollSeconds = 1, git, parts = oneImage, change = (same) => same } = given;
      const home = `${name}-${project}`;
      const source = GitSource.remote(PLACE, { branches, allowHttp: true, version: Version.of('0.1.0') });
      parts(new Pipeline(app, project, { platform, source, namespace: home }), registry);
      const server = git === undefined ? shared : await startGitServer(git);
      if (git !== undefined) servers.push(server);
      const url = server.url(project);
      const repository = await server.createRepository(project);
      projects[project] = new WatchedProject(api, { project, home, url, repository, git: server });
      changes.set(home, (configuration) => {
        const { source: same } = configuration;
        return change({ ...configuration, ...(same && { source: { ...same, url, pollSeconds } }) });
      });
    }
    app.synth();
    for (const object of await readKustomization(join(directory, 'manifests'))) {
      const change = changes.get(object.metadata.namespace ?? '');
      await api.apply(change === undefined ? object : withConfiguration(object, change), { force: true });
    }
    const values = { api, name, namespace, projects: projects as Record<Name, WatchedProject>, kubeconfig };
    const watched = new WatchedPlatform<Name>(values, directory, servers);
    await accountKubeconfig(kubeconfig, { namespace, name: 'keelson-controller' }, watched.accountKubeconfig);
    return watched;
  }

  /** Starts a controller. A container that is restarted keeps its pod's name. */
  async controller({
    pod = 'keelson-controller-0',
    kubeconfig = this.accountKubeconfig,
    change = (same) => same,
  }: ControllerStart = {}): Promise<AgentProcess> {
    const path = `/api/v1/namespaces/${this.namespace}/configmaps/keelson-controller`;
    const { data } = await this.api.get<{ data: Record<string, string> }>(path);
    const configuration = change(JSON.parse(data['controller.json'] ?? '') as ControllerConfiguration);
    const config = join(this.#directory, `${pod}.json`);
    await writeFile(config, JSON.stringify(configuration));
    return AgentProcess.start(
      ['controller', `--config=${config}`, '--port=0', '--allow-address=127.0.0.0/8'],
      { KUBECONFIG: kubeconfig, POD_NAME: pod, POD_NAMESPACE: this.namespace },
    );
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function oneImage(pipeline: Pipeline, registry: Registry): void {
  new BuildahBuilder(pipeline, 'image', { target: registry.image('team/build', { tag: Tag.branch() }) });
}

function withConfiguration(
  object: KubernetesObject,
  change: (configuration: PipelineConfiguration) => PipelineConfiguration,
): KubernetesObject {
  const data = object['data'] as Record<string, string> | undefined;
  const text = data?.['pipeline.json'];
  if (object.metadata.name !== 'keelson-pipeline' || text === undefined) return object;
  const configuration = change(JSON.parse(text) as PipelineConfiguration);
  return { ...object, data: { 'pipeline.json': JSON.stringify(configuration) } };
}
