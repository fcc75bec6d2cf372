import type { TestProject } from 'vitest/node';
import { Api } from '../cluster/api.ts';
import { startApi } from '../cluster/cluster.ts';
import { Missing } from '../cluster/missing.ts';
import type {} from '../cluster/provided.ts';

/** Starts a real API server with etcd, and nothing that acts on its objects; or takes the one that the environment names. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env['KEELSON_TEST_KUBECONFIG'];
  if (given) {
    project.provide('cluster', { api: { kubeconfig: given, version: await versionOf(given) } });
    return undefined;
  }
  try {
    const cluster = await startApi();
    const { kubeconfig } = cluster.controlPlane;
    project.provide('cluster', { api: { kubeconfig, version: await versionOf(kubeconfig) } });
    return () => cluster.stop();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.warn(`fault tests are skipped; missing: ${error.message}`);
    project.provide('cluster', { missing: error.message });
    return undefined;
  }
}

async function versionOf(kubeconfig: string): Promise<string> {
  const api = await Api.connect(kubeconfig);
  return (await api.get<{ gitVersion: string }>('/version')).gitVersion;
}
