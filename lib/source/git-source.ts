import { Duration } from 'cdk8s';
import type { Problem } from '../kubernetes/problem.ts';
import type { SecretSource } from '../kubernetes/secret-source.ts';
import { branchProblems } from './branch.ts';
import { fullGitUrl, gitUrlProblems } from './git-url.ts';
import { Version } from './version.ts';

/** How a private repository is read. Only the container that fetches the source gets to see it. */
export class GitCredential {
  /**
   * An access token over https, handed to git by GIT_ASKPASS. Give it read access to the one repository.
   *
   * @param username what to answer to git's question for a user name; GitHub and GitLab take any
   */
  static token(token: SecretSource, username = 'x-access-token'): GitCredential {
    return new GitCredential({ token, username });
  }

  /**
   * A deploy key over ssh.
   *
   * @param knownHosts lines of a known_hosts file for the server, as `ssh-keyscan` prints them
   */
  static sshKey(privateKey: SecretSource, knownHosts: string): GitCredential {
    return new GitCredential({ privateKey, knownHosts });
  }

  /** @internal */
  readonly method:
    | { token: SecretSource; username: string }
    | { privateKey: SecretSource; knownHosts: string };

  private constructor(method: GitCredential['method']) {
    this.method = method;
  }
}

/** Options of {@link GitSource.remote}. */
export type RemoteGitOptions = BranchSelection & GitOptions;

/** One branch, or several. */
export type BranchSelection =
  | { readonly branch: string; readonly branches?: never }
  | { readonly branches: readonly string[]; readonly branch?: never };

/** Options of {@link GitSource.remote} beside the branches. */
export interface GitOptions {
  /**
   * How often the branches are looked up.
   * @default Duration.minutes(1)
   */
  readonly pollInterval?: Duration;
  /**
   * Where the version comes from.
   * @default Version.fromGitTag()
   */
  readonly version?: Version;
  /**
   * For a private repository.
   * @default - none: the repository is public
   */
  readonly credential?: GitCredential;
  /**
   * Whether to fetch submodules: their URLs are chosen by the repository.
   * @default false
   */
  readonly submodules?: boolean;
  /**
   * Whether to fetch Git LFS objects.
   * @default false
   */
  readonly lfs?: boolean;
  /**
   * Whether the URL may be plain http, for a git server inside the cluster.
   * @default false
   */
  readonly allowHttp?: boolean;
}

/**
 * The repository whose commits start a pipeline.
 *
 * @example
 * GitSource.remote('https://github.com/leaf-ai/studio-go-runner.git', { branch: 'main' })
 */
export class GitSource {
  /** A repository on a git server, by https or ssh. */
  static remote(url: string, options: RemoteGitOptions): GitSource {
    return new GitSource(url, options);
  }

  /** The URL, with git's short ssh form (`git@host:path`) written in full. */
  readonly url: string;
  /** The watched branches. */
  readonly branches: readonly string[];
  /** How often the branches are looked up. */
  readonly pollInterval: Duration;
  /** Where the version comes from. */
  readonly version: Version;
  /** What the repository is read with; undefined where anybody may read it. */
  readonly credential: GitCredential | undefined;
  /** Whether submodules are fetched. */
  readonly submodules: boolean;
  /** Whether files of git LFS are fetched. */
  readonly lfs: boolean;
  readonly #options: RemoteGitOptions;

  private constructor(url: string, options: RemoteGitOptions) {
    this.#options = options;
    this.url = fullGitUrl(url);
    this.branches = options.branches ?? (options.branch === undefined ? [] : [options.branch]);
    this.pollInterval = options.pollInterval ?? Duration.minutes(1);
    this.version = options.version ?? Version.fromGitTag();
    this.credential = options.credential;
    this.submodules = options.submodules ?? false;
    this.lfs = options.lfs ?? false;
  }

  /** What is wrong with the source. */
  problems(property: string): Problem[] {
    return [
      ...gitUrlProblems(`${property}.url`, this.url, this.#options.allowHttp ?? false),
      ...this.#branchProblems(property),
      ...this.version.problems(`${property}.version`),
      ...this.#pollProblems(property),
      ...this.#credentialProblems(property),
    ];
  }

  #branchProblems(property: string): Problem[] {
    const { branch, branches } = this.#options;
    if (branch !== undefined && branches !== undefined) {
      return [
        {
          property: `${property}.branch`,
          value: branch,
          message: 'is given beside branches',
          remedy: 'give one of the two',
        },
      ];
    }
    if (this.branches.length === 0) {
      return [
        {
          property: `${property}.branch`,
          value: undefined,
          message: 'is missing',
          remedy: "name the branch to watch, such as 'main'",
        },
      ];
    }
    const twice = this.branches.filter((name, index) => this.branches.indexOf(name) !== index);
    return [
      ...this.branches.flatMap((name) => branchProblems(`${property}.branch`, name)),
      ...twice.map((name) => ({
        property: `${property}.branches`,
        value: name,
        message: 'is named twice',
        remedy: 'name each branch once',
      })),
    ];
  }

  #pollProblems(property: string): Problem[] {
    const seconds = this.pollInterval.toSeconds({ integral: false });
    if (seconds >= 5 && seconds <= 86_400) return [];
    return [
      {
        property: `${property}.pollInterval`,
        value: `${seconds} s`,
        message: 'is not between 5 seconds and a day',
        remedy: 'use Duration.minutes(1), or a webhook to be told at once',
      },
    ];
  }

  #credentialProblems(property: string): Problem[] {
    if (this.credential === undefined) return [];
    const { method } = this.credential;
    if ('knownHosts' in method && !/\S+ (ssh|ecdsa|sk)-\S+ \S+/.test(method.knownHosts)) {
      return [
        {
          property: `${property}.credential.knownHosts`,
          value: method.knownHosts,
          message: 'holds no line of a known_hosts file, so that anybody could answer as the server',
          remedy: 'give what `ssh-keyscan HOST` prints, after comparing it with what the server publishes',
        },
      ];
    }
    const ssh = 'privateKey' in this.credential.method;
    if (ssh === this.url.startsWith('ssh:')) return [];
    return [
      {
        property: `${property}.credential`,
        value: this.url,
        message: ssh ? 'is an ssh key for a URL that is not ssh' : 'is a token for a URL that is not https',
        remedy: ssh
          ? 'use an ssh:// URL, or GitCredential.token'
          : 'use an https:// URL, or GitCredential.sshKey',
      },
    ];
  }
}
