import type { TestProject } from 'vitest/node';
import { Api } from './api.ts';
import { type Cluster, startApi, startCluster } from './cluster.ts';
import type { WantedImage } from './images.ts';
import { Missing } from './missing.ts';
import type { Provided } from './provided.ts';

/**
 * Starts the cluster before all test files, or takes the one that the environment names. The images are made here:
 * on a new machine that takes longer than a test's hook may.
 */
export async function provideCluster(
  project: TestProject,
  images: readonly WantedImage[],
): Promise<(() => Promise<void>) | undefined> {
  const kubeconfig = process.env['KEELSON_TEST_KUBECONFIG'] || process.env['KUBECONFIG'];
  if (kubeconfig) {
    console.log(`cluster tests: the API server of ${kubeconfig}, no node`);
    const missing = 'a node of our own, because a kubeconfig is given: unset KUBECONFIG to start one';
    project.provide('cluster', { api: { kubeconfig, version: await versionOf(kubeconfig) }, missing });
    return undefined;
  }
  const { cluster, missing } = await start(images);
  if (missing !== undefined) console.warn(`cluster tests: some are skipped; missing: ${missing}`);
  const provided: Provided = {
    ...(cluster ? { api: await describeApi(cluster) } : {}),
    ...(cluster?.node ? { node: cluster.node } : {}),
    ...(missing === undefined ? {} : { missing }),
  };
  project.provide('cluster', provided);
  return () => cluster?.stop() ?? Promise.resolve();
}

/** As much of a cluster as this machine can have: with a node, or only its API, or none. */
async function start(images: readonly WantedImage[]): Promise<{ cluster?: Cluster; missing?: string }> {
  const reasons: string[] = [];
  for (const launch of [() => startCluster(images), () => startApi()]) {
    try {
      const cluster = await launch();
      return reasons.length > 0 ? { cluster, missing: reasons.join('; ') } : { cluster };
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      if (!reasons.includes(error.message)) reasons.push(error.message);
    }
  }
  return { missing: reasons.join('; ') };
}

async function describeApi({ controlPlane }: Cluster): Promise<NonNullable<Provided['api']>> {
  const { kubeconfig, auditLog } = controlPlane;
  return { kubeconfig, auditLog, version: await versionOf(kubeconfig) };
}

async function versionOf(kubeconfig: string): Promise<string> {
  const api = await Api.connect(kubeconfig);
  return (await api.get<{ gitVersion: string }>('/version')).gitVersion;
}
