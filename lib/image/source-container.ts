import type { Container, EnvVar, Volume } from 'kubernetes-types/core/v1.d.ts';
import type { GitCredentialConfiguration } from '../agent/configuration.ts';
import { placeholder } from '../agent/job-template.ts';
import { restrictedContainer } from '../kubernetes/pod-security.ts';
import { scratchVolume } from '../kubernetes/workload.ts';
import type { GitSource } from '../source/git-source.ts';
import type { ImageName } from './image-name.ts';

/** Where the source of the commit lies, in every builder's container. */
export const CONTEXT_MOUNT = '/keelson/context';

const CREDENTIAL_MOUNT = '/keelson/credential';
const UID = 65532;

/** The volumes of {@link sourceContainer}. */
export function sourceVolumes(credential: GitCredentialConfiguration | undefined): Volume[] {
  const volumes: Volume[] = [{ name: 'context', emptyDir: {} }, scratchVolume('source-tmp', '1Gi')];
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
    args: ['source', `--directory=${CONTEXT_MOUNT}`],
    env: environment(source, credential),
    securityContext: { ...restrictedContainer(), runAsUser: UID, runAsGroup: UID },
    resources: {
      requests: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '64Mi' },
      limits: { cpu: '1', memory: '512Mi', 'ephemeral-storage': '10Gi' },
    },
    volumeMounts: [
      { name: 'context', mountPath: CONTEXT_MOUNT },
      { name: 'source-tmp', mountPath: '/tmp' },
      ...(credential === undefined
        ? []
        : [{ name: 'credential', mountPath: CREDENTIAL_MOUNT, readOnly: true }]),
    ],
  };
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
