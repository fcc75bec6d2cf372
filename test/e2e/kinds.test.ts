// Other kinds of pipelines at work on a real node: images on a base image, images of a directory that was never pushed,
// and a build that runs once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MicroK8sRegistry } from 'keelson';
import type { Pod } from 'kubernetes-types/core/v1.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../../apps/agent/controller/ledger.ts';
import { Api, type KubernetesObject, waitFor } from '../cluster/api.ts';
import { imageBuild } from '../cluster/image-builds.ts';
import { kubectlPath } from '../cluster/kubectl.ts';
import { missing, testApi, testNode, withoutNode } from '../cluster/provided.ts';
import { removeObjects } from '../cluster/reference.ts';
import { available, removeVolumes } from '../cluster/workloads.ts';
import type { TestRepository } from '../support/git-repository.ts';
import { type GitServer, startGitServer } from '../support/git-server.ts';
import { applyProgram, commitNamespaces, printLogsOnFailure, setUpNode, waitForRun } from './harness.ts';
import { pushBaseImage } from './images.ts';
import { inPod } from './in-pod.ts';
import { HOMES, imagesProgram, onceProgram, type Places } from './kinds-pipelines.ts';
import { BASE_IMAGE, NAMESPACES, REGISTRY_PORT } from './pipeline.ts';
import { projectFiles } from './project-files.ts';

const TOOLS = 'e2e-kinds-tools';
const CLUSTER_REGISTRY = 'registry.container-registry.svc.cluster.local:5000';
const COMMIT = 'trial-of-mine';

describe.skipIf(withoutNode)(
  `pipelines of other kinds on a real node, built by real Buildah${missing}`,
  () => {
    let api: Api;
    let git: GitServer;
    let repository: TestRepository;
    let places: Places;
    let directory: string;
    const objects: KubernetesObject[] = [];

    beforeAll(async () => {
      const { hostAddress, address, registry } = testNode();
      api = await Api.connect(testApi().kubeconfig);
      git = await startGitServer({ host: hostAddress });
      repository = await git.createRepository('based');
      directory = await localDirectory();
      const { items } = await api.get<{ items: KubernetesObject[] }>('/api/v1/nodes');
      const nodeName = items[0]?.metadata.name ?? '';
      places = { node: address, nodeName, git: git.url('based'), directory };
      const twin = { nodeAddress: address, nodePort: REGISTRY_PORT };
      await setUpNode(`${address}:${REGISTRY_PORT}`, MicroK8sRegistry.existing(twin).nodeFiles);
      objects.push(...(await applyProgram(api, (app) => imagesProgram(app, places))));
      await api.createNamespace(TOOLS, 'restricted');
      await available(api, NAMESPACES.registry, 'registry');
      // A NodePort leads to a new pod a moment after that is ready.
      await waitFor(async () => (await fetch(`http://${address}:${REGISTRY_PORT}/v2/`)).ok);
      await pushBaseImage(registry, address);
    });
    afterAll(async () => {
      await api.delete(`/api/v1/namespaces/${TOOLS}`);
      await removeObjects(api, objects);
      for (const name of await commitNamespaces(api)) await api.delete(`/api/v1/namespaces/${name}`);
      await removeVolumes(api, objects);
      await git.close();
      await rm(directory, { recursive: true, force: true });
    });
    printLogsOnFailure(() => api, [NAMESPACES.controller, ...Object.values(HOMES)]);

    const built = async (): Promise<Ledger['builds']> => {
      const path = `/api/v1/namespaces/${HOMES.based}/configmaps/keelson-ledger`;
      const { data } = await api.get<{ data?: Record<string, string> }>(path);
      return (JSON.parse(data?.['ledger.json'] ?? '{"builds":[]}') as Ledger).builds;
    };
    /** What became of the two images of a commit, when both have ended. */
    const endOf = async (commit: string): Promise<Record<string, string>> => {
      const ended = await waitFor(
        async () => {
          const builds = (await built()).filter((build) => build.commit === commit);
          return builds.length === 2 && builds.every(({ finishedAt }) => finishedAt !== undefined) && builds;
        },
        { timeout: 240_000, describe: async () => JSON.stringify(await built()) },
      );
      return Object.fromEntries(ended.map(({ image, phase }) => [image, phase]));
    };
    const inImage = (name: string, repositoryName: string, tag: string, script: string): Promise<string> =>
      inPod(api, {
        namespace: TOOLS,
        name,
        image: `${places.node}:${REGISTRY_PORT}/team/${repositoryName}:${tag}`,
        command: ['sh', '-euc', script],
      });

    test('a base image is built before the image that is built on it, and once for all commits', async () => {
      const project = await projectFiles({ version: '1.0.0' });
      const files = {
        ...project,
        Dockerfile_base: `FROM ${CLUSTER_REGISTRY}/${BASE_IMAGE}\nRUN mkdir /opt && echo tools >/opt/tools\n`,
        Dockerfile: project['Dockerfile']?.replace(/^FROM .*/, 'ARG BASE_IMAGE\nFROM $BASE_IMAGE') ?? '',
      };
      const first = await repository.commit('main', files);
      expect(await endOf(first)).toEqual({ base: 'Succeeded', image: 'Succeeded' });
      const second = await repository.commit('main', { ...files, more: 'more' });
      expect(await endOf(second)).toEqual({ base: 'Skipped', image: 'Succeeded' });
      const printed = await inImage('based', 'based', 'main', 'cat /opt/tools /project/commit');
      expect(printed).toBe(`tools\n${second}`);
    }, 600_000);

    test('a build that runs once, of that image: services are up while it runs, and at rest after it', async () => {
      const { node } = places;
      const applied = await applyProgram(api, (app) => onceProgram(app, { node }));
      objects.push(...applied);
      const namespace = HOMES.once;
      const run = await waitForRun(api, { namespace, build: 'check', phases: ['Succeeded'] });
      expect(run).toMatchObject({ exitCode: 0 });
      await waitFor(
        async () => {
          const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
          const { items } = await api.get<{ items: { spec: { replicas: number } }[] }>(path);
          return items.every(({ spec }) => spec.replicas === 0);
        },
        { timeout: 90_000 },
      );
      const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
      // Its gate ends after it.
      const ended = await waitFor(async () => {
        const { items } = await api.get<{ items: { status: { succeeded?: number } }[] }>(path);
        return items.every(({ status }) => status.succeeded !== undefined) && items;
      });
      expect(ended.map(({ status }) => status.succeeded)).toEqual([1]);
    });

    test('a directory that is sent to the Job by kubectl attach is built as it is, without its .git', async () => {
      const namespace = 'gw-streamed';
      const building = build(HOMES.streamed, namespace);
      await sendTo(api, namespace, directory);
      const { succeeded, log } = await building;
      expect(succeeded, log).toBe(true);
      expect(await inImage('streamed', HOMES.streamed, 'trial', LISTED)).toBe(EXPECTED);
    });

    test('a directory on the node is copied from a local volume, without its .git', async () => {
      const { succeeded, log } = await build(HOMES.copied, 'gw-copied');
      expect(succeeded, log).toBe(true);
      expect(await inImage('copied', HOMES.copied, 'trial', LISTED)).toBe(EXPECTED);
    });

    /** Applies the template as the person who starts the build does, and waits for the end of its Job. */
    async function build(home: string, namespace: string): ReturnType<typeof imageBuild> {
      const path = `/api/v1/namespaces/${home}/configmaps/keelson-pipeline`;
      const { data } = await api.get<{ data: Record<string, string> }>(path);
      const [image] = JSON.parse(data['pipeline.json'] ?? '').images;
      const values = { namespace, id: home, branch: 'trial', commit: COMMIT, url: directory };
      return imageBuild(api, image, values);
    }
  },
);

/** What is in the image: what the directory has, the name that stands for a commit, and nothing of its .git beside it. */
const LISTED = 'cd /project && find . | sort && cat .git/HEAD sub/file';
const EXPECTED = [
  '.',
  './.git',
  './.git/HEAD',
  './link',
  './sub',
  './sub/file',
  COMMIT,
  'not committed',
].join('\n');

/** A checkout with a change that is in no commit, and with what must not get into an image. */
async function localDirectory(): Promise<string> {
  const directory = await mkdtemp(join(testNode().volumes, 'checkout-'));
  // Whoever copies it is another user.
  await chmod(directory, 0o755);
  const files = {
    Dockerfile: `FROM ${CLUSTER_REGISTRY}/${BASE_IMAGE}\nWORKDIR /project\nCOPY . /project\nRUN rm Dockerfile && chmod -R a+rX /project\n`,
    'sub/file': 'not committed\n',
    '.git/config': '[remote "origin"]\n\turl = https://me:CANARY@git.example.com/x.git\n',
    '.git/HEAD': 'ref: refs/heads/main\n',
  };
  for (const [path, text] of Object.entries(files)) {
    const file = join(directory, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  await symlink('sub/file', join(directory, 'link'));
  await symlink('/etc/shadow', join(directory, 'outside'));
  return directory;
}

/** Sends a directory to the standard input of the container that waits for it, as a person would. */
async function sendTo(api: Api, namespace: string, directory: string): Promise<void> {
  const pod = await waitFor(
    async () => {
      const path = `/api/v1/namespaces/${namespace}/pods`;
      const { items } = await api.get<{ items: Pod[] }>(path).catch(() => ({ items: [] as Pod[] }));
      return items.find(({ status }) =>
        status?.initContainerStatuses?.some(({ name, state }) => name === 'source' && state?.running),
      );
    },
    { timeout: 60_000 },
  );
  const tar = spawn('tar', ['--create', '--directory', directory, '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const attach = spawn(
    await kubectlPath(),
    [
      ...['--kubeconfig', testApi().kubeconfig, '--namespace', namespace],
      ...['attach', '--stdin', '--quiet', '--container=source', pod.metadata?.name ?? ''],
    ],
    { stdio: ['pipe', 'inherit', 'inherit'] },
  );
  const ended = once(attach, 'exit');
  await pipeline(tar.stdout, attach.stdin);
  await ended;
}
