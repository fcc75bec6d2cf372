import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { ConfigMap, Container } from 'kubernetes-types/core/v1.d.ts';
import { GITHUB_RELEASE_KEY, type GitHubReleaseConfiguration } from '../agent/release.ts';
import { AGENT_API_VERSION } from '../agent/version.ts';
import type { ImageName } from '../image/image-name.ts';
import { GeneratedSecret } from '../kubernetes/generated-secret.ts';
import { jsonFile } from '../kubernetes/json.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { restrictedContainer } from '../kubernetes/pod-security.ts';
import {
  hidden,
  type Problem,
  problemsWhenKnown,
  reportProblem,
  reportProblems,
} from '../kubernetes/problem.ts';
import type { SecretReference, SecretSource } from '../kubernetes/secret-source.ts';
import { scratchVolume } from '../kubernetes/workload.ts';
import { JobTemplate } from '../pipeline/job-template.ts';
import { outputsContainer } from './outputs-container.ts';
import { commitVariables, releaseJobTemplate } from './release-job.ts';
import { ReleasePlan } from './release-plan.ts';

/** A release on GitHub. */
export interface GitHubReleaseProps {
  /** Owner and name of the repository, such as `leaf-ai/studio-go-runner`. */
  readonly repository: string;
  /**
   * A token that may write the repository's contents: a fine-grained one for this repository, or that of a
   * GitHub App. Its Secret lies in the release's namespace; where it is missing, the release is skipped.
   */
  readonly token: SecretSource;
  /**
   * What stands before the version in the name of the tag, such as `v`.
   * @default - nothing
   */
  readonly tagPrefix?: string;
  /**
   * Whether the release is left as a draft, for somebody to publish.
   * @default false
   */
  readonly draft?: boolean;
  /**
   * Whether it is marked as not ready for production.
   * @default false
   */
  readonly prerelease?: boolean;
  /**
   * Whether the log of the build is attached.
   * @default true
   */
  readonly log?: boolean;
  /**
   * GitHub's API; that of an Enterprise Server is `https://HOST/api/v3`.
   * @default 'https://api.github.com'
   */
  readonly apiUrl?: string;
}

interface GitHubReleaseOptions extends GitHubReleaseProps {
  readonly agentImage: ImageName;
  readonly assets: boolean;
}

const CONFIG_DIRECTORY = '/keelson/config';
const TOKEN_FILE = '/keelson/token/token';
const OUTPUTS = '/keelson/outputs';
const UID = 65532;

/**
 * The Job that makes a release on GitHub, for the commit that was tested, with its assets and its log. It
 * may be repeated: a release that is there is completed, and one of the same tag for another commit is
 * left alone.
 *
 * @see https://docs.github.com/en/rest/releases/releases
 */
export class GitHubRelease extends Construct {
  /** The ConfigMap with what does not depend on the commit. */
  readonly configMap: ApiObject;
  /** The Job that is made for a commit. */
  readonly jobTemplate: JobTemplate;

  /** @internal Made by a `Release`. */
  constructor(scope: Construct, id: string, options: GitHubReleaseOptions) {
    super(scope, id);
    const plan = ReleasePlan.of(this) as ReleasePlan;
    const { namespace, outputs, pipelineName, timeoutSeconds } = plan;
    const name = `${scope.node.id}-github`;
    reportProblems(this, problems(options));
    const token = options.token.bind(this, `${name}-token`, 'github.token', {
      namespace,
      optional: true,
    });
    if (this.node.tryFindChild(`${name}-token`) instanceof GeneratedSecret) {
      reportProblem(this, {
        property: 'github.token',
        value: hidden,
        message: 'is made by nobody: GitHub gives tokens',
        remedy: 'make a Secret and give SecretSource.existing(name, key)',
      });
    }
    this.configMap = kubeObject<ConfigMap>(this, 'configuration', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace },
      data: {
        [GITHUB_RELEASE_KEY]: jsonFile(configuration(options, outputs !== undefined)),
      },
    });
    const fetched = outputs !== undefined;
    this.jobTemplate = new JobTemplate(this, () =>
      releaseJobTemplate({
        name: id,
        pipeline: pipelineName,
        namespace,
        timeoutSeconds,
        initContainers: fetched ? [outputsContainer(options.agentImage, 'outputs', OUTPUTS)] : [],
        container: container(options.agentImage, fetched),
        volumes: [
          { name: 'config', configMap: { name } },
          tokenVolume(token),
          scratchVolume('tmp', '64Mi'),
          ...(fetched ? [{ name: 'outputs', emptyDir: {} }] : []),
        ],
      }),
    );
    plan.contribute({ job: () => ({ name: id, jobTemplate: this.jobTemplate.objects() }) });
  }
}

function configuration(options: GitHubReleaseOptions, fetched: boolean): GitHubReleaseConfiguration {
  const { repository, tagPrefix = '', draft = false, prerelease = false, log = true } = options;
  return {
    apiVersion: AGENT_API_VERSION,
    kind: 'GitHubRelease',
    apiUrl: options.apiUrl ?? 'https://api.github.com',
    repository,
    tagPrefix,
    draft,
    prerelease,
    tokenFile: TOKEN_FILE,
    ...(fetched && options.assets && { assetsDirectory: `${OUTPUTS}/assets` }),
    ...(fetched && log && { logFile: `${OUTPUTS}/build.log` }),
  };
}

/** Optional, so that the program runs without it and can say that it skips. */
function tokenVolume({ secretName, key }: SecretReference): {
  name: string;
  secret: {
    secretName: string;
    items: { key: string; path: string }[];
    defaultMode: number;
    optional: boolean;
  };
} {
  return {
    name: 'token',
    secret: { secretName, items: [{ key, path: 'token' }], defaultMode: 0o440, optional: true },
  };
}

function container(agentImage: ImageName, fetched: boolean): Container {
  return {
    name: 'release',
    image: agentImage.toString(),
    imagePullPolicy: 'IfNotPresent',
    args: ['release', `--config=${CONFIG_DIRECTORY}/${GITHUB_RELEASE_KEY}`],
    env: [...commitVariables(), { name: 'HOME', value: '/tmp' }],
    securityContext: { ...restrictedContainer(), runAsUser: UID, runAsGroup: UID },
    resources: {
      requests: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '16Mi' },
      limits: { cpu: '1', memory: '512Mi', 'ephemeral-storage': '1Gi' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'config', mountPath: CONFIG_DIRECTORY, readOnly: true },
      { name: 'token', mountPath: '/keelson/token', readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
      ...(fetched ? [{ name: 'outputs', mountPath: OUTPUTS, readOnly: true }] : []),
    ],
  };
}

/** GitHub's rules for the names of owners and repositories. */
const REPOSITORY = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\/[A-Za-z0-9._-]{1,100}$/;

function problems({ repository, tagPrefix = '', apiUrl }: GitHubReleaseOptions): Problem[] {
  return problemsWhenKnown('github', { repository, tagPrefix, apiUrl }, problemsOf);
}

interface Known {
  readonly repository: string;
  readonly tagPrefix: string;
  readonly apiUrl: string | undefined;
}

function problemsOf({ repository, tagPrefix, apiUrl }: Known): Problem[] {
  const found: Problem[] = [];
  if (!REPOSITORY.test(repository)) {
    found.push({
      property: 'github.repository',
      value: repository,
      message: 'is not a repository of GitHub',
      remedy: 'give owner and name, such as leaf-ai/studio-go-runner, without host or ".git"',
    });
  }
  if (!/^[A-Za-z0-9._/-]{0,40}$/.test(tagPrefix) || /^[-./]|\.\.|\/\/|\.lock/.test(tagPrefix)) {
    found.push({
      property: 'github.tagPrefix',
      value: tagPrefix,
      message: 'is not the beginning of a tag',
      remedy: 'use letters, digits, "." , "-", "_" and "/", such as v',
    });
  }
  if (apiUrl !== undefined && !isApiUrl(apiUrl)) {
    found.push({
      property: 'github.apiUrl',
      value: apiUrl,
      message: 'is not the https URL of an API',
      remedy: 'leave it out for github.com, or give https://HOST/api/v3',
    });
  }
  return found;
}

function isApiUrl(text: string): boolean {
  try {
    const { protocol, username, password, search, hash } = new URL(text);
    return protocol === 'https:' && `${username}${password}${search}${hash}` === '';
  } catch {
    return false;
  }
}
