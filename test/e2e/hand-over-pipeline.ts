// A pipeline whose build hands over, on a node: what its manifests don't make is made here.
import { setTimeout as sleep } from 'node:timers/promises';
import { Chart, Duration, Size } from 'cdk8s';
import {
  BuildahBuilder,
  GitSource,
  type KeelsonApp,
  KeelWatchedBuild,
  MicroK8sRegistry,
  MinioRabbitTestStack,
  Pipeline,
  Platform,
  Tag,
  Version,
} from 'keelson';
import { Api, type KubernetesObject, serviceAccount, waitFor } from '../cluster/api.ts';
import { testApi, testNode } from '../cluster/provided.ts';
import { removeObjects } from '../cluster/reference.ts';
import { available, removeVolumes, volumesFor } from '../cluster/workloads.ts';
import { startGitServer } from '../support/git-server.ts';
import { applyProgram, commitNamespaces, setUpNode } from './harness.ts';
import { pushBaseImage } from './images.ts';
import { type Polling, startKeelStandIn } from './keel-stand-in.ts';
import { BRANCH, NAMESPACES, REGISTRY_PORT } from './pipeline.ts';
import { KEEL_BIN } from './programs.ts';
import { type ProjectCommit, projectFiles } from './project-files.ts';
import { smallBuild, smallImage, smallServices } from './small.ts';

/** The pipeline's own namespace. */
export const HOME: string = NAMESPACES.pipeline;
const IMAGE = 'team/handed-over';

function program(app: KeelsonApp, { node, git }: { readonly node: string; readonly git: string }): void {
  const chart = new Chart(app, 'registry', { disableResourceNameHashes: true });
  const registry = new MicroK8sRegistry(chart, 'registry', {
    nodeAddress: node,
    nodePort: REGISTRY_PORT,
    storage: Size.gibibytes(4),
  });
  const platform = new Platform(app, 'platform', { registry, cache: false, keel: false, handOver: true });
  const pipeline = new Pipeline(app, 'project', {
    platform,
    namespace: HOME,
    source: GitSource.remote(git, {
      branch: BRANCH,
      allowHttp: true,
      pollInterval: Duration.seconds(5),
      version: Version.fromFile('README.md'),
    }),
  });
  const image = new BuildahBuilder(pipeline, 'image', {
    target: registry.image(IMAGE, { tag: Tag.branch() }),
    ...smallImage,
  });
  new KeelWatchedBuild(pipeline, 'build', {
    image,
    services: new MinioRabbitTestStack(pipeline, 'services', smallServices),
    ...smallBuild,
    timeout: Duration.minutes(2),
    handOver: { keel: { pollInterval: Duration.seconds(2) } },
  });
}

/** The pipeline on the node, ready for a commit. */
export interface InstalledHandOver {
  readonly api: Api;
  /** Commits the project to the watched branch; returns the commit's full name. */
  pushCommit(commit: ProjectCommit): Promise<string>;
  /** Takes away what was installed, and what the controller made. */
  remove(): Promise<void>;
}

/** Starts the git server, applies the program and waits until the registry is up. */
export async function installHandOver(): Promise<InstalledHandOver> {
  const { hostAddress, address, registry } = testNode();
  const api = await Api.connect(testApi().kubeconfig);
  const git = await startGitServer({ host: hostAddress });
  const repository = await git.createRepository('project');
  const twin = { nodeAddress: address, nodePort: REGISTRY_PORT };
  await setUpNode(`${address}:${REGISTRY_PORT}`, MicroK8sRegistry.existing(twin).nodeFiles);
  const objects = await applyProgram(api, (app) => program(app, { node: address, git: git.url('project') }));
  await available(api, NAMESPACES.registry, 'registry');
  // A NodePort leads to a new pod a moment after that is ready.
  await waitFor(async () => (await fetch(`http://${address}:${REGISTRY_PORT}/v2/`)).ok);
  await pushBaseImage(registry, address);
  const beside = besideListeners(api);
  return {
    api,
    pushCommit: async (commit) => repository.commit(BRANCH, await projectFiles(commit)),
    remove: async () => {
      const claims = await beside.stop();
      // Before the controller, which would make them again.
      await removeObjects(api, objects);
      for (const name of await commitNamespaces(api)) await api.delete(`/api/v1/namespaces/${name}`);
      await removeVolumes(api, [...objects, ...claims]);
      await git.close();
    },
  };
}

/** The namespaces in which the build is or was, home first. */
export async function placesOf(api: Api): Promise<readonly string[]> {
  const { items } = await api.get<{ items: KubernetesObject[] }>(
    '/api/v1/namespaces?labelSelector=keelson.dev/listener',
  );
  return [HOME, ...items.map(({ metadata }) => metadata.name)];
}

/** What a cluster has and this one has not: volumes for new claims and, where there is no real one, a Keel in each namespace. */
function besideListeners(api: Api): { stop(): Promise<readonly KubernetesObject[]> } {
  const stop = new AbortController();
  const keels = new Map<string, Polling>();
  const claims = new Map<string, KubernetesObject>();
  const look = async (namespace: string): Promise<void> => {
    if (KEEL_BIN === undefined && !keels.has(namespace)) {
      keels.set(
        namespace,
        startKeelStandIn(api, namespace, 'build', serviceAccount(namespace, 'build-keel')),
      );
    }
    if (namespace === HOME) return;
    const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
    for (const claim of (await api.get<{ items: KubernetesObject[] }>(path)).items) {
      const key = `${namespace}/${claim.metadata.name}`;
      if (claims.has(key)) continue;
      const object = { ...claim, apiVersion: 'v1', kind: 'PersistentVolumeClaim' };
      await volumesFor(api, [object]);
      claims.set(key, object);
    }
  };
  const looking = (async () => {
    while (!stop.signal.aborted) {
      for (const namespace of await placesOf(api).catch(() => []))
        await look(namespace).catch(() => undefined);
      await sleep(500, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      stop.abort();
      await looking;
      await Promise.all([...keels.values()].map((keel) => keel.stop()));
      return [...claims.values()];
    },
  };
}
