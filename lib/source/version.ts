import type { VersionConfiguration } from '../agent/configuration.ts';
import { type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';

/** Semantic Versioning 2.0.0, https://semver.org */
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

/**
 * Where a pipeline's version comes from. It is part of the names of commit namespaces, of image tags and
 * of releases.
 *
 * @example
 * Version.fromFile('README.md')
 */
export class Version {
  /** A version that is given: a semantic version. */
  static of(value: string): Version {
    return new Version({ from: 'value', value });
  }

  /** The tag at the commit that is a semantic version, with or without a leading `v`. */
  static fromGitTag(): Version {
    return new Version({ from: 'git-tag' });
  }

  /**
   * The `<repo-version>` mark in a file of the repository, as duat's semver tool keeps it.
   *
   * @param path the file, from the repository's root
   */
  static fromFile(path = 'README.md'): Version {
    return new Version({ from: 'file', path });
  }

  /** What the controller is told of it. */
  readonly configuration: VersionConfiguration;

  private constructor(configuration: VersionConfiguration) {
    this.configuration = configuration;
  }

  /** What is wrong with the version. */
  problems(property: string): Problem[] {
    return problemsWhenKnown(property, this.configuration, (known) => versionProblems(property, known));
  }
}

function versionProblems(property: string, configuration: VersionConfiguration): Problem[] {
  if (configuration.from === 'value' && !SEMVER.test(configuration.value)) {
    return [
      {
        property,
        value: configuration.value,
        message: 'is not a semantic version',
        remedy: 'give MAJOR.MINOR.PATCH without a leading v, such as 0.10.2',
      },
    ];
  }
  if (configuration.from === 'file' && !isInsideRepository(configuration.path)) {
    return [
      {
        property,
        value: configuration.path,
        message: 'is not a path inside the repository',
        remedy: 'give a relative path without "..", such as README.md',
      },
    ];
  }
  return [];
}

/** Whether a path names something below the root of a repository. */
export function isInsideRepository(path: string): boolean {
  return (
    path !== '' &&
    !path.startsWith('/') &&
    !/[\u0000-\u001f\u007f]/.test(path) &&
    !path.split('/').includes('..')
  );
}
