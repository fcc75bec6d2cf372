import type { Service } from 'kubernetes-types/core/v1.d.ts';
import { ImageName } from '../image/image-name.ts';
import { Tag } from '../image/tag.ts';
import type { Destination } from '../kubernetes/network.ts';
import { type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';
import type { SecretSource } from '../kubernetes/secret-source.ts';
import type { CollectedRegistry } from './garbage-collection.ts';

/** A file that has to lie on each node before its kubelet can pull from a registry. */
export interface NodeFile {
  /** Where it is written, below the folder for node set-up. */
  readonly file: string;
  /** What is in it. */
  readonly content: string;
}

/** A place for images, with the names by which the parts of a pipeline reach it. */
export interface Registry {
  /** Host and port by which a pod pushes. */
  readonly pushHost: string;
  /** Host and port in a Deployment's image: the kubelet pulls from it and Keel polls it. */
  readonly imageHost: string;
  /** Further names of the same registry that Dockerfiles may use in FROM. */
  readonly aliases: readonly string[];
  /** Whether it speaks plain http. */
  readonly insecure: boolean;
  /** A Docker configuration (`.dockerconfigjson`) with an account that may push; undefined where none is asked for. */
  readonly pushCredential?: SecretSource | undefined;
  /** Docker configurations with accounts that may pull; undefined or empty where none is asked for. */
  readonly pullCredentials?: readonly SecretSource[] | undefined;
  /**
   * Whether it takes images from known accounts only, so that nothing can be pushed without one.
   * @default false
   */
  readonly needsAccount?: boolean;
  /** The certificate authority as PEM; undefined where the registry's certificate is publicly trusted. */
  readonly certificateAuthority?: string | undefined;
  /** Where its pods and nodes are, for network policies. */
  readonly destinations: readonly Destination[];
  /** Services that give the aliases a meaning in the namespace of an image build. */
  aliasServices(namespace: string): Required<Pick<Service, 'apiVersion' | 'kind' | 'metadata' | 'spec'>>[];
  /** Files that its nodes need. */
  readonly nodeFiles: readonly NodeFile[];
  /** How its garbage is collected; undefined where nobody does. */
  readonly collected?: CollectedRegistry | undefined;
  /** What is wrong with it. */
  problems(property: string): Problem[];
  /** What is wrong with a repository in it, beyond the grammar that all registries share. */
  repositoryProblems?(property: string, repository: string): Problem[];
  /** Names an image in it. */
  image(repository: string, options?: ImageOptions): ImageTarget;
}

/** Options of {@link Registry.image}. */
export interface ImageOptions {
  /**
   * The tag.
   * @default Tag.branch()
   */
  readonly tag?: Tag;
}

/** Where an image builder puts its image. */
export class ImageTarget {
  /** The registry. */
  readonly registry: Registry;
  /** The path within the registry. */
  readonly repository: string;
  /** The tag that is pushed to. */
  readonly tag: Tag;

  constructor(registry: Registry, repository: string, tag: Tag = Tag.branch()) {
    this.registry = registry;
    this.repository = repository;
    this.tag = tag;
  }

  /** What is wrong with it, and with its registry. */
  problems(property: string): Problem[] {
    const { registry, repository, tag } = this;
    return [
      ...registry.problems(`${property}.registry`),
      ...tag.problems(`${property}.tag`),
      ...problemsWhenKnown(`${property}.repository`, repository, (known) => [
        ...new ImageName({ registry: 'registry', repository: known })
          .problems(property)
          .filter((problem) => problem.property === `${property}.repository`),
        ...(registry.repositoryProblems?.(`${property}.repository`, known) ?? []),
      ]),
    ];
  }

  /** The image as a builder in a pod pushes it. */
  pushName(tag: string): ImageName {
    return new ImageName({ registry: this.registry.pushHost, repository: this.repository, tag });
  }

  /** The image as a Deployment names it. */
  imageName(tag: string): ImageName {
    return new ImageName({ registry: this.registry.imageHost, repository: this.repository, tag });
  }
}
