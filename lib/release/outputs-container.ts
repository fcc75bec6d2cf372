import type { Container } from 'kubernetes-types/core/v1.d.ts';
import { placeholder } from '../agent/job-template.ts';
import { ReleaseVariables } from '../agent/release.ts';
import type { ImageName } from '../image/image-name.ts';
import { restrictedContainer } from '../kubernetes/pod-security.ts';

const UID = 65532;

/**
 * The init container that fetches what the tested run left: its log and its assets. It holds no credential,
 * so that a hostile archive meets nothing worth having.
 *
 * @param directory where it puts `build.log` and the folder `assets`, in a volume of the given name
 * @param options `--assets`: only the assets, straight into the directory
 */
export function outputsContainer(
  agentImage: ImageName,
  volume: string,
  directory: string,
  ...options: readonly '--assets'[]
): Container {
  return {
    name: 'outputs',
    image: agentImage.toString(),
    imagePullPolicy: 'IfNotPresent',
    args: ['outputs', `--directory=${directory}`, ...options],
    env: [{ name: ReleaseVariables.OUTPUTS_URL, value: placeholder('outputs') }],
    securityContext: { ...restrictedContainer(), runAsUser: UID, runAsGroup: UID },
    resources: {
      requests: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '64Mi' },
      limits: { cpu: '1', memory: '256Mi', 'ephemeral-storage': '10Gi' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [{ name: volume, mountPath: directory }],
  };
}
