import type { Problem } from '../kubernetes/problem.ts';
import type { Registry } from '../registry/registry.ts';
import { ImageName } from './image-name.ts';
import type { BuiltImage, ImageSource } from './image-source.ts';

/** Base images by the ARG of the Dockerfile that names them. */
export type BaseImages = Readonly<Record<string, ImageSource | ImageName>>;

/** The names of the images that the same pipeline builds before; another one builds its own when it does. */
export function baseBuilders(bases: BaseImages, isOurs: (builder: BuiltImage) => boolean): string[] {
  const builders = Object.values(bases)
    .filter(isImage)
    .flatMap((base) => builderOf(base) ?? []);
  return [...new Set(builders.filter(isOurs).map(({ node }) => node.id))];
}

/** Each base image as the pod of a build pulls it. */
export function baseArguments(bases: BaseImages): Record<string, string> {
  return Object.fromEntries(
    Object.entries(bases).map(([name, base]) => {
      // What is none is reported.
      if (!isImage(base)) return [name, ''];
      const image = base instanceof ImageName ? base : (builderOf(base)?.pushed.image ?? base.image);
      return [name, String(image)];
    }),
  );
}

/** The registries of the images that are built before. */
export function baseRegistries(bases: BaseImages): Registry[] {
  const registries = Object.values(bases)
    .filter(isImage)
    .flatMap((base) => builderOf(base)?.pushed.registry ?? []);
  return [...new Set(registries)];
}

/** What is wrong with base images. */
export function baseImageProblems(
  bases: Readonly<Record<string, unknown>>,
  buildArgs: Readonly<Record<string, string>>,
): Problem[] {
  return Object.entries(bases).flatMap(([name, base]): Problem[] => {
    const property = `baseImages.${name}`;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      const remedy = 'use letters, digits and "_"';
      return [{ property, value: name, message: 'is not a valid name of an ARG', remedy }];
    }
    if (Object.hasOwn(buildArgs, name)) {
      return [{ property, value: name, message: 'is given by buildArgs too', remedy: 'give it once' }];
    }
    if (base instanceof ImageName) return base.problems(property);
    if (isImageSource(base)) return [];
    const remedy = 'give a BaseImage, an image builder, or the ImageName of one that something else pushes';
    return [{ property, value: base, message: 'is no image', remedy }];
  });
}

function builderOf(base: ImageSource | ImageName): ImageSource['builder'] {
  return base instanceof ImageName ? undefined : base.builder;
}

function isImage(value: unknown): value is ImageSource | ImageName {
  return value instanceof ImageName || isImageSource(value);
}

function isImageSource(value: unknown): value is ImageSource {
  return typeof value === 'object' && value !== null && 'image' in value && value.image instanceof ImageName;
}
