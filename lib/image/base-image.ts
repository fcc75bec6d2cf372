import { Construct } from 'constructs';
import { reportProblem } from '../kubernetes/problem.ts';
import { recordOf } from '../pipeline/pipeline-record.ts';
import { sound } from '../props/sound.ts';
import { ImageTarget, type Registry } from '../registry/registry.ts';
import type { ImageBuilder } from './image-builder.ts';
import type { ImageBuilderProps } from './image-builder-props.ts';
import { ImageName } from './image-name.ts';
import type { ImageSource } from './image-source.ts';
import { MakisuBuilder } from './makisu-builder.ts';
import { Tag } from './tag.ts';

/** A class of image builders that needs no props of its own, such as `BuildKitBuilder`. */
export type ImageBuilderClass = new (scope: Construct, id: string, props: ImageBuilderProps) => ImageBuilder;

/** Props of {@link BaseImage}. */
export interface BaseImageProps extends Omit<ImageBuilderProps, 'target' | 'onlyIfAbsent'> {
  /** The path within the registry, such as `leafai/studio-go-runner-dev-base`. */
  readonly repository: string;
  /** The image's version, which is its tag. Whoever changes the Dockerfile gives a new one. */
  readonly version: string;
  /**
   * Where the image goes.
   * @default - the platform's registry
   */
  readonly registry?: Registry;
  /**
   * The Dockerfile, from the repository's root.
   * @default 'Dockerfile_base'
   */
  readonly dockerfile?: string;
  /**
   * What builds it.
   * @default MakisuBuilder
   */
  readonly builder?: ImageBuilderClass;
}

/**
 * The image with the tools of a build, which changes seldom: a compiler, CUDA, libraries. It is built where
 * its version is not in the registry yet, before the images that name it in their `baseImages`.
 *
 * The image carries its repository and version as the labels `registry.repo` and `registry.version`; with
 * Makisu, which can set none, the Dockerfile has to hold them as LABEL.
 *
 * @example
 * const base = new BaseImage(pipeline, 'base', {
 *   repository: 'leafai/studio-go-runner-dev-base',
 *   version: '0.0.5',
 * });
 * new MakisuBuilder(pipeline, 'image', {
 *   target: platform.registry.image('leafai/studio-go-runner-build'),
 *   baseImages: { BASE_IMAGE: base },
 * });
 */
export class BaseImage extends Construct implements ImageSource {
  readonly image: ImageName;
  /** What builds it; undefined where a registry is missing, which is reported. */
  readonly builder: ImageBuilder | undefined;

  constructor(scope: Construct, id: string, given: BaseImageProps) {
    super(scope, id);
    const props = sound(this, 'BaseImageProps', given, {}, ['labels.*', 'baseImages.*']);
    const { repository, version, registry, builder: Builder = MakisuBuilder, ...build } = props;
    const place = registry ?? build.platform?.registry ?? recordOf(this, build)?.platform.registry;
    if (place === undefined) {
      reportProblem(this, {
        property: 'registry',
        value: undefined,
        message: 'is missing',
        remedy: 'give it, or put the base image into a Pipeline',
      });
      this.image = new ImageName({ registry: 'missing.invalid', repository, tag: version });
      return;
    }
    this.builder = new Builder(this, id, {
      dockerfile: 'Dockerfile_base',
      ...build,
      target: new ImageTarget(place, repository, Tag.named(version)),
      onlyIfAbsent: true,
      ...(Builder !== MakisuBuilder && {
        labels: { 'registry.repo': repository, 'registry.version': version, ...build.labels },
      }),
    });
    this.image = this.builder.image;
  }
}
