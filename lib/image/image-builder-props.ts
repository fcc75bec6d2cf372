import type { Duration } from 'cdk8s';
import type { ContainerResources } from '../kubernetes/resources.ts';
import type { SecretSource } from '../kubernetes/secret-source.ts';
import type { StageProps } from '../pipeline/pipeline-record.ts';
import type { ImageTarget } from '../registry/registry.ts';
import type { BaseImages } from './base-images.ts';
import type { ImageName } from './image-name.ts';

/** What every image builder can be told. */
export interface ImageBuilderProps extends StageProps {
  /** Where the image goes, such as `platform.registry.image('leafai/build', { tag: Tag.branch() })`. */
  readonly target: ImageTarget;
  /**
   * The Dockerfile, from the repository's root.
   * @default 'Dockerfile'
   */
  readonly dockerfile?: string;
  /**
   * The directory of the repository that is the build's context.
   * @default - the repository's root
   */
  readonly context?: string;
  /**
   * The stage of the Dockerfile to build.
   * @default - the last
   */
  readonly targetStage?: string;
  /**
   * Values for the Dockerfile's ARGs. None may be a secret: it stays in the image's history.
   * @default - none
   */
  readonly buildArgs?: Readonly<Record<string, string>>;
  /**
   * Labels of the image. None may be a secret: whoever pulls the image can read them.
   * @default - org.opencontainers.image.revision, the commit, and org.opencontainers.image.source, the
   * repository, which are added to what is given. Makisu can't add any
   * @see https://github.com/opencontainers/image-spec/blob/main/annotations.md
   */
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * Base images, by the ARG that stands in FROM. One that the pipeline builds itself is built before.
   * @default - none: the Dockerfile names its base
   */
  readonly baseImages?: BaseImages;
  /**
   * Whether the image is built only where its tag is not in the registry yet.
   * @default false
   */
  readonly onlyIfAbsent?: boolean;
  /**
   * The builder's own image.
   * @default - the one that the builder names
   */
  readonly image?: ImageName;
  /**
   * Docker configurations with accounts that pull, for a private FROM: the key `.dockerconfigjson` of Secrets
   * in the namespace of the pipeline. RUN steps can read them (but for BuildKit's), so give accounts that can
   * pull what the build needs and do no more. Of two accounts for one registry the later wins.
   * @default - none: base images are public. Those of the target's registry are given as
   * `registry.pullCredentials`
   */
  readonly pullCredentials?: readonly SecretSource[];
  /**
   * The image of skopeo, which pushes what the build has left where a push needs an account. It has to have
   * a shell, `head` and `gzip`.
   * @default quay.io/skopeo/stable:v1.20.0
   */
  readonly pushImage?: ImageName;
  /**
   * Resources of the container that builds.
   * @default - 500m to 2 CPU, 1 to 4 GiB of memory, 10 to 30 GiB of ephemeral storage; less where the
   * container only asks a daemon to build
   */
  readonly resources?: ContainerResources;
  /**
   * How long a build may take.
   * @default Duration.hours(1)
   */
  readonly timeout?: Duration;
  /**
   * What becomes of a running build of the same tag when a newer commit arrives.
   * @default 'queue'
   */
  readonly concurrency?: 'queue' | 'supersede';
  /**
   * How often a build that failed is tried in all.
   * @default 1
   */
  readonly maxAttempts?: number;
}
