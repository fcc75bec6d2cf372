import { type ApiObject, Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { kubeObject } from '../kubernetes/object.ts';
import { hidden, type Problem, problemsWhenKnown, reportProblems } from '../kubernetes/problem.ts';
import { declareSecretUse } from '../kubernetes/secret-use.ts';
import { sound } from '../props/sound.ts';
import type { FluxGitRepositoryObject } from './flux-types.ts';
import type { GitRevision } from './git-revision.ts';
import {
  type GitOpsRepositoryProps,
  goDuration,
  intervalProblems,
  labelProblems,
  nameProblems,
  repositoryOf,
  repositoryProblems,
} from './repository.ts';

/** Where a {@link FluxKustomization} takes manifests from: an object of Flux that exists. */
export interface FluxSource {
  /** Its kind. */
  readonly kind: 'GitRepository' | 'OCIRepository' | 'Bucket';
  /** Its name. */
  readonly name: string;
  /** Its namespace. */
  readonly namespace: string;
}

/** Props of {@link FluxGitRepository}. */
export interface FluxGitRepositoryProps extends GitOpsRepositoryProps {
  /**
   * The namespace of the object, and of its Secret.
   * @default 'flux-system'
   */
  readonly namespace?: string;
  /**
   * How often the repository is looked at, 30 seconds to a day.
   * @default Duration.minutes(1)
   */
  readonly interval?: Duration;
  /**
   * The Secret that a private repository is read with, in the keys that Flux expects: `username` and `password`,
   * or `identity` and `known_hosts` for an ssh URL, which always needs one.
   * @default - none: anybody may read the repository
   */
  readonly secretName?: string;
}

/**
 * A GitRepository of Flux: the repository that manifests are committed to. It is named after its id.
 *
 * @see https://fluxcd.io/flux/components/source/gitrepositories/
 * @example
 * const source = new FluxGitRepository(chart, 'ci', {
 *   repository: 'ssh://git@github.com/example/ci-manifests.git',
 *   secretName: 'ci-deploy-key',
 * });
 */
export class FluxGitRepository extends Construct implements FluxSource {
  /**
   * Refers to a GitRepository that exists, such as the one that `flux bootstrap` made. Nothing is synthesized
   * for it.
   */
  static existing(name = 'flux-system', namespace = 'flux-system'): FluxSource {
    return { kind: 'GitRepository', name, namespace };
  }

  readonly kind = 'GitRepository';
  readonly name: string;
  readonly namespace: string;
  /** The GitRepository. */
  readonly gitRepository: ApiObject;

  constructor(scope: Construct, id: string, given: FluxGitRepositoryProps) {
    super(scope, id);
    const props = sound(this, 'FluxGitRepositoryProps', given, {}, [
      'repository',
      'revision',
      'namespace',
      'interval',
      'secretName',
    ]);
    const { namespace = 'flux-system', interval = Duration.minutes(1), secretName } = props;
    const { url, revision } = repositoryOf(props);
    this.name = id;
    this.namespace = namespace;
    reportProblems(this, [
      ...labelProblems('id', id),
      ...repositoryProblems(props),
      ...labelProblems('namespace', namespace),
      ...intervalProblems('interval', interval),
      // It may be the secret itself.
      ...(secretName === undefined ? [] : nameProblems('secretName', secretName, hidden)),
    ]);
    // One whose scheme is not known yet counts as https.
    this.#declareSecret(secretName, isSsh(url));
    if (secretName === undefined) reportProblems(this, problemsWhenKnown('secretName', url, keyProblems));
    this.gitRepository = kubeObject<FluxGitRepositoryObject>(this, 'Resource', {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: id, namespace },
      spec: {
        url,
        ref: reference(revision),
        interval: goDuration(interval),
        ...(secretName !== undefined && { secretRef: { name: secretName } }),
      },
    });
  }

  /** The keys that Flux reads of the Secret. */
  #declareSecret(secretName: string | undefined, ssh: boolean): void {
    if (secretName === undefined) return;
    for (const key of ssh ? ['identity', 'known_hosts'] : ['username', 'password']) {
      declareSecretUse(this, {
        secretName,
        namespace: this.namespace,
        key,
        type: undefined,
        property: 'secretName',
        optional: false,
      });
    }
  }
}

function reference({ kind, name }: GitRevision): FluxGitRepositoryObject['spec']['ref'] {
  if (kind === 'tag') return { tag: name };
  return kind === 'commit' ? { commit: name } : { branch: name };
}

function isSsh(url: string): boolean {
  return url.startsWith('ssh:');
}

function keyProblems(url: string): Problem[] {
  if (!isSsh(url)) return [];
  const message = 'is missing, and nobody reads by ssh without a key';
  const remedy = 'name a Secret with the keys identity and known_hosts, or give an https:// URL';
  return [{ property: 'secretName', value: undefined, message, remedy }];
}
