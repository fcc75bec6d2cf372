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
}

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
    registryAddress: RegistryIP || '172.31.39.52',
    registryPort: RegistryPort ? Number(RegistryPort) : 32000,
    ...(Image && { image: Image }),
    registryCredentials: Boolean(Registry),
    namespace: K8S_NAMESPACE || (USER && env['PER_USER'] ? `ci-go-runner-${USER}` : 'ci-go-runner'),
    branch: GIT_BRANCH || 'main',
    ...(SEM_VER && { version: SEM_VER }),
    gpus: env['NVIDIA_VISIBLE_DEVICES'] ? 2 : 0,
    ...(AgentImage && { agentImage: AgentImage }),
    repository: 'https://github.com/leaf-ai/studio-go-runner.git',
  };
}
