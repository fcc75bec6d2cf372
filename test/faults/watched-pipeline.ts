// A pipeline whose branches are watched and whose images are "built" by the test: it says that Jobs have ended.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BuildahBuilder,
  GitSource,
  KeelsonApp,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  Tag,
  Version,
} from 'keelson';
import { accountKubeconfig } from '../cluster/account-kubeconfig.ts';
import { Api, type KubernetesObject } from '../cluster/api.ts';
import { readKustomization } from '../cluster/reference.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { type GitServer, startGitServer } from '../support/git-server.ts';

/** A Job of an image build. */
export interface BuildJob extends KubernetesObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string }[] };
}

const PLACE = 'http://git.example.com/project.git';

/** A platform with one pipeline, applied to a real API server, and its controller to be started and killed. */
export class WatchedPipeline {
  readonly api: Api;
  readonly git: GitServer;
  readonly #name: string;
  readonly #directory: string;

  private constructor(api: Api, git: GitServer, name: string, directory: string) {
    this.api = api;
    this.git = git;
    this.#name = name;
    this.#directory = directory;
  }

  /** @param kubeconfig of the administrator; the controller has its own account's rights */
  static async apply(
    kubeconfig: string,
    name: string,
    branches: readonly string[],
    change: (configuration: Record<string, unknown>) => Record<string, unknown> = (same) => same,
  ): Promise<WatchedPipeline> {
    const directory = await mkdtemp(join(tmpdir(), 'keelson-watched-'));
    const git = await startGitServer();
    const app = new KeelsonApp({ outdir: join(directory, 'manifests') });
    const registry = MicroK8sRegistry.existing({ nodeAddress: '192.0.2.1' });
    const platform = new Platform(app, name, { registry, namespace: `${name}-system` });
    const source = GitSource.remote(PLACE, { branches, allowHttp: true, version: Version.of('0.1.0') });
    const pipeline = new Pipeline(app, 'project', { platform, source, namespace: `${name}-ci` });
    new BuildahBuilder(pipeline, 'image', { target: registry.image('team/build', { tag: Tag.branch() }) });
    app.synth();
    const api = await Api.connect(kubeconfig);
    for (const object of await readKustomization(join(directory, 'manifests'))) {
      await api.apply(withConfiguration(object, git.url('project'), change), { force: true });
    }
    const watched = new WatchedPipeline(api, git, name, directory);
    const { data } = await api.get<{ data: Record<string, string> }>(
      `/api/v1/namespaces/${name}-system/configmaps/keelson-controller`,
    );
    await writeFile(join(directory, 'controller.json'), data['controller.json'] ?? '');
    await accountKubeconfig(
      kubeconfig,
      { namespace: `${name}-system`, name: 'keelson-controller' },
      join(directory, 'kubeconfig'),
    );
    return watched;
  }

  /** Starts a controller. A container that is restarted keeps its pod's name. */
  controller(
    pod: string = 'keelson-controller-0',
    kubeconfig: string = join(this.#directory, 'kubeconfig'),
  ): Promise<AgentProcess> {
    return AgentProcess.start(
      [
        'controller',
        `--config=${join(this.#directory, 'controller.json')}`,
        '--port=0',
        '--allow-address=127.0.0.0/8',
      ],
      { KUBECONFIG: kubeconfig, POD_NAME: pod, POD_NAMESPACE: `${this.#name}-system` },
    );
  }

  /** The Jobs of image builds. */
  async jobs(): Promise<readonly BuildJob[]> {
    const selector = encodeURIComponent('keelson.dev/stage=image-build');
    const { items } = await this.api.get<{ items: BuildJob[] }>(
      `/apis/batch/v1/jobs?labelSelector=${selector}`,
    );
    const mine = await this.namespaces();
    return items.filter(({ metadata }) => mine.has(metadata.namespace ?? ''));
  }

  /** The names of the namespaces that were made for commits. */
  async namespaces(): Promise<ReadonlySet<string>> {
    const path = `/api/v1/namespaces?labelSelector=keelson.dev%2Fhome%3D${this.#name}-ci`;
    const { items } = await this.api.get<{ items: KubernetesObject[] }>(path);
    return new Set(items.map(({ metadata }) => metadata.name));
  }

  /** Says that a Job has ended, in the place of Kubernetes' own controller. */
  async end({ metadata }: BuildJob, type: 'Complete' | 'Failed' = 'Complete'): Promise<void> {
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const before = type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
    const condition = (name: string): object => ({
      type: name,
      status: 'True',
      lastProbeTime: now,
      lastTransitionTime: now,
      reason: 'Test',
    });
    const status = {
      startTime: now,
      conditions: [condition(before), condition(type)],
      ...(type === 'Complete' && { completionTime: now, succeeded: 1 }),
      ...(type === 'Failed' && { failed: 1 }),
    };
    const { status: code, body } = await this.api.request(
      'PATCH',
      `/apis/batch/v1/namespaces/${metadata.namespace}/jobs/${metadata.name}/status`,
      { status },
      { contentType: 'application/merge-patch+json' },
    );
    if (code >= 300) throw new Error(`the Job's status was refused: ${JSON.stringify(body)}`);
  }

  async close(): Promise<void> {
    await this.git.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function withConfiguration(
  object: KubernetesObject,
  url: string,
  change: (configuration: Record<string, unknown>) => Record<string, unknown>,
): KubernetesObject {
  const data = object['data'] as Record<string, string> | undefined;
  const text = data?.['pipeline.json'];
  if (object.metadata.name !== 'keelson-pipeline' || text === undefined) return object;
  const configuration = JSON.parse(text) as Record<string, unknown>;
  const source = { ...(configuration['source'] as object), url, pollSeconds: 1 };
  return { ...object, data: { 'pipeline.json': JSON.stringify(change({ ...configuration, source })) } };
}
