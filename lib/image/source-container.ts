import type {
  Container,
  EnvVar,
  PersistentVolume,
  PersistentVolumeClaim,
  Volume,
} from 'kubernetes-types/core/v1.d.ts';
import type { GitCredentialConfiguration } from '../agent/configuration.ts';
import { placeholder } from '../agent/job-template.ts';
import { restrictedContainer } from '../kubernetes/pod-security.ts';
import { scratchVolume } from '../kubernetes/workload.ts';
import type { GitSource } from '../source/git-source.ts';
import type { ImageName } from './image-name.ts';

/** Where the source of the commit lies, in every builder's container. */
export const CONTEXT_MOUNT = '/keelson/context';

/** Where the directory on the node lies that is copied into the context. */
const LOCAL_MOUNT = '/keelson/local';
const LOCAL_CLAIM = 'source';

const CREDENTIAL_MOUNT = '/keelson/credential';
const UID = 65532;

/** The volumes of {@link sourceContainer}. */
export function sourceVolumes(
  source: GitSource,
  credential: GitCredentialConfiguration | undefined,
): Volume[] {
  const volumes: Volume[] = [{ name: 'context', emptyDir: {} }, scratchVolume('source-tmp', '1Gi')];
  if (isOnNode(source)) {
    return [...volumes, { name: 'local', persistentVolumeClaim: { claimName: LOCAL_CLAIM, readOnly: true } }];
  }
  if (credential === undefined) return volumes;
  const { secretName, key } = credential.kind === 'token' ? credential.token : credential.privateKey;
  return [
    ...volumes,
    {
      name: 'credential',
      secret: { secretName, items: [{ key, path: credential.kind }], defaultMode: 0o444 },
    },
  ];
}

function isOnNode(source: GitSource): boolean {
  return source.local?.nodeName !== undefined;
}

/**
 * The volume of a directory on a node, and its claim. Pod Security refuses a pod's hostPath, but a
 * `local` PersistentVolume is the cluster administrator's word.
 *
 * @see https://kubernetes.io/docs/concepts/storage/volumes/#local
 */
export function sourceObjects(
  namespace: string,
  { local }: GitSource,
): (PersistentVolume | PersistentVolumeClaim)[] {
  if (local?.nodeName === undefined) return [];
  const name = `keelson-${placeholder('id')}`;
  const size = { storage: '1Gi' };
  const affinity = { key: 'kubernetes.io/hostname', operator: 'In', values: [local.nodeName] };
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        capacity: size,
        accessModes: ['ReadOnlyMany'],
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName: '',
        local: { path: local.path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [affinity] }] } },
        claimRef: { namespace, name: LOCAL_CLAIM },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: LOCAL_CLAIM, namespace },
      spec: {
        accessModes: ['ReadOnlyMany'],
        storageClassName: '',
        volumeName: name,
        resources: { requests: size },
      },
    },
  ];
}

/**
 * The init container that fetches one commit. It is the only one that sees the repository's credential,
 * and it leaves none in .git/config. It runs no program of the repository: no hooks, no filters.
 */
export function sourceContainer(
  agentImage: ImageName,
  source: GitSource,
  credential: GitCredentialConfiguration | undefined,
): Container {
  return {
    name: 'source',
    image: agentImage.toString(),
    imagePullPolicy: 'IfNotPresent',
    args: ['source', `--directory=${CONTEXT_MOUNT}`, ...localArguments(source)],
    // The stream comes through the API, as with kubectl attach.
    ...(source.local !== undefined && !isOnNode(source) && { stdin: true, stdinOnce: true }),
    env: environment(source, credential),
    securityContext: { ...restrictedContainer(), runAsUser: UID, runAsGroup: UID },
    resources: {
      requests: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '64Mi' },
      limits: { cpu: '1', memory: '512Mi', 'ephemeral-storage': '10Gi' },
    },
    volumeMounts: [
      { name: 'context', mountPath: CONTEXT_MOUNT },
      { name: 'source-tmp', mountPath: '/tmp' },
      ...(isOnNode(source) ? [{ name: 'local', mountPath: LOCAL_MOUNT, readOnly: true }] : []),
      ...(credential === undefined
        ? []
        : [{ name: 'credential', mountPath: CREDENTIAL_MOUNT, readOnly: true }]),
    ],
  };
}

/** A directory is copied from the node, or received as a tar archive on standard input. */
function localArguments(source: GitSource): string[] {
  if (source.local === undefined) return [];
  return [isOnNode(source) ? `--copy=${LOCAL_MOUNT}` : '--receive'];
}

/** The commit reaches the program as variables: never as part of a command line that a shell would read. */
function environment(source: GitSource, credential: GitCredentialConfiguration | undefined): EnvVar[] {
  return [
    { name: 'KEELSON_GIT_URL', value: placeholder('url') },
    { name: 'KEELSON_GIT_BRANCH', value: placeholder('branch') },
    { name: 'KEELSON_GIT_COMMIT', value: placeholder('commit') },
    { name: 'KEELSON_GIT_SUBMODULES', value: String(source.submodules) },
    { name: 'KEELSON_GIT_LFS', value: String(source.lfs) },
    ...credentialEnvironment(credential),
    { name: 'HOME', value: '/tmp' },
  ];
}

function credentialEnvironment(credential: GitCredentialConfiguration | undefined): EnvVar[] {
  if (credential === undefined) return [];
  const file = `${CREDENTIAL_MOUNT}/${credential.kind}`;
  return credential.kind === 'token'
    ? [
        { name: 'KEELSON_GIT_USERNAME', value: credential.username },
        { name: 'KEELSON_GIT_TOKEN_FILE', value: file },
      ]
    : [
        { name: 'KEELSON_GIT_SSH_KEY_FILE', value: file },
        { name: 'KEELSON_GIT_KNOWN_HOSTS', value: credential.knownHosts },
      ];
}
