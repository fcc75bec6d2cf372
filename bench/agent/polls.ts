import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { accountKubeconfig } from '../../test/cluster/account-kubeconfig.ts';
import { Api, waitFor } from '../../test/cluster/api.ts';
import { AgentProcess } from '../../test/support/agent-process.ts';
import { startGitServer } from '../../test/support/git-server.ts';
import { applyPipelines } from './pipelines.ts';
import { usageOf } from './process-usage.ts';

/** What watching many repositories costs. */
export interface PollFigures {
  readonly repositories: number;
  /** Of one core, in percent. */
  readonly cpu: number;
  /** In MB. */
  readonly memory: number;
  /** Of bodies, both ways. */
  readonly bytesPerPoll: number;
  readonly polls: number;
  /** How many began later than this after their time, in seconds. */
  readonly late: Readonly<Record<string, number>>;
}

const PLATFORM = 'bench';
const CONTROLLER = { namespace: 'bench-system', name: 'keelson-controller' } as const;
const PORT = 18_085;

/**
 * Polls repositories once a minute: a real API server, a real git server (git http-backend) on this machine, and the
 * bundled controller with the rights of its account. Nothing is new in them while it is measured.
 */
export async function measurePolls(
  kubeconfig: string,
  repositories: number,
  seconds: number,
): Promise<PollFigures> {
  const directory = mkdtempSync(join(tmpdir(), 'keelson-bench-agent-'));
  const git = await startGitServer();
  const api = await Api.connect(kubeconfig);
  try {
    // One repository under many names would be one connection's worth of caches: each has its own.
    const urls = await Promise.all(
      Array.from({ length: repositories }, async (_, index) => {
        const repository = await git.createRepository(`r${index}`);
        await repository.commit('main', { file: String(index) });
        await repository.close();
        return git.url(`r${index}`);
      }),
    );
    await applyController(api);
    await applyPipelines(api, PLATFORM, CONTROLLER, urls);
    writeFileSync(join(directory, 'controller.json'), JSON.stringify(configuration));
    const own = await accountKubeconfig(kubeconfig, CONTROLLER, join(directory, 'kubeconfig'));
    const controller = await AgentProcess.start(
      [
        'controller',
        `--config=${join(directory, 'controller.json')}`,
        `--port=${PORT}`,
        '--allow-address=127.0.0.0/8',
      ],
      { KUBECONFIG: own, POD_NAME: 'controller', POD_NAMESPACE: CONTROLLER.namespace },
    );
    try {
      await waitFor(async () => (await pollsSoFar()).count >= repositories, {
        timeout: 300_000,
        interval: 1_000,
      });
      git.reset();
      const before = { usage: usageOf(controller.pid), polls: await pollsSoFar(), at: performance.now() };
      await sleep(seconds * 1000);
      const after = { usage: usageOf(controller.pid), polls: await pollsSoFar(), at: performance.now() };
      const polls = after.polls.count - before.polls.count;
      const elapsed = (after.at - before.at) / 1000;
      return {
        repositories,
        cpu: (100 * (after.usage.cpuSeconds - before.usage.cpuSeconds)) / elapsed,
        memory: after.usage.memory,
        bytesPerPoll: (git.counters.received + git.counters.sent) / git.counters.requests,
        polls,
        late: Object.fromEntries(
          [1, 5, 10].map((limit) => [
            limit,
            polls - (within(after.polls, limit) - within(before.polls, limit)),
          ]),
        ),
      };
    } finally {
      await controller.stop();
    }
  } finally {
    await git.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const configuration = {
  apiVersion: 'agent.keelson.dev/v1alpha1',
  kind: 'Controller',
  platform: PLATFORM,
  lease: 'keelson-controller',
  commitNamespaceRole: 'keelson-bench-commit-namespace',
  maxConcurrentBuilds: 4,
  retention: { succeededSeconds: 3600, failedSeconds: 259_200, maxPerPipeline: 10 },
};

async function applyController(api: Api): Promise<void> {
  const { namespace, name } = CONTROLLER;
  const rbac = 'rbac.authorization.k8s.io';
  const role = { apiGroup: rbac, kind: 'ClusterRole', name: 'bench-controller' };
  for (const object of [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name: role.name },
      rules: [
        { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'get', 'patch'] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: role.name },
      roleRef: role,
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  ])
    await api.apply(object, { force: true });
}

interface Polls {
  readonly count: number;
  readonly buckets: ReadonlyMap<number, number>;
}

async function pollsSoFar(): Promise<Polls> {
  const text = await (await fetch(`http://127.0.0.1:${PORT}/metrics`)).text();
  const buckets = [...text.matchAll(/^keelson_poll_delay_seconds_bucket\{le="([\d.]+)"\} (\d+)$/gm)].map(
    ([, limit, count]) => [Number(limit), Number(count)] as const,
  );
  const count = Number(/^keelson_poll_delay_seconds_count (\d+)$/m.exec(text)?.[1] ?? 0);
  return { count, buckets: new Map(buckets) };
}

function within({ buckets }: Polls, limit: number): number {
  return buckets.get(limit) ?? 0;
}
