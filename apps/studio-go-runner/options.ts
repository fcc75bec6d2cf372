import type { SecretSource } from 'keelson';

/** What differs between the clusters and branches on which studio-go-runner is built. */
export interface StudioGoRunnerOptions {
  /** The address of the node whose registry holds the images. */
  readonly registryAddress: string;
  /** The port of that registry. */
  readonly registryPort: number;
  /** The image of the build; unset where it is built from the branch. */
  readonly image?: string;
  /** Whether a Secret docker-registry-config with a registry.yaml exists, for a private base image. */
  readonly registryCredentials: boolean;
  /** The namespace in which the build runs. */
  readonly namespace: string;
  readonly branch: string;
  /** The version; unset where README.md says it. */
  readonly version?: string;
  /** GPUs of a build; none where 0. */
  readonly gpus: number;
  /** The agent's image, where it is one of your own. */
  readonly agentImage?: string;
  /** The repository. */
  readonly repository: string;
  /** A token that may release on GitHub, where it does not come from a Secret that somebody has made. */
  readonly releaseToken?: SecretSource;
}

/** The address of studio-go-runner's own registry. */
export const REGISTRY_ADDRESS = '172.31.39.52';
/** The port of MicroK8s' registry. */
export const REGISTRY_PORT = 32000;
/** The namespace of the build. */
export const NAMESPACE = 'ci-go-runner';
/** The branch that is built. */
export const BRANCH = 'main';
/** studio-go-runner. */
export const REPOSITORY = 'https://github.com/leaf-ai/studio-go-runner.git';

/** The environment variables that the templates took their values from. */
export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads the options from the variables that the templates were rendered with, with the same defaults.
 * `$Registry` and `$GITHUB_TOKEN` hold credentials: that they are set is all that is taken from them.
 */
export function optionsFromEnvironment(env: Variables): StudioGoRunnerOptions {
  const { RegistryIP, RegistryPort, Image, Registry, K8S_NAMESPACE, USER, GIT_BRANCH, SEM_VER, AgentImage } =
    env;
  return {
    registryAddress: RegistryIP || REGISTRY_ADDRESS,
    registryPort: RegistryPort ? Number(RegistryPort) : REGISTRY_PORT,
    ...(Image && { image: Image }),
    registryCredentials: Boolean(Registry),
    namespace: K8S_NAMESPACE || (USER && env['PER_USER'] ? `${NAMESPACE}-${USER}` : NAMESPACE),
    branch: GIT_BRANCH || BRANCH,
    ...(SEM_VER && { version: SEM_VER }),
    gpus: env['NVIDIA_VISIBLE_DEVICES'] ? 2 : 0,
    ...(AgentImage && { agentImage: AgentImage }),
    repository: REPOSITORY,
  };
}
