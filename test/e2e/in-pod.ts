import type { Pod } from 'kubernetes-types/core/v1.js';
import { type Api, waitFor } from '../cluster/api.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { testApi } from '../cluster/provided.ts';
import { podLogs } from './harness.ts';

/** What is run in a pod. */
export interface PodCommand {
  /** A namespace of the level `restricted`. */
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
}

/** What a command prints in a pod of the given image; one that fails is an error. */
export async function inPod(api: Api, { namespace, name, image, command }: PodCommand): Promise<string> {
  await api.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      restartPolicy: 'Never',
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name,
          image,
          command,
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  });
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const ended = await waitFor(
    async () => (await api.get<Pod>(path)).status?.containerStatuses?.[0]?.state?.terminated,
    { timeout: 60_000, describe: () => podLogs(api, [namespace]) },
  );
  const log = await kubectl(testApi().kubeconfig, '-n', namespace, 'logs', name);
  if (ended.exitCode !== 0) throw new Error(`the pod ${name} ended with ${ended.exitCode}: ${log}`);
  return log.trim();
}
