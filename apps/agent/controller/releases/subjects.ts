import type { PipelineConfiguration } from '../../../../lib/agent/configuration.ts';
import { OUTPUTS_PORT, type ReleaseConfiguration } from '../../../../lib/agent/release.ts';
import { type BuildRun, type ReleasedCommit, STATUS_KEY } from '../../../../lib/agent/status.ts';
import { AGENT_API_VERSION } from '../../../../lib/agent/version.ts';
import { hasStatus } from '../../kubernetes/errors.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import { changeBuildRecord, readBuildRecord } from '../../status/build-status.ts';
import type { ControllerContext } from '../context.ts';
import { listenerNamespaces } from '../hand-over/listener-namespaces.ts';
import type { ImageBuild, Ledger } from '../ledger.ts';
import type { Subject } from './subject.ts';

const MAX_COMMITS = 20;
const MAX_TRIES = 20;

/** Runs of a build that have passed not longer ago than its releases may take. */
export async function passedRuns(
  context: ControllerContext,
  namespace: string,
  build: PipelineConfiguration['builds'][number],
  releases: readonly ReleaseConfiguration[],
): Promise<readonly Subject[]> {
  const { client } = context;
  const { statusConfigMap } = build;
  const status = { namespace, name: statusConfigMap };
  const { runs, images } = await readBuildRecord(client, status);
  const isPassed = ({ phase, finishedAt = '' }: BuildRun): boolean =>
    phase === 'Succeeded' && isRecent(finishedAt, releases);
  const passed = runs.filter(isPassed);
  if (passed.length === 0) return [];
  // What has run in a listener's namespace has its outputs there.
  const places = [namespace, ...(await listenerNamespaces(context, namespace, build))];
  const addresses = await podAddresses(context, places, build.deployment);
  return passed
    .filter(({ commit, digest }) => commit !== undefined || images.some((known) => known.digest === digest))
    .map(({ id, commit, branch = '', digest, finishedAt = '', releases }) => ({
      commit,
      branch,
      digest,
      since: finishedAt,
      outputs: addresses.has(id) ? `http://${addresses.get(id)}:${OUTPUTS_PORT}/${id}.tar` : '',
      releases,
      write: async (releases) => {
        await changeBuildRecord(client, status, (record) => ({
          ...record,
          runs: record.runs.map((run) => (run.id === id ? { ...run, releases } : run)),
        }));
      },
    }));
}

/** Images that were pushed not longer ago than their release may take. */
export async function pushedImages(
  context: ControllerContext,
  namespace: string,
  release: ReleaseConfiguration & { readonly after: { readonly image: string } },
  { builds }: Ledger,
): Promise<readonly Subject[]> {
  const isPushed = (
    build: ImageBuild,
  ): build is ImageBuild & { readonly digest: string; readonly finishedAt: string } =>
    build.image === release.after.image &&
    build.release === undefined &&
    build.phase === 'Succeeded' &&
    build.digest !== undefined &&
    isRecent(build.finishedAt ?? '', [release]);
  const pushed = builds.filter(isPushed);
  if (pushed.length === 0 || release.statusConfigMap === undefined) return [];
  const status = { namespace, name: release.statusConfigMap };
  const commits = (await readReleases(context, status)).commits;
  return pushed.map(({ commit, branch, digest, finishedAt }) => ({
    commit,
    branch,
    digest,
    since: finishedAt,
    outputs: '',
    releases: commits.find((known) => known.commit === commit && known.digest === digest)?.releases,
    write: (releases) =>
      writeReleases(context, status, { commit, branch, digest, startedAt: finishedAt, releases }),
  }));
}

function isRecent(finishedAt: string, releases: readonly ReleaseConfiguration[]): boolean {
  const longest = Math.max(0, ...releases.map(({ timeoutSeconds }) => timeoutSeconds));
  // Twice as long, so that what runs out of time is seen to.
  return Date.now() - Date.parse(finishedAt) < longest * 2000;
}

interface Pod extends KubernetesObject {
  readonly status?: { readonly podIP?: string };
}

async function podAddresses(
  { client }: ControllerContext,
  namespaces: readonly string[],
  build: string,
): Promise<ReadonlyMap<string, string>> {
  const labelSelector = `app.kubernetes.io/name=${build},keelson.dev/stage=build`;
  const pods = await Promise.all(
    namespaces.map((namespace) =>
      client.list<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace, labelSelector }),
    ),
  );
  return new Map(
    pods
      .flatMap(({ items }) => items)
      .flatMap(({ metadata, status }) => {
        const { podIP } = status ?? {};
        if (metadata.uid === undefined || podIP === undefined) return [];
        return [[metadata.uid, podIP.includes(':') ? `[${podIP}]` : podIP] as const];
      }),
  );
}

interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

async function readReleases(
  { client }: ControllerContext,
  reference: { readonly namespace: string; readonly name: string },
): Promise<{ readonly commits: readonly ReleasedCommit[]; readonly resourceVersion: string | undefined }> {
  const found = await client.get<ConfigMap>({ apiVersion: 'v1', kind: 'ConfigMap', ...reference });
  const { resourceVersion } = found?.metadata ?? {};
  try {
    const { commits = [] } = JSON.parse(found?.data?.[STATUS_KEY] ?? '{}') as {
      commits?: readonly ReleasedCommit[];
    };
    return { commits, resourceVersion };
  } catch {
    return { commits: [], resourceVersion };
  }
}

async function writeReleases(
  context: ControllerContext,
  reference: { readonly namespace: string; readonly name: string },
  released: ReleasedCommit,
): Promise<void> {
  const ended = released.releases.every(({ phase }) => phase !== 'Running');
  const written = ended ? { ...released, finishedAt: new Date().toISOString() } : released;
  for (let tries = 1; ; tries++) {
    const { commits, resourceVersion } = await readReleases(context, reference);
    const isSame = ({ commit, digest }: ReleasedCommit): boolean =>
      commit === written.commit && digest === written.digest;
    const others = commits.some(isSame)
      ? commits.map((known) => (isSame(known) ? written : known))
      : [written, ...commits].slice(0, MAX_COMMITS);
    const status = { apiVersion: AGENT_API_VERSION, kind: 'ReleaseStatus', commits: others };
    try {
      await context.client.patch(
        { apiVersion: 'v1', kind: 'ConfigMap', ...reference },
        { metadata: { resourceVersion }, data: { [STATUS_KEY]: `${JSON.stringify(status, null, 2)}\n` } },
      );
      return;
    } catch (error) {
      if (!hasStatus(error, 409) || tries === MAX_TRIES) throw error;
    }
  }
}
