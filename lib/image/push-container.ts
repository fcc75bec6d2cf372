import type { Container, Volume, VolumeMount } from 'kubernetes-types/core/v1.d.ts';
import { restrictedContainer } from '../kubernetes/pod-security.ts';
import type { SecretReference } from '../kubernetes/secret-source.ts';
import { scratchVolume } from '../kubernetes/workload.ts';
import type { ImageTarget } from '../registry/registry.ts';
import type { ImageName } from './image-name.ts';

/** Skopeo's image, where a program names none. */
export const SKOPEO_IMAGE = 'quay.io/skopeo/stable:v1.20.0';

/** The volume, and the directory, in which a build leaves its archive. */
export const ARCHIVE_VOLUME = 'archive';
const ARCHIVE_MOUNT = '/keelson/archive';
/** The archive, in docker's format. */
export const ARCHIVE: string = `${ARCHIVE_MOUNT}/image.tar`;

const CREDENTIAL_MOUNT = '/keelson/push';
const CA_MOUNT = '/keelson/certs';
const UID = 65532;

/** Each name comes as an argument: no shell reads any as a part of its program. */
const SCRIPT = 'from=$1; shift; for name; do skopeo copy $OPTIONS "$from" "docker://$name"; done';

export interface PushOptions {
  readonly skopeo: ImageName;
  readonly target: ImageTarget;
  readonly names: readonly ImageName[];
  /** A Docker configuration with the account that may push. */
  readonly credential: SecretReference | undefined;
}

/** The mount by which the container that builds leaves its archive. */
export const archiveMount: VolumeMount = { name: ARCHIVE_VOLUME, mountPath: ARCHIVE_MOUNT };

/**
 * Pushes the archive that a build left, under each of its names. It runs nothing of the repository, so it
 * may hold the credential that the build must not see.
 *
 * @see https://github.com/containers/skopeo/blob/main/docs/skopeo-copy.1.md
 */
export function pushContainer({ skopeo, target, names, credential }: PushOptions): Container {
  const { insecure, certificateAuthority } = target.registry;
  const options = [
    ...(insecure ? ['--dest-tls-verify=false'] : []),
    ...(certificateAuthority === undefined ? [] : [`--dest-cert-dir=${CA_MOUNT}`]),
    ...(credential === undefined ? [] : [`--dest-authfile=${CREDENTIAL_MOUNT}/config.json`]),
  ];
  return {
    name: 'push',
    image: skopeo.toString(),
    imagePullPolicy: 'IfNotPresent',
    command: ['/bin/sh', '-euc', SCRIPT, 'push'],
    args: [`docker-archive:${ARCHIVE}`, ...names.map(String)],
    env: [
      { name: 'OPTIONS', value: options.join(' ') },
      { name: 'HOME', value: '/tmp' },
      { name: 'TMPDIR', value: '/tmp' },
    ],
    securityContext: { ...restrictedContainer(), runAsUser: UID, runAsGroup: UID },
    resources: {
      requests: { cpu: '100m', memory: '128Mi', 'ephemeral-storage': '1Gi' },
      limits: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '30Gi' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { ...archiveMount, readOnly: true },
      { name: 'push-tmp', mountPath: '/tmp' },
      ...(credential === undefined
        ? []
        : [{ name: 'push-credential', mountPath: CREDENTIAL_MOUNT, readOnly: true }]),
      ...(certificateAuthority === undefined
        ? []
        : [{ name: 'push-ca', mountPath: CA_MOUNT, readOnly: true }]),
    ],
  };
}

/** The volumes of {@link pushContainer}, and that of the archive. */
export function pushVolumes({ target, credential }: PushOptions): Volume[] {
  return [
    { name: ARCHIVE_VOLUME, emptyDir: {} },
    scratchVolume('push-tmp', '30Gi'),
    ...(credential === undefined ? [] : [dockerConfigVolume('push-credential', credential)]),
    ...(target.registry.certificateAuthority === undefined
      ? []
      : [{ name: 'push-ca', configMap: { name: REGISTRY_CA } }]),
  ];
}

/** The ConfigMap with the certificate authority of the target's registry, in the namespace of a build. */
export const REGISTRY_CA = 'registry-ca';

/** A Docker configuration as the file `config.json`. */
export function dockerConfigVolume(name: string, { secretName, key }: SecretReference): Volume {
  return { name, secret: { secretName, items: [{ key, path: 'config.json' }], defaultMode: 0o444 } };
}
