import type { ImageConfiguration } from './configuration.ts';
import type { TemplateObject } from './job-template.ts';
import type { ReleaseStatus } from './status.ts';
import type { AGENT_API_VERSION } from './version.ts';

/** The key of a GitHub release's configuration in its ConfigMap. */
export const GITHUB_RELEASE_KEY = 'github-release.json';

/** The port on which the gate serves the outputs of its run to release Jobs. */
export const OUTPUTS_PORT = 8081;

/**
 * The exit code of a release Job's container that found no credential: the release is skipped, and has not
 * failed. It is EX_NOINPUT of sysexits.h.
 */
export const SKIPPED_EXIT_CODE = 66;

/** What is done for a commit whose build has passed, or whose image is there. */
export interface ReleaseConfiguration {
  /** The release's name within the pipeline. */
  readonly name: string;
  /** The namespace of its Jobs and of the credentials that they use. */
  readonly namespace: string;
  /** What has to succeed before: a build, by its Deployment, or an image, by its name. */
  readonly after: { readonly build: string } | { readonly image: string };
  /**
   * The ConfigMap of the pipeline's namespace with what became of it, a {@link ReleaseStatus}; absent after a
   * build, whose own status says so.
   */
  readonly statusConfigMap?: string;
  /** The branches whose commits are released; absent where all are. */
  readonly branches?: readonly string[];
  /**
   * Images built from the released commit, in namespaces of their own as every image is. One for which a
   * Secret of the release's namespace is missing is skipped.
   */
  readonly images: readonly ImageConfiguration[];
  /** Jobs of the release's namespace. They start when all images have been built. */
  readonly jobs: readonly ReleaseJobConfiguration[];
  /** How long it may take in all, before the build that waits for it is let go. */
  readonly timeoutSeconds: number;
}

/** A Job of a release. */
export interface ReleaseJobConfiguration {
  /** The Job's name within the release. */
  readonly name: string;
  /** The Job, with placeholders. */
  readonly jobTemplate: readonly TemplateObject[];
}

/** What the program that makes a GitHub release is told, beside what its environment says of the commit. */
export interface GitHubReleaseConfiguration {
  /** The document's version. */
  readonly apiVersion: typeof AGENT_API_VERSION;
  /** The document's kind. */
  readonly kind: 'GitHubRelease';
  /** GitHub's API. */
  readonly apiUrl: string;
  /** Owner and name of the repository. */
  readonly repository: string;
  /** What stands before the version in the name of the tag. */
  readonly tagPrefix: string;
  /** Whether the release is left as a draft. */
  readonly draft: boolean;
  /** Whether it is marked as not ready for production. */
  readonly prerelease: boolean;
  /** The file that holds the token. Where it is missing, the release is skipped. */
  readonly tokenFile: string;
  /** The directory with the assets of the run; absent where there are none. */
  readonly assetsDirectory?: string;
  /** The log of the run, attached to the release; absent where it is not. */
  readonly logFile?: string;
}

/** Variables by which the programs of a release Job learn of the commit. */
export const ReleaseVariables = {
  /** The pipeline's version at the commit. */
  VERSION: 'KEELSON_VERSION',
  /** The commit's full object name. */
  COMMIT: 'KEELSON_GIT_COMMIT',
  /** The branch. */
  BRANCH: 'KEELSON_GIT_BRANCH',
  /** The digest of the image that was tested. */
  DIGEST: 'KEELSON_IMAGE_DIGEST',
  /** Where the outputs of the tested run are fetched from. */
  OUTPUTS_URL: 'KEELSON_OUTPUTS_URL',
} as const;
