import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { type Api, type Identity, serviceAccount } from '../cluster/api.ts';
import { KEEL_ACCOUNT, NAMESPACES } from './pipeline.ts';

const POLICY = 'keel.sh/policy';

/** Something that polls until it is stopped. */
export interface Polling {
  stop(): Promise<void>;
}

/**
 * Does to a Deployment what Keel does (as 0.22 was seen to), with Keel's rights, for machines without a Keel: a tag
 * with a new digest becomes an annotation of the pod template, by an update of the whole object. A Deployment that is
 * held back is left alone, and the first push of all is the kubelet's to find.
 */
export function startKeelStandIn(
  api: Api,
  namespace: string,
  deployment: string,
  as: Identity = serviceAccount(NAMESPACES.keel, KEEL_ACCOUNT),
): Polling {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`;
  const stop = new AbortController();
  let known: string | undefined;
  const poll = async (): Promise<void> => {
    const { status, body } = await api.request<Deployment>('GET', path, undefined, { as });
    if (status !== 200 || !isWatched(body)) return;
    const digest = await digestOf(body.spec?.template.spec?.containers[0]?.image ?? '');
    known ??= digest;
    if (digest === undefined || digest === (body.metadata?.annotations?.['keel.sh/digest'] ?? known)) return;
    await roll(api, path, body, digest, as);
  };
  const polling = (async () => {
    while (!stop.signal.aborted) {
      // A registry or API server that does not answer is asked again.
      await poll().catch(() => undefined);
      await sleep(2000, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    stop: () => {
      stop.abort();
      return polling;
    },
  };
}

/** Annotations win over labels; a Deployment that says nothing of a policy has none. */
function isWatched({ metadata }: Deployment): boolean {
  const { annotations, labels } = metadata ?? {};
  return (annotations?.[POLICY] ?? labels?.[POLICY] ?? 'never') !== 'never';
}

/** Writes what was read a while ago, over whatever was changed since: Keel does so too. */
async function roll(api: Api, path: string, read: Deployment, digest: string, as: Identity): Promise<void> {
  const { metadata, spec } = read;
  const { template } = spec ?? {};
  const { body: fresh } = await api.request<Deployment>('GET', path, undefined, { as });
  const now = new Date().toISOString();
  const written = {
    ...read,
    metadata: {
      ...metadata,
      resourceVersion: fresh.metadata?.resourceVersion,
      annotations: {
        ...metadata?.annotations,
        'keel.sh/digest': digest,
        'kubernetes.io/change-cause': `keel automated update, to ${digest} [${now}]`,
      },
    },
    spec: {
      ...spec,
      template: {
        ...template,
        metadata: {
          ...template?.metadata,
          annotations: { ...template?.metadata?.annotations, 'keel.sh/update-time': now },
        },
      },
    },
  };
  // Refused where an admission policy protects a build that is held back.
  await api.request('PUT', path, written, { as, query: { fieldManager: 'keel' } });
}

/** The digest that the image's tag has; undefined where there is no such tag. */
async function digestOf(image: string): Promise<string | undefined> {
  const [, host, repository, tag] = /^([^/]+)\/(.+):([^:/]+)$/.exec(image) ?? [];
  const accept = ['oci.image.index.v1', 'oci.image.manifest.v1', 'docker.distribution.manifest.v2']
    .map((type) => `application/vnd.${type}+json`)
    .join();
  const url = `http://${host}/v2/${repository}/manifests/${tag}`;
  const response = await fetch(url, { method: 'HEAD', headers: { accept } });
  return response.headers.get('docker-content-digest') ?? undefined;
}
