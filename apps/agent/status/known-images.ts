import type { BuildRun } from '../../../lib/agent/status.ts';

/** What the controller has found out of an image: from which commit it was built. */
export type KnownImage = Required<Pick<BuildRun, 'digest'>> & Pick<BuildRun, 'commit' | 'branch'>;

/** The key beside the status document with the {@link KnownImage}s, newest first. */
export const IMAGES_KEY = 'images.json';

/** Most images that are remembered. */
const MAX_IMAGES = 50;

/** Reads them; what can't be read is as if nothing were known. */
export function parseImages(text: string | undefined): readonly KnownImage[] {
  try {
    const { images } = JSON.parse(text ?? '{}') as { images?: readonly KnownImage[] };
    return Array.isArray(images) ? images.filter(({ digest }) => typeof digest === 'string') : [];
  } catch {
    return [];
  }
}

/** Adds an image as the newest. */
export function withImage(images: readonly KnownImage[], image: KnownImage): readonly KnownImage[] {
  return [image, ...images.filter(({ digest }) => digest !== image.digest)].slice(0, MAX_IMAGES);
}

/** The images as text. */
export function formatImages(images: readonly KnownImage[]): string {
  return `${JSON.stringify({ images })}\n`;
}
