import type { StatusProvider } from '../agent/configuration.ts';
import { whenKnown } from '../kubernetes/deferred.ts';
import type { Problem } from '../kubernetes/problem.ts';
import type { SecretSource } from '../kubernetes/secret-source.ts';
import { defaultStatusTarget, type StatusTarget, statusTargetProblems } from './status-target.ts';

/** Options of {@link CommitStatuses}. */
export interface CommitStatusesOptions {
  /**
   * A token that may write commit statuses and nothing else: a fine-grained one of GitHub for this repository with
   * *Commit statuses: read and write*, or a project's access token of GitLab with the scope `api`. Only the
   * controller reads it; without it no statuses are written, and builds go on.
   */
  readonly token: SecretSource;
  /**
   * The API's URL.
   * @default - that of the repository's host: https://api.github.com, https://HOST/api/v3 or https://HOST/api/v4
   */
  readonly apiUrl?: string;
  /**
   * Owner and name on GitHub; on GitLab the project's path, or its number.
   * @default - the path of the repository's URL
   */
  readonly repository?: string;
  /**
   * What a status links to: a page for people, such as a dashboard of the cluster.
   * @default - nothing
   */
  readonly targetUrl?: string;
}

/**
 * Where it is written beside a commit what became of it: `keelson/PIPELINE/IMAGE` for each image that is built
 * from it, and `keelson/PIPELINE/BUILD` for each build.
 *
 * @example
 * CommitStatuses.github({ token: SecretSource.existing('github-statuses', 'token') })
 */
export class CommitStatuses {
  /**
   * On GitHub, or an Enterprise Server.
   *
   * @see https://docs.github.com/en/rest/commits/statuses
   */
  static github(options: CommitStatusesOptions): CommitStatuses {
    return new CommitStatuses('github', options);
  }

  /**
   * On gitlab.com, or a GitLab of your own.
   *
   * @see https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
   */
  static gitlab(options: CommitStatusesOptions): CommitStatuses {
    return new CommitStatuses('gitlab', options);
  }

  /** Whose API it is. */
  readonly provider: StatusProvider;
  /** The token. */
  readonly token: SecretSource;
  /** The API's URL; undefined for that of the repository's host. */
  readonly apiUrl: string | undefined;
  /** The repository; undefined for the path of its URL. */
  readonly repository: string | undefined;
  /** What a status links to; undefined for nothing. */
  readonly targetUrl: string | undefined;

  private constructor(provider: StatusProvider, options: CommitStatusesOptions) {
    this.provider = provider;
    // A JavaScript program may pass nothing; what is missing is reported at synthesis.
    this.token = options?.token;
    this.apiUrl = options?.apiUrl;
    this.repository = options?.repository;
    this.targetUrl = options?.targetUrl;
  }

  /**
   * Where the statuses of a repository go.
   *
   * @param repositoryUrl the URL by which git knows it
   */
  target(repositoryUrl: string): StatusTarget {
    const { provider, targetUrl } = this;
    const { apiUrl, repository } = defaultStatusTarget(provider, repositoryUrl);
    return {
      provider,
      apiUrl: this.apiUrl === undefined ? apiUrl : whenKnown(this.apiUrl, withoutSlash),
      repository: this.repository ?? repository,
      ...(targetUrl !== undefined && { targetUrl }),
    };
  }

  /**
   * What is wrong with them.
   *
   * @param property how the caller spells them
   * @param repositoryUrl the URL by which git knows the repository
   * @param allowHttp whether the API may be asked by plain http
   */
  problems(property: string, repositoryUrl: string, allowHttp: boolean): Problem[] {
    return statusTargetProblems(property, this.target(repositoryUrl), allowHttp);
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
