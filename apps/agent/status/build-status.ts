import { type BuildRun, STATUS_KEY } from '../../../lib/agent/status.ts';
import { AGENT_API_VERSION } from '../../../lib/agent/version.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import { hasStatus, KubernetesError } from '../kubernetes/errors.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { formatImages, IMAGES_KEY, type KnownImage, parseImages } from './known-images.ts';

/** What a build's status ConfigMap holds. */
export interface BuildRecord {
  /** The runs, newest first. */
  readonly runs: readonly BuildRun[];
  /** What is known of images, newest first. */
  readonly images: readonly KnownImage[];
}

/** Where it is. */
export interface StatusReference {
  readonly namespace: string;
  readonly name: string;
}

interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

const MAX_TRIES = 20;

/** The status of a build; nothing is known of one whose ConfigMap is empty. */
export async function readBuildRecord(client: Kubernetes, reference: StatusReference): Promise<BuildRecord> {
  return recordOf(await read(client, reference));
}

/**
 * Changes the status. Gate and controller both write it: where the other has written meanwhile, the change is made anew
 * of what is there. A change that is none is not written.
 */
export async function changeBuildRecord(
  client: Kubernetes,
  reference: StatusReference,
  change: (record: BuildRecord) => BuildRecord,
): Promise<BuildRecord> {
  for (let tries = 1; ; tries++) {
    const found = await read(client, reference);
    const before = recordOf(found);
    const after = change(before);
    const data = {
      ...(after.runs !== before.runs && { [STATUS_KEY]: formatRuns(after.runs) }),
      ...(after.images !== before.images && { [IMAGES_KEY]: formatImages(after.images) }),
    };
    if (Object.keys(data).length === 0) return before;
    const { resourceVersion } = found.metadata;
    try {
      const { apiVersion, kind } = found;
      await client.patch({ apiVersion, kind, ...reference }, { metadata: { resourceVersion }, data });
      return after;
    } catch (error) {
      if (!hasStatus(error, 409) || tries === MAX_TRIES) throw error;
    }
  }
}

/**
 * The runs with this one, in the place of its earlier state or as the newest. Of those beyond the limit the skipped ones
 * go first: a pod that is made again and again for what was built before must not make it forgotten.
 */
export function withRun(runs: readonly BuildRun[], run: BuildRun, limit: number): readonly BuildRun[] {
  const known = runs.some(({ id }) => id === run.id);
  const all = known ? runs.map((other) => (other.id === run.id ? run : other)) : [run, ...runs];
  while (all.length > limit) {
    const skipped = all.findLastIndex(({ id, phase }) => phase === 'Skipped' && id !== run.id);
    all.splice(skipped, 1);
  }
  return all;
}

async function read(client: Kubernetes, { namespace, name }: StatusReference): Promise<ConfigMap> {
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name };
  const found = await client.get<ConfigMap>(reference);
  if (found !== undefined) return found;
  const message = 'is missing: apply the manifests of the pipeline again';
  throw new KubernetesError(`the ConfigMap ${namespace}/${name}`, { status: 404, body: { message } });
}

/** What an older agent wrote, or a person, may not be what is expected: then nothing is known. */
function recordOf({ data = {} }: ConfigMap): BuildRecord {
  return { runs: parseRuns(data[STATUS_KEY]), images: parseImages(data[IMAGES_KEY]) };
}

function parseRuns(text: string | undefined): readonly BuildRun[] {
  try {
    const { apiVersion, runs } = JSON.parse(text ?? '{}') as {
      apiVersion?: string;
      runs?: readonly BuildRun[];
    };
    if (apiVersion !== AGENT_API_VERSION || !Array.isArray(runs)) return [];
    return (runs as readonly (BuildRun | null)[]).filter(
      (run): run is BuildRun => typeof run?.id === 'string' && typeof run.phase === 'string',
    );
  } catch {
    return [];
  }
}

function formatRuns(runs: readonly BuildRun[]): string {
  return `${JSON.stringify({ apiVersion: AGENT_API_VERSION, kind: 'BuildStatus', runs }, null, 2)}\n`;
}
