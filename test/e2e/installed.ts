import { MicroK8sRegistry } from 'keelson';
import { Api, type KubernetesObject, waitFor } from '../cluster/api.ts';
import { testApi, testNode } from '../cluster/provided.ts';
import { removeObjects } from '../cluster/reference.ts';
import { available, removeVolumes } from '../cluster/workloads.ts';
import type { TestRepository } from '../support/git-repository.ts';
import { type GitServer, startGitServer } from '../support/git-server.ts';
import { AUTHORITY, forTheTest } from './for-the-test.ts';
import { type GitHubServer, startGitHubServer } from './github-server.ts';
import { applyProgram, commitNamespaces, setUpNode } from './harness.ts';
import { pushBaseImage } from './images.ts';
import { type Polling, startKeelStandIn } from './keel-stand-in.ts';
import {
  BRANCH,
  NAMESPACES,
  type PipelineAddresses,
  pipelineProgram,
  REGISTRY_PORT,
  RELEASE_TOKEN,
  REPOSITORY_OF_RELEASES,
} from './pipeline.ts';
import { KEEL_BIN } from './programs.ts';
import { type ProjectCommit, projectFiles } from './project-files.ts';

/** The whole pipeline on the node, ready for a commit. */
export interface InstalledPipeline {
  readonly api: Api;
  readonly objects: readonly KubernetesObject[];
  readonly git: GitServer;
  readonly repository: TestRepository;
  /** The repository's URL, for pods. */
  readonly gitUrl: string;
  readonly github: GitHubServer;
  /** Commits the project to the watched branch; returns the commit's full name. */
  pushCommit(commit: ProjectCommit): Promise<string>;
  /** Takes away what was installed, and what the controller made. */
  remove(): Promise<void>;
}

const TOKEN = 'token-of-the-test';

/** Applies the program with a node's addresses. Returns its objects, in the order of applying them. */
export type Apply = (api: Api, addresses: PipelineAddresses) => Promise<readonly KubernetesObject[]>;

const applyManifests: Apply = (api, addresses) =>
  applyProgram(api, (app) => pipelineProgram(app, addresses), { transform: forTheTest });

/** Starts the servers outside of the cluster, applies the program and waits until registry, cache and Keel are up. */
export async function installPipeline(apply: Apply = applyManifests): Promise<InstalledPipeline> {
  const { hostAddress, address, registry } = testNode();
  const api = await Api.connect(testApi().kubeconfig);
  const git = await startGitServer({ host: hostAddress });
  const repository = await git.createRepository('project');
  const gitUrl = git.url('project');
  const github = await startGitHubServer(hostAddress, REPOSITORY_OF_RELEASES, TOKEN);
  const twin = { nodeAddress: address, nodePort: REGISTRY_PORT };
  await setUpNode(`${address}:${REGISTRY_PORT}`, MicroK8sRegistry.existing(twin).nodeFiles);
  const objects = await apply(api, { node: address, git: gitUrl, github: github.url });
  const namespace = NAMESPACES.release;
  for (const object of [
    secret(namespace, RELEASE_TOKEN.name, { [RELEASE_TOKEN.key]: TOKEN }),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: AUTHORITY, namespace },
      data: { 'ca.crt': github.authority },
    },
  ])
    await api.apply(object);
  await available(api, NAMESPACES.registry, 'registry');
  // A NodePort leads to a new pod a moment after that is ready.
  await waitFor(async () => (await fetch(`http://${address}:${REGISTRY_PORT}/v2/`)).ok);
  await pushBaseImage(registry, address);
  await available(api, NAMESPACES.cache, 'redis');
  let keel: Polling | undefined;
  if (KEEL_BIN === undefined) keel = startKeelStandIn(api, NAMESPACES.pipeline, 'build');
  else await available(api, NAMESPACES.keel, 'keel-project');
  return {
    api,
    objects,
    git,
    repository,
    gitUrl,
    github,
    pushCommit: async (commit) => repository.commit(BRANCH, await projectFiles(commit)),
    remove: async () => {
      await keel?.stop();
      // Before the controller, which would make them again.
      await removeObjects(api, objects);
      for (const name of await commitNamespaces(api)) await api.delete(`/api/v1/namespaces/${name}`);
      await removeVolumes(api, objects);
      await git.close();
      await github.close();
    },
  };
}

function secret(namespace: string, name: string, stringData: Record<string, string>): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
}
