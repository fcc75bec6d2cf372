import type { IConstruct } from 'constructs';
import type { ImageBuilder } from './image-builder.ts';
import type { ImageName } from './image-name.ts';

/** Something that puts an image into a registry, from which a watched build takes it. */
export interface ImageSource extends IConstruct {
  /** The image as a Deployment names it: pulled by the kubelet and polled by Keel. */
  readonly image: ImageName;
  /** What builds it; undefined where that is none of the pipeline's image builders. */
  readonly builder?: ImageBuilder | undefined;
}
