import type { Container, ResourceRequirements, Volume, VolumeMount } from 'kubernetes-types/core/v1.d.ts';
import type { RegistryAccountsConfiguration } from '../agent/configuration.ts';
import type { TemplateObject } from '../agent/job-template.ts';
import type { Destination } from '../kubernetes/network.ts';
import type { PodSecurity } from '../kubernetes/pod-security.ts';
import type { ContainerResources } from '../kubernetes/resources.ts';
import type { SecretReference, SecretSource } from '../kubernetes/secret-source.ts';
import type { PlatformReference } from '../platform/platform-reference.ts';
import type { ImageTarget, Registry } from '../registry/registry.ts';
import type { ImageName } from './image-name.ts';

/** What makes one kind of image builder differ from another. Everything else of a build, they share. */
export interface BuildProgram {
  /** The builder's name for people, such as `Makisu`. */
  readonly title: string;
  /** The builder's image where a program names none. */
  readonly defaultImage: string;
  /** The Pod Security level that the namespace of a build needs. */
  readonly podSecurity: PodSecurity;
  /**
   * Whether the container that runs the Dockerfile pushes. `without-credential`: only where a push needs
   * none, because RUN steps could read it; elsewhere it leaves an archive, as with `never`, which a
   * container that runs nothing of the repository pushes.
   */
  readonly pushes: 'always' | 'without-credential' | 'never';
  /**
   * Resources of the container that runs the Dockerfile, where a program names none.
   * @default - 500m to 2 CPU, 1 to 4 GiB of memory, 10 to 30 GiB of ephemeral storage
   */
  readonly resources?: ContainerResources;
  /**
   * Secrets that a build needs, by the construct id of what has to be made for them.
   * @default - none
   */
  secrets?(platform: PlatformReference): Readonly<Record<string, BuildSecret>>;
  /**
   * The form in which the program reads accounts for private base images, whose registries it is told too.
   * @default - a Docker configuration
   */
  accountsForm?(
    target: ImageTarget,
    bases: readonly Registry[],
  ): Pick<RegistryAccountsConfiguration, 'form' | 'transports'>;
  /** The containers of one build; asked at synthesis. */
  steps(build: ImageBuild): BuildSteps;
}

/** A secret of a build. */
export interface BuildSecret {
  /** The property through which it came, for errors. */
  readonly property: string;
  /** Where its value comes from. */
  readonly source: SecretSource;
}

/** One build, as a {@link BuildProgram} sees it. Values that the commit decides are placeholders. */
export interface ImageBuild {
  /** The builder's image. */
  readonly image: ImageName;
  /** The platform. */
  readonly platform: PlatformReference;
  /** The namespace of the build. */
  readonly namespace: string;
  /** Where the image goes. */
  readonly target: ImageTarget;
  /** The registries of base images that the program builds before. */
  readonly bases: readonly Registry[];
  /** What becomes of the image. */
  readonly output: ImageOutput;
  /** The directory with the context, in the volume `context`. */
  readonly contextDirectory: string;
  /** The Dockerfile, as an absolute path. */
  readonly dockerfile: string;
  /** The stage of the Dockerfile; undefined for the last. */
  readonly targetStage: string | undefined;
  /** Values for ARGs. */
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Labels of the image: those that were given, the commit and the repository. */
  readonly labels: Readonly<Record<string, string>>;
  /** The branches that are watched; the first is the one that others start from. */
  readonly branches: readonly string[];
  /** Resources of the container that runs the Dockerfile. */
  readonly resources: ResourceRequirements;
  /**
   * What the container that runs the Dockerfile mounts in every case: the source, read and write, and where
   * the image goes into an archive, that.
   */
  readonly mounts: readonly VolumeMount[];
  /** The secrets of {@link BuildProgram.secrets}, by the same ids. */
  readonly secrets: Readonly<Record<string, SecretReference>>;
  /**
   * Accounts that pull private base images, in the form that the program asked for, and for a program that
   * pushes `always` the one that pushes too; undefined where none was given for base images.
   */
  readonly accounts: SecretReference | undefined;
  /**
   * A Docker configuration with the account that may push. Only a program that pushes `always` is given it;
   * undefined where the registry asks for none.
   */
  readonly pushCredential: SecretReference | undefined;
}

/** What becomes of a built image: names to push it under, or a file in docker's archive format. */
export type ImageOutput = { readonly push: readonly ImageName[] } | { readonly archive: string };

/** The part of a build's pod that a builder brings. */
export interface BuildSteps {
  /** The container that runs the Dockerfile. It finds the source in the volume `context`. */
  readonly container: Container;
  /**
   * The seccomp profile of the pod.
   * @default RuntimeDefault
   */
  readonly seccomp?: 'RuntimeDefault' | 'Unset';
  /**
   * Volumes of that container.
   * @default - none but those of the source and the archive
   */
  readonly volumes?: readonly Volume[];
  /**
   * Further objects in the build's namespace.
   * @default - none
   */
  readonly objects?: readonly TemplateObject[];
  /**
   * What the build connects to, beside DNS, the internet and the registries of the target and the base images.
   * @default - nothing
   */
  readonly destinations?: readonly Destination[];
}
