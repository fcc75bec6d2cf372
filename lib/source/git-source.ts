import { Duration } from 'cdk8s';
import { isDnsSubdomain } from '../kubernetes/names.ts';
import { type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';
import type { SecretSource } from '../kubernetes/secret-source.ts';
import { branchProblems } from './branch.ts';
import type { CommitStatuses } from './commit-statuses.ts';
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

/** How a git server tells the platform's controller of a push. */
export interface GitWebhookOptions {
  /**
   * What GitHub and Gitea sign with, and GitLab shows. Give them the value that the Secret has; one that is
   * `SecretSource.generated()` can be read from the cluster once the controller has made it.
   */
  readonly secret: SecretSource;
}

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
   * That GitHub, GitLab or Gitea tells the controller of a push, at `https://HOST/webhooks/NAMESPACE` with the
   * pipeline's namespace. It shortens the wait for the next poll and takes the place of none. The platform has to
   * be reachable: see `webhooks` of its controller.
   * @default - the branches are polled only
   */
  readonly webhook?: GitWebhookOptions;
  /**
   * That it is written beside each commit what became of it.
   * @default - nothing is written
   */
  readonly statuses?: CommitStatuses;
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

/** Options of {@link GitSource.local}. */
export interface LocalGitOptions {
  /**
   * What stands for the branch, in image tags for example.
   * @default 'local'
   */
  readonly branch?: string;
  /**
   * Where the version comes from.
   * @default Version.fromGitTag()
   */
  readonly version?: Version;
  /**
   * The node on whose disk the directory is, by its name in the cluster. Each build then copies the
   * directory from there.
   * @default - the directory is sent to the build as a stream, from whatever machine it is on
   */
  readonly nodeName?: string;
}

/** A directory that is built as it is, and how a build gets at it. */
export interface LocalDirectory {
  /** The directory, as an absolute path. */
  readonly path: string;
  /** The node that has it; undefined where it is sent as a stream. */
  readonly nodeName: string | undefined;
}

/**
 * The repository whose commits start a pipeline, or a directory that is built on demand.
 *
 * @example
 * GitSource.remote('https://github.com/leaf-ai/studio-go-runner.git', { branch: 'main' })
 * GitSource.local('/home/me/studio-go-runner')
 */
export class GitSource {
  /** A repository on a git server, by https or ssh. */
  static remote(url: string, options: RemoteGitOptions): GitSource {
    return new GitSource(url, isOptions(options) ? options : { branches: [] }, undefined);
  }

  /**
   * A checkout on a disk, with what is not committed in it. Nothing watches it: whoever works on it starts
   * each build.
   *
   * @param path the directory, as an absolute path
   */
  static local(path: string, options: LocalGitOptions = {}): GitSource {
    const { branch = 'local', nodeName, version } = isOptions(options) ? options : {};
    return new GitSource(path, { branch, ...(version !== undefined && { version }) }, { path, nodeName });
  }

  /** The URL, with git's short ssh form (`git@host:path`) written in full; the path of a local directory. */
  readonly url: string;
  /** The directory; undefined where the repository is on a server. */
  readonly local: LocalDirectory | undefined;
  /** The watched branches. */
  readonly branches: readonly string[];
  /** How often the branches are looked up. */
  readonly pollInterval: Duration;
  /** Where the version comes from. */
  readonly version: Version;
  /** What the repository is read with; undefined where anybody may read it. */
  readonly credential: GitCredential | undefined;
  /** How the git server tells of a push; undefined where it does not. */
  readonly webhook: GitWebhookOptions | undefined;
  /** Where it is written what became of a commit; undefined where it is not. */
  readonly statuses: CommitStatuses | undefined;
  /** Whether submodules are fetched. */
  readonly submodules: boolean;
  /** Whether files of git LFS are fetched. */
  readonly lfs: boolean;
  readonly #options: RemoteGitOptions;

  private constructor(url: string, options: RemoteGitOptions, local: LocalDirectory | undefined) {
    this.#options = options;
    this.local = local;
    this.url = typeof url === 'string' ? fullGitUrl(url) : url;
    this.branches = options.branches ?? (options.branch === undefined ? [] : [options.branch]);
    this.pollInterval = options.pollInterval ?? Duration.minutes(1);
    this.version = options.version ?? Version.fromGitTag();
    this.credential = options.credential;
    this.webhook = options.webhook;
    this.statuses = options.statuses;
    this.submodules = options.submodules ?? false;
    this.lfs = options.lfs ?? false;
  }

  /** What is wrong with the source. */
  problems(property: string): Problem[] {
    return [
      ...(this.local === undefined
        ? gitUrlProblems(`${property}.url`, this.url, this.#options.allowHttp ?? false)
        : directoryProblems(property, this.local)),
      ...this.#branchProblems(property),
      ...this.version.problems(`${property}.version`),
      ...this.#pollProblems(property),
      ...this.#credentialProblems(property),
      ...(this.statuses?.problems(`${property}.statuses`, this.url, this.#options.allowHttp ?? false) ?? []),
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
    return [
      ...('knownHosts' in method
        ? knownHostsProblems(`${property}.credential.knownHosts`, method.knownHosts)
        : []),
      ...this.#transportProblems(property, 'privateKey' in method),
    ];
  }

  #transportProblems(property: string, ssh: boolean): Problem[] {
    return problemsWhenKnown(`${property}.credential`, this.url, (value) => {
      if (ssh === value.startsWith('ssh:')) return [];
      return [
        {
          property: `${property}.credential`,
          value,
          message: ssh ? 'is an ssh key for a URL that is not ssh' : 'is a token for a URL that is not https',
          remedy: ssh
            ? 'use an ssh:// URL, or GitCredential.token'
            : 'use an https:// URL, or GitCredential.sshKey',
        },
      ];
    });
  }
}

function knownHostsProblems(property: string, text: string): Problem[] {
  return problemsWhenKnown(property, text, (value) => {
    if (/\S+ (ssh|ecdsa|sk)-\S+ \S+/.test(value)) return [];
    const message = 'holds no line of a known_hosts file, so that anybody could answer as the server';
    const remedy = 'give what `ssh-keyscan HOST` prints, after comparing it with what the server publishes';
    return [{ property, value, message, remedy }];
  });
}

/** Programs that no compiler has seen may give anything. */
function isOptions(options: unknown): boolean {
  return typeof options === 'object' && options !== null;
}

function directoryProblems(property: string, { path, nodeName }: LocalDirectory): Problem[] {
  const problems = problemsWhenKnown(`${property}.path`, path, (known) =>
    pathProblems(`${property}.path`, known),
  );
  if (nodeName !== undefined && !isDnsSubdomain(nodeName)) {
    problems.push({
      property: `${property}.nodeName`,
      value: nodeName,
      message: 'is not a valid name of a node',
      remedy: 'give one that `kubectl get nodes` prints',
    });
  }
  return problems;
}

function pathProblems(property: string, path: string): Problem[] {
  const parts = typeof path === 'string' ? path.split('/') : [];
  if (parts[0] === '' && parts.length > 1 && !parts.includes('..') && !/[\0\n\r]|^\/+$/.test(path)) return [];
  return [
    {
      property,
      value: path,
      message: 'is not the absolute path of a directory',
      remedy: "give it from the root on and without '..', such as /home/me/project",
    },
  ];
}
