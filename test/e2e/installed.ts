import { MicroK8sRegistry, type Transform } from 'keelson';
import type { Container, Volume } from 'kubernetes-types/core/v1.js';
import { Api, type KubernetesObject, waitFor } from '../cluster/api.ts';
import { testApi, testNode } from '../cluster/provided.ts';
import { removeObjects } from '../cluster/reference.ts';
import { available, removeVolumes } from '../cluster/workloads.ts';
import type { TestRepository } from '../support/git-repository.ts';
import { type GitServer, startGitServer } from '../support/git-server.ts';
import { type GitHubServer, startGitHubServer } from './github-server.ts';
import { applyProgram, commitNamespaces, setUpNode } from './harness.ts';
import { pushBaseImage } from './images.ts';
import { type Polling, startKeelStandIn } from './keel-stand-in.ts';
import {
  BRANCH,
  NAMESPACES,
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
const AUTHORITY = 'github-authority';

/** Starts the servers outside of the cluster, applies the program and waits until registry, cache and Keel are up. */
export async function installPipeline(): Promise<InstalledPipeline> {
  const { hostAddress, address, registry } = testNode();
  const api = await Api.connect(testApi().kubeconfig);
  const git = await startGitServer({ host: hostAddress });
  const repository = await git.createRepository('project');
  const gitUrl = git.url('project');
  const github = await startGitHubServer(hostAddress, REPOSITORY_OF_RELEASES, TOKEN);
  const twin = { nodeAddress: address, nodePort: REGISTRY_PORT };
  await setUpNode(`${address}:${REGISTRY_PORT}`, MicroK8sRegistry.existing(twin).nodeFiles);
  const addresses = { node: address, git: gitUrl, github: github.url };
  const objects = await applyProgram(api, (app) => pipelineProgram(app, addresses), {
    transform: trustAuthority,
    leaveOut: ({ kind, metadata }) =>
      KEEL_BIN === undefined && kind === 'Deployment' && metadata.namespace === NAMESPACES.keel,
  });
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

/** Has the program that releases trust the test's GitHub, as an administrator would for a GitHub of their own. */
const trustAuthority: Transform = (object) => {
  const spec = (object as { spec?: { template?: { spec?: PodParts } } }).spec?.template?.spec;
  if (object.kind !== 'Job' || spec === undefined) return object;
  for (const container of spec.containers.filter(({ name }) => name === 'release')) {
    container.env = [
      ...(container.env ?? []),
      { name: 'NODE_EXTRA_CA_CERTS', value: '/keelson/authority/ca.crt' },
    ];
    container.volumeMounts = [
      ...(container.volumeMounts ?? []),
      { name: 'authority', mountPath: '/keelson/authority', readOnly: true },
    ];
    spec.volumes = [...(spec.volumes ?? []), { name: 'authority', configMap: { name: AUTHORITY } }];
  }
  return object;
};

interface PodParts {
  readonly containers: Container[];
  volumes?: Volume[];
}

function secret(namespace: string, name: string, stringData: Record<string, string>): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
}
