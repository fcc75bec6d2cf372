import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BuildPhase,
  type BuildRun,
  type BuildStatus,
  type KeelsonApp,
  type KeelsonAppProps,
  type NodeFile,
  STATUS_KEY,
} from 'keelson';
import type { ConfigMap, Pod } from 'kubernetes-types/core/v1.js';
import { beforeEach } from 'vitest';
import { type Api, type KubernetesObject, type WaitOptions, waitFor } from '../cluster/api.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { testApi, testNode } from '../cluster/provided.ts';
import { programObjects } from '../cluster/reference.ts';
import { volumesFor } from '../cluster/workloads.ts';

/**
 * Synthesizes a program and applies its objects in the order of its kustomization, as `kubectl apply --server-side`
 * does. There is no provisioner: each claim gets a volume on the node.
 */
export async function applyProgram(
  api: Api,
  build: (app: KeelsonApp) => void,
  props: Pick<KeelsonAppProps, 'transform'> = {},
): Promise<KubernetesObject[]> {
  const objects = await programObjects(build, props);
  await volumesFor(api, objects);
  for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
  return objects;
}

/** Tells the node's containerd what a registry's files for nodes say. */
export async function setUpNode(imageHost: string, files: readonly NodeFile[]): Promise<void> {
  const hosts = files.find(({ file }) => file.endsWith('/hosts.toml'));
  if (hosts === undefined) throw new Error(`no hosts.toml for ${imageHost}`);
  const folder = join(testNode().certificates, imageHost);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'hosts.toml'), hosts.content);
}

/** Phases that a run does not leave. */
const ENDED: readonly BuildPhase[] = ['Succeeded', 'Failed', 'TimedOut', 'Skipped', 'Lost'];

/** The runs of a watched build, newest first. */
export async function runsOf(api: Api, namespace: string, build = 'build'): Promise<readonly BuildRun[]> {
  const { data } = await api.get<ConfigMap>(`/api/v1/namespaces/${namespace}/configmaps/${build}-status`);
  const text = data?.[STATUS_KEY];
  return text === undefined ? [] : (JSON.parse(text) as BuildStatus).runs;
}

export interface WantedRun {
  readonly namespace: string;
  /** The id of the build. */
  readonly build?: string;
  /** The newest run of this commit; without it, the newest of all. */
  readonly commit?: string;
  /** What it has to have come to; without it, any end. */
  readonly phases?: readonly BuildPhase[];
}

/** Waits until a run has come so far; a run that has ended otherwise is an error at once. */
export async function waitForRun(api: Api, wanted: WantedRun, options: WaitOptions = {}): Promise<BuildRun> {
  const { namespace, build = 'build', commit, phases = ENDED } = wanted;
  const find = async (): Promise<BuildRun | undefined> =>
    (await runsOf(api, namespace, build)).find((run) => commit === undefined || run.commit === commit);
  const run = await waitFor(
    async () => {
      const found = await find();
      return found !== undefined && [...phases, ...ENDED].includes(found.phase) ? found : undefined;
    },
    {
      timeout: 180_000,
      describe: async () =>
        `no run of ${commit ?? 'any commit'} is ${phases.join(' or ')}: ${JSON.stringify(await find())}`,
      ...options,
    },
  );
  if (!phases.includes(run.phase)) throw new Error(`the run is ${run.phase}: ${JSON.stringify(run)}`);
  return run;
}

/** Namespaces that a controller made for commits. */
export async function commitNamespaces(api: Api): Promise<string[]> {
  const { items } = await api.get<{ items: KubernetesObject[] }>(
    '/api/v1/namespaces?labelSelector=keelson.dev/owner',
  );
  return items.map(({ metadata }) => metadata.name);
}

/** What every container of the namespaces has logged, and how its pod is: for a person who reads of a failure. */
export async function podLogs(
  api: Api,
  namespaces: readonly string[],
  linesOfEach: number = 60,
): Promise<string> {
  const run = (namespace: string, ...args: string[]): Promise<string> =>
    kubectl(testApi().kubeconfig, '-n', namespace, ...args).catch(String);
  const parts: string[] = [];
  for (const namespace of namespaces) {
    const { items } = await api.get<{ items: Pod[] }>(`/api/v1/namespaces/${namespace}/pods`);
    for (const { metadata, spec, status } of items) {
      const name = metadata?.name ?? '';
      const states = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(
        (one) => `${one.name} ${JSON.stringify(one.state)}, ${one.restartCount} restarts`,
      );
      parts.push(`=== ${namespace}/${name}: ${status?.phase}\n${states.join('\n')}`);
      for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
        const log = await run(namespace, 'logs', name, '-c', container.name, `--tail=${linesOfEach}`);
        // A registry's lines are long.
        const lines = log
          .trimEnd()
          .split('\n')
          .map((line) => line.slice(0, 400));
        parts.push(`--- ${container.name}\n${lines.join('\n')}`);
      }
    }
    parts.push(`--- events\n${await run(namespace, 'get', 'events', '--sort-by=.lastTimestamp')}`);
  }
  return parts.join('\n');
}

/** Has the logs of the namespaces, and those of commits' namespaces, printed where a test of this file fails. */
export function printLogsOnFailure(api: () => Api, namespaces: readonly string[]): void {
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => {
      const all = [...namespaces, ...(await commitNamespaces(api()))];
      console.error(await podLogs(api(), all));
    });
  });
}
