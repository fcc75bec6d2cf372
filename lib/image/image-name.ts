import { isDeferred, whenKnown } from '../kubernetes/deferred.ts';
import { type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';

/** The parts of an {@link ImageName}. */
export interface ImageNameParts {
  /** Host, and port where it is not 443, of the registry. */
  readonly registry: string;
  /** The repository within the registry, such as `leafai/studio-go-runner`. */
  readonly repository: string;
  /**
   * The tag.
   * @default - none
   */
  readonly tag?: string;
  /**
   * Such as `sha256:` and 64 hexadecimal digits.
   * @default - none
   */
  readonly digest?: string;
}

const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::([0-9]{1,5}))?$/;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$|^\(\(keelson\.tag\.[a-z]+\)\)$/;
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/;

/**
 * The full name of a container image. The registry is always part of it, Docker Hub's too: Keel rewrites
 * names without one, which GitOps then sees as drift.
 *
 * @see https://github.com/distribution/reference for the grammar
 * @example
 * ImageName.parse('quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z')
 */
export class ImageName {
  /** Reads a name as docker does: a first part without a dot, colon or `localhost` is not a registry. */
  static parse(text: string): ImageName {
    // What is no text is reported where the name is used.
    if (typeof text !== 'string') return new ImageName({ registry: 'docker.io', repository: text });
    return isDeferred(text) ? new DeferredImageName(text) : parsedName(text);
  }

  /** Host, and port where it is not 443, of the registry. */
  readonly registry: string;
  /** The path within the registry. */
  readonly repository: string;
  /** The tag; undefined where the name has none. */
  readonly tag: string | undefined;
  /** The digest; undefined where the name has none. */
  readonly digest: string | undefined;

  constructor(parts: ImageNameParts) {
    const { registry, repository, tag, digest }: ImageNameParts = parts ?? {};
    this.registry = registry;
    this.repository = repository;
    this.tag = tag;
    this.digest = digest;
  }

  /** The same image with another tag. */
  withTag(tag: string): ImageName {
    return new ImageName({ registry: this.registry, repository: this.repository, tag });
  }

  /** Whether only the machine itself can reach the registry, so that no pod, Keel's neither, can. */
  get isLocal(): boolean {
    return /^(localhost|127\.[0-9.]+|\[::1\])(:|$)/i.test(this.registry);
  }

  /** What is wrong with the name. */
  problems(property: string): Problem[] {
    const { registry, repository, tag, digest } = this;
    return problemsWhenKnown(property, { registry, repository, tag, digest }, (known) =>
      partProblems(property, known),
    );
  }

  /** The name as containers are given it: `registry/repository:tag@digest`. */
  toString(): string {
    const tag = this.tag === undefined ? '' : `:${this.tag}`;
    const digest = this.digest === undefined ? '' : `@${this.digest}`;
    return `${this.registry}/${this.repository}${tag}${digest}`;
  }
}

/**
 * What is wrong with an image, for what looks at its parts: once it is known.
 *
 * @param property how the caller spells the image
 */
export function imageProblemsWhenKnown(
  property: string,
  image: ImageName,
  find: (image: ImageName) => Problem[],
): Problem[] {
  const text = image.toString();
  if (!isDeferred(text)) return find(image);
  return problemsWhenKnown(property, text, (known) => find(ImageName.parse(known)));
}

function parsedName(text: string): ImageName {
  const at = text.indexOf('@');
  const [rest, digest] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  const colon = rest.lastIndexOf(':');
  const tagged = colon > rest.lastIndexOf('/');
  const [path, tag] = tagged ? [rest.slice(0, colon), rest.slice(colon + 1)] : [rest, undefined];
  const slash = path.indexOf('/');
  const first = path.slice(0, Math.max(slash, 0));
  const hasRegistry =
    slash > 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const registry = hasRegistry ? first : 'docker.io';
  const repository = hasRegistry ? path.slice(slash + 1) : slash < 0 ? `library/${path}` : path;
  return new ImageName({
    registry,
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  });
}

/** A name that can't be taken apart before it is known. Whether it has a tag is found out then. */
class DeferredImageName extends ImageName {
  readonly #text: string;

  constructor(text: string) {
    super({
      registry: whenKnown(text, registryOf),
      repository: whenKnown(text, repositoryOf),
      tag: whenKnown(text, tagOf),
    });
    this.#text = text;
  }

  override problems(property: string): Problem[] {
    return problemsWhenKnown(property, this.#text, (known) => ImageName.parse(known).problems(property));
  }

  override toString(): string {
    return whenKnown(this.#text, inFull);
  }
}

function registryOf(text: string): string {
  return ImageName.parse(text).registry;
}

function repositoryOf(text: string): string {
  return ImageName.parse(text).repository;
}

function tagOf(text: string): string {
  return ImageName.parse(text).tag ?? '';
}

function inFull(text: string): string {
  return ImageName.parse(text).toString();
}

function partProblems(
  property: string,
  { registry, repository, tag, digest }: Pick<ImageName, 'registry' | 'repository' | 'tag' | 'digest'>,
): Problem[] {
  const problems: Problem[] = [];
  const check = (part: string, value: string | undefined, pattern: RegExp, remedy: string): void => {
    if (value === undefined || (typeof value === 'string' && pattern.test(value) && value.length <= 255))
      return;
    problems.push({
      property: `${property}.${part}`,
      value,
      message: `is not a valid image ${part}`,
      remedy,
    });
  };
  check(
    'registry',
    registry,
    HOST,
    'give a host with an optional port, such as quay.io or 172.31.39.52:32000',
  );
  check(
    'repository',
    repository,
    REPOSITORY,
    'use lower-case letters and digits, with "/", ".", "_" or "-" between',
  );
  check('tag', tag, TAG, 'use at most 128 letters, digits, "_", "." and "-", not starting with "." or "-"');
  check('digest', digest, DIGEST, 'give sha256: and 64 hexadecimal digits');
  const port = HOST.exec(registry)?.[1];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) {
    problems.push({
      property: `${property}.registry`,
      value: registry,
      message: 'has a port out of range',
      remedy: 'use a port from 1 to 65535',
    });
  }
  return problems;
}
