import type { ConfigMap, Container, Volume, VolumeMount } from 'kubernetes-types/core/v1.d.ts';
import { SKIPPED_EXIT_CODE } from '../agent/release.ts';
import { restrictedContainer } from '../kubernetes/pod-security.ts';
import type { SecretReference } from '../kubernetes/secret-source.ts';
import { scratchVolume } from '../kubernetes/workload.ts';
import type { Registry } from '../registry/registry.ts';
import type { ImageName } from './image-name.ts';

/** Skopeo's image, where a program names none. */
export const SKOPEO_IMAGE = 'quay.io/skopeo/stable:v1.20.0';

/** The volume, and the directory, in which a build leaves its archive. */
const ARCHIVE_VOLUME = 'archive';
const ARCHIVE_MOUNT = '/keelson/archive';
/** The archive, in docker's format. It may be compressed with gzip. */
export const ARCHIVE: string = `${ARCHIVE_MOUNT}/image.tar`;

/** The mount by which the container that builds leaves its archive. */
export const archiveMount: VolumeMount = { name: ARCHIVE_VOLUME, mountPath: ARCHIVE_MOUNT };

/** The ConfigMap with the certificate authorities of the registries, in the namespace of a build. */
export const REGISTRY_CA = 'registry-ca';
const SOURCE_REGISTRY_CA = 'source-registry-ca';

const UID = 65532;

/** A registry, and as whom it is reached. */
export interface RegistryEnd {
  readonly registry: Pick<Registry, 'insecure' | 'certificateAuthority'>;
  /** A Docker configuration; undefined where no account is asked for. */
  readonly credential: SecretReference | undefined;
}

/** What is pushed: the archive that a build left, or an image by its digest, under which it arrives as well. */
export type PushSource = 'archive' | (RegistryEnd & { readonly image: ImageName });

export interface PushOptions {
  readonly skopeo: ImageName;
  readonly from: PushSource;
  /** The names under which it is pushed, in that order. */
  readonly to: RegistryEnd & { readonly names: readonly ImageName[] };
  /** What the names of its ConfigMaps start with, where several pushes share a namespace. */
  readonly prefix?: string;
}

/** Each name comes as an argument: no shell reads any as a part of its program. */
const COPY =
  'for file in $ACCOUNTS; do [ -e "$file" ] || { echo "no account: $file is missing"; exit ' +
  `${SKIPPED_EXIT_CODE}; }; done; ` +
  'from=$1; shift; for name; do skopeo --tmpdir=/tmp copy --retry-times=3 $OPTIONS "$from" "docker://$name"; done';

/** Makisu's archive is compressed, and not every skopeo reads such a one. */
const UNPACK =
  'archive=$1; shift; if [ "$(head -c 2 "$archive")" = "$(printf "\\037\\213")" ]; then ' +
  'gzip -dc "$archive" >/tmp/image.tar; archive=/tmp/image.tar; fi; set -- "docker-archive:$archive" "$@"; ';

/**
 * Pushes an image under each of its names with skopeo. It runs nothing of the repository, so it may hold the
 * credential that a build must not see. Its image has to have a shell, `head` and `gzip`.
 *
 * @see https://github.com/containers/skopeo/blob/main/docs/skopeo-copy.1.md
 */
export function pushContainer({ skopeo, from, to }: PushOptions): Container {
  const archive = from === 'archive';
  const ends = archive ? [end('dest', to)] : [end('src', from), end('dest', to)];
  const accounts = ends.flatMap(({ account }) => account ?? []);
  const options = [
    // All architectures, with what attests them: only then is it the image that the digest names.
    ...(archive ? [] : ['--all', '--preserve-digests']),
    ...ends.flatMap((one) => one.options),
  ];
  return {
    name: 'push',
    image: skopeo.toString(),
    imagePullPolicy: 'IfNotPresent',
    command: ['/bin/sh', '-euc', archive ? UNPACK + COPY : COPY, 'push'],
    args: [archive ? ARCHIVE : `docker://${from.image}`, ...to.names.map(String)],
    env: [
      { name: 'OPTIONS', value: options.join(' ') },
      // Without one of these there is nothing to be done.
      { name: 'ACCOUNTS', value: accounts.join(' ') },
      { name: 'HOME', value: '/tmp' },
    ],
    securityContext: { ...restrictedContainer(), runAsUser: UID, runAsGroup: UID },
    resources: {
      requests: { cpu: '100m', memory: '128Mi', 'ephemeral-storage': '1Gi' },
      limits: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '30Gi' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      ...(archive ? [{ ...archiveMount, readOnly: true }] : []),
      { name: 'push-tmp', mountPath: '/tmp' },
      ...ends.flatMap(({ mounts }) => mounts),
    ],
  };
}

/** The volumes of {@link pushContainer}, and that of the archive. */
export function pushVolumes({ from, to, prefix }: PushOptions): Volume[] {
  return [
    ...(from === 'archive' ? [{ name: ARCHIVE_VOLUME, emptyDir: {} }] : end('src', from, prefix).volumes),
    scratchVolume('push-tmp', '30Gi'),
    ...end('dest', to, prefix).volumes,
  ];
}

/** The certificate authorities by which the registries are known. They are public. */
export function pushConfigMaps(
  { from, to, prefix = '' }: Pick<PushOptions, 'from' | 'to' | 'prefix'>,
  namespace: string,
): ConfigMap[] {
  return [
    ...(from === 'archive' ? [] : authority(`${prefix}${SOURCE_REGISTRY_CA}`, namespace, from.registry)),
    ...authority(`${prefix}${REGISTRY_CA}`, namespace, to.registry),
  ];
}

/** The ConfigMap of a registry's certificate authority; none where a public one signed its certificate. */
function authority(
  name: string,
  namespace: string,
  { certificateAuthority }: RegistryEnd['registry'],
): ConfigMap[] {
  if (certificateAuthority === undefined) return [];
  const metadata = { name, namespace };
  return [{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': certificateAuthority } }];
}

interface End {
  /** The file with the account, where one is asked for. */
  readonly account: string | undefined;
  readonly options: readonly string[];
  readonly mounts: readonly VolumeMount[];
  readonly volumes: readonly Volume[];
}

/** Skopeo's options for one side of a copy, with the files that they name. */
function end(side: 'src' | 'dest', { registry, credential }: RegistryEnd, names = ''): End {
  const { insecure, certificateAuthority } = registry;
  const prefix = side === 'src' ? 'pull' : 'push';
  const credentials = `/keelson/${prefix}`;
  const certificates = `/keelson/${prefix}-certs`;
  const configMap = { name: `${names}${side === 'src' ? SOURCE_REGISTRY_CA : REGISTRY_CA}` };
  const hasAuthority = certificateAuthority !== undefined;
  const hasCredential = credential !== undefined;
  return {
    account: hasCredential ? `${credentials}/config.json` : undefined,
    options: [
      ...(insecure ? [`--${side}-tls-verify=false`] : []),
      ...(hasAuthority ? [`--${side}-cert-dir=${certificates}`] : []),
      ...(hasCredential ? [`--${side}-authfile=${credentials}/config.json`] : []),
    ],
    mounts: [
      ...(hasCredential ? [{ name: `${prefix}-credential`, mountPath: credentials, readOnly: true }] : []),
      ...(hasAuthority ? [{ name: `${prefix}-ca`, mountPath: certificates, readOnly: true }] : []),
    ],
    volumes: [
      ...(hasCredential ? [dockerConfigVolume(`${prefix}-credential`, credential)] : []),
      ...(hasAuthority ? [{ name: `${prefix}-ca`, configMap }] : []),
    ],
  };
}

/** A Docker configuration as the file `config.json`. */
export function dockerConfigVolume(name: string, { secretName, key, optional }: SecretReference): Volume {
  const items = [{ key, path: 'config.json' }];
  return { name, secret: { secretName, items, defaultMode: 0o444, ...(optional && { optional }) } };
}
