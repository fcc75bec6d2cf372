import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Duration } from 'cdk8s';
import {
  BuildahBuilder,
  GitSource,
  KeelsonApp,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  SecretSource,
  Tag,
  Version,
  WEBHOOKS_PORT,
} from 'keelson';
import { accountKubeconfig } from '../../test/cluster/account-kubeconfig.ts';
import { Api, type KubernetesObject, waitFor } from '../../test/cluster/api.ts';
import { readKustomization } from '../../test/cluster/reference.ts';
import { AgentProcess } from '../../test/support/agent-process.ts';
import { startGitServer } from '../../test/support/git-server.ts';
import { spread } from './spread.ts';

/** From a push that is told to its Job, in milliseconds. */
export interface DeliveryFigures {
  readonly commits: number;
  readonly p50: number;
  readonly max: number;
}

const PLACE = 'http://git.example.com/project.git';
const NAMESPACE = 'bench-webhooks';
const SYSTEM = 'bench-webhooks-system';
const SECRET = 'told-to-the-git-server';

/**
 * Pushes commits and tells the controller of each, as GitHub does; nothing else makes it look for an hour. Real are the
 * API server, the git server and the bundled controller with its account's rights; builds are ended at once by the
 * benchmark.
 */
export async function measureDeliveries(kubeconfig: string, commits: number): Promise<DeliveryFigures> {
  const directory = mkdtempSync(join(tmpdir(), 'keelson-bench-deliveries-'));
  const git = await startGitServer();
  const api = await Api.connect(kubeconfig);
  try {
    const repository = await git.createRepository('project');
    const first = await repository.commit('main', { file: `first of ${process.pid}` });
    for (const object of await objects(directory))
      await api.apply(withUrl(object, git.url('project')), { force: true });
    await api.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'webhook', namespace: NAMESPACE },
      stringData: { secret: SECRET },
    });
    const { data } = await api.get<{ data: Record<string, string> }>(
      `/api/v1/namespaces/${SYSTEM}/configmaps/keelson-controller`,
    );
    writeFileSync(join(directory, 'controller.json'), data['controller.json'] ?? '');
    const account = { namespace: SYSTEM, name: 'keelson-controller' };
    const own = await accountKubeconfig(kubeconfig, account, join(directory, 'kubeconfig'));
    const controller = await AgentProcess.start(
      [
        'controller',
        `--config=${join(directory, 'controller.json')}`,
        '--port=0',
        '--allow-address=127.0.0.0/8',
      ],
      { KUBECONFIG: own, POD_NAME: 'controller', POD_NAMESPACE: SYSTEM },
    );
    try {
      await endJob(api, first);
      const times: number[] = [];
      for (let index = 0; index < commits; index++) {
        // A look follows another by a second at least.
        await sleep(1_200);
        const commit = await repository.commit('main', { file: `${index} of ${process.pid}` });
        const startedAt = performance.now();
        await deliver();
        const job = await jobOf(api, commit);
        times.push(performance.now() - startedAt);
        await end(api, job);
      }
      return { commits, ...spread(times) };
    } finally {
      await controller.stop();
    }
  } finally {
    await git.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function objects(directory: string): Promise<KubernetesObject[]> {
  const app = new KeelsonApp({ outdir: join(directory, 'manifests') });
  const registry = MicroK8sRegistry.existing({ nodeAddress: '192.0.2.1' });
  const platform = new Platform(app, NAMESPACE, {
    registry,
    namespace: SYSTEM,
    controller: { webhooks: { host: 'hooks.example.com', ingressController: { namespace: 'ingress' } } },
  });
  const pipeline = new Pipeline(app, 'project', {
    platform,
    namespace: NAMESPACE,
    source: GitSource.remote(PLACE, {
      branch: 'main',
      allowHttp: true,
      version: Version.of('0.1.0'),
      pollInterval: Duration.hours(1),
      webhook: { secret: SecretSource.existing('webhook', 'secret') },
    }),
  });
  new BuildahBuilder(pipeline, 'image', { target: registry.image('team/build', { tag: Tag.branch() }) });
  app.synth();
  return readKustomization(join(directory, 'manifests'));
}

function withUrl(object: KubernetesObject, url: string): KubernetesObject {
  if (object.metadata.name !== 'keelson-pipeline') return object;
  return JSON.parse(JSON.stringify(object).replaceAll(PLACE, url)) as KubernetesObject;
}

async function deliver(): Promise<void> {
  const body = JSON.stringify({ ref: 'refs/heads/main' });
  const signature = createHmac('sha256', SECRET).update(body).digest('hex');
  const headers = {
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-hub-signature-256': `sha256=${signature}`,
  };
  const url = `http://127.0.0.1:${WEBHOOKS_PORT}/webhooks/${NAMESPACE}`;
  await waitFor(async () => (await fetch(url, { method: 'POST', headers, body })).status === 202, {
    interval: 50,
  });
}

async function endJob(api: Api, commit: string): Promise<void> {
  await end(api, await jobOf(api, commit));
}

/** Waits for the Job of a commit. */
function jobOf(api: Api, commit: string): Promise<KubernetesObject> {
  const path = `/apis/batch/v1/jobs?labelSelector=${encodeURIComponent(`keelson.dev/commit=${commit}`)}`;
  const find = async (): Promise<KubernetesObject | undefined> =>
    (await api.get<{ items: KubernetesObject[] }>(path)).items[0];
  return waitFor(find, { timeout: 60_000, interval: 10 });
}

async function end(api: Api, { metadata }: KubernetesObject): Promise<void> {
  const path = `/apis/batch/v1/namespaces/${metadata.namespace}/jobs/${metadata.name}/status`;
  const { status } = await api.request('PATCH', path, done(), MERGE);
  if (status >= 300) throw new Error(`the status of the Job ${metadata.namespace} was refused: ${status}`);
}

const MERGE = { contentType: 'application/merge-patch+json' };

function done(): object {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const condition = (type: string): object => ({
    type,
    status: 'True',
    lastProbeTime: now,
    lastTransitionTime: now,
    reason: 'Benchmark',
  });
  const conditions = [condition('SuccessCriteriaMet'), condition('Complete')];
  return { status: { startTime: now, completionTime: now, succeeded: 1, conditions } };
}
