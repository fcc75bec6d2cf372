// What tests ask the cluster about a pipeline at work.
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { Job } from 'kubernetes-types/batch/v1.js';
import type { Lease } from 'kubernetes-types/coordination/v1.js';
import type { Pod } from 'kubernetes-types/core/v1.js';
import { type Api, waitFor } from '../cluster/api.ts';
import { NAMESPACES } from './pipeline.ts';

const SERVICES = ['minio', 'rabbitmq'] as const;

/** The image builds' Jobs of a commit. */
export async function jobsOf(api: Api, commit: string): Promise<readonly Job[]> {
  const selector = encodeURIComponent(`keelson.dev/commit=${commit},keelson.dev/stage=image-build`);
  return (await api.get<{ items: Job[] }>(`/apis/batch/v1/jobs?labelSelector=${selector}`)).items;
}

/** Waits for the Job of a commit. */
export function jobOf(api: Api, commit: string): Promise<Job> {
  return waitFor(async () => (await jobsOf(api, commit))[0], {
    describe: async () => `no Job for ${commit}`,
  });
}

/** Waits for the end of a commit's Job; one that fails is an error. */
export async function imageBuilt(api: Api, commit: string): Promise<void> {
  await waitFor(
    async () => {
      const [job] = await jobsOf(api, commit);
      const ended = job?.status?.conditions?.find(
        ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
      );
      if (ended?.type === 'Failed') throw new Error(`the image build of ${commit} failed: ${ended.message}`);
      return ended !== undefined;
    },
    { timeout: 240_000 },
  );
}

/** How many pods each service is to have. */
export async function services(api: Api): Promise<readonly number[]> {
  return Promise.all(SERVICES.map(async (name) => (await deployment(api, name)).spec?.replicas ?? 1));
}

/** A Deployment of the pipeline. */
export function deployment(api: Api, name: string): Promise<Deployment> {
  return api.get<Deployment>(`/apis/apps/v1/namespaces/${NAMESPACES.pipeline}/deployments/${name}`);
}

/** Whether Keel is held back from the build. */
export async function isHeld(api: Api): Promise<boolean> {
  return (await deployment(api, 'build')).metadata?.annotations?.['keel.sh/policy'] === 'never';
}

/** The UID of the pod that builds; undefined where none does. */
export async function leaseHolder(api: Api): Promise<string | undefined> {
  const lease = await api.get<Lease>(
    `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACES.pipeline}/leases/build`,
  );
  return lease.spec?.holderIdentity || undefined;
}

/** The pods of the build. */
export async function buildPods(api: Api): Promise<readonly Pod[]> {
  const path = `/api/v1/namespaces/${NAMESPACES.pipeline}/pods?labelSelector=keelson.dev%2Fstage%3Dbuild`;
  return (await api.get<{ items: Pod[] }>(path)).items;
}

/** Waits until nothing of a build is left running. */
export async function atRest(api: Api): Promise<void> {
  await waitFor(
    async () =>
      (await leaseHolder(api)) === undefined &&
      !(await isHeld(api)) &&
      (await services(api)).every((replicas) => replicas === 0),
    {
      timeout: 120_000,
      describe: async () =>
        `lease ${await leaseHolder(api)}, held ${await isHeld(api)}, services ${await services(api)}`,
    },
  );
}

/** Changes an object as a person would. */
export async function patch(api: Api, path: string, change: object): Promise<void> {
  const { status, body } = await api.request('PATCH', path, change, {
    contentType: 'application/strategic-merge-patch+json',
  });
  if (status >= 300) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
}

/** Changes the configuration of the build's gate; pods that are made from now on have it. */
export async function changeGate(api: Api, change: object): Promise<void> {
  const path = `/api/v1/namespaces/${NAMESPACES.pipeline}/configmaps/build-gate`;
  const { data } = await api.get<{ data: Record<string, string> }>(path);
  const configuration = { ...(JSON.parse(data['gate.json'] ?? '{}') as object), ...change };
  await patch(api, path, { data: { 'gate.json': JSON.stringify(configuration) } });
}
