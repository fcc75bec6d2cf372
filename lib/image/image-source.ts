import type { IConstruct } from 'constructs';
import type { ImageTarget, Registry } from '../registry/registry.ts';
import type { ImageName } from './image-name.ts';

/** Something that puts an image into a registry, from which a watched build takes it. */
export interface ImageSource extends IConstruct {
  /** The image as a Deployment names it: pulled by the kubelet and polled by Keel. */
  readonly image: ImageName;
  /** What builds it; undefined where that is none of the pipeline's image builders. */
  readonly builder?: BuiltImage | undefined;
}

/** An image that a pipeline builds. */
export interface BuiltImage extends IConstruct {
  /** Where the image goes. */
  readonly target: ImageTarget;
  /** The image as a pod reaches it. */
  readonly pushed: PushedImage;
}

/** An image as a pod reaches it. */
export interface PushedImage {
  /** Its name for pods. */
  readonly image: ImageName;
  /** The registry; undefined where it is not known, and taken for one on the internet. */
  readonly registry: Registry | undefined;
}
