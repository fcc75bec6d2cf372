import { type ApiObject, Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { whenKnown } from '../kubernetes/deferred.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { type Problem, reportProblems } from '../kubernetes/problem.ts';
import { sound } from '../props/sound.ts';
import { applyAgain } from './applied-again.ts';
import type { FluxSource } from './flux-git-repository.ts';
import type { FluxKustomizationObject } from './flux-types.ts';
import {
  folder,
  folderProblems,
  goDuration,
  intervalProblems,
  labelProblems,
  nameProblems,
} from './repository.ts';

/** Props of {@link FluxKustomization}. */
export interface FluxKustomizationProps {
  /** Where the manifests come from: a {@link FluxGitRepository}, or what `FluxGitRepository.existing` gives. */
  readonly source: FluxSource;
  /**
   * The folder in the source that holds the synthesized `kustomization.yaml`: the whole output, or one chart's
   * folder in it.
   * @default 'manifests'
   */
  readonly path?: string;
  /**
   * The namespace of the object.
   * @default - that of the source
   */
  readonly namespace?: string;
  /**
   * How often the cluster is compared with the manifests, 30 seconds to a day; a new commit is applied at once.
   * @default Duration.minutes(10)
   */
  readonly interval?: Duration;
  /**
   * How soon a failed application is tried again, 30 seconds to a day.
   * @default Duration.minutes(1)
   */
  readonly retryInterval?: Duration;
  /**
   * How long an application may take, 30 seconds to a day.
   * @default Duration.minutes(5)
   */
  readonly timeout?: Duration;
  /**
   * Whether objects that are no longer in the folder are deleted.
   * @default true
   */
  readonly prune?: boolean;
  /**
   * Whether deleting the Kustomization deletes its objects, with namespaces and volumes.
   * @default false
   */
  readonly deleteObjects?: boolean;
  /**
   * The ServiceAccount, in the object's namespace, with whose rights Flux applies.
   * @default - Flux's own
   */
  readonly serviceAccountName?: string;
  /**
   * What has to be applied before, such as the platform before a pipeline.
   * @default - nothing
   */
  readonly dependsOn?: readonly FluxKustomization[];
}

/**
 * A Kustomization of Flux that brings a folder of manifests to the cluster and keeps it so. It is named after
 * its id.
 *
 * It leaves alone what the agent and Keel decide at run time: Flux applies server-side and compares by a dry run,
 * so that fields which the manifests don't have are not its own. It doesn't wait until everything is ready,
 * because a build has no pod that is ready before its first image. `force` stays off: it would delete and make
 * again what can't be changed, a volume too. Flux has to be 2.5 or later.
 *
 * @see https://fluxcd.io/flux/components/kustomize/kustomizations/
 * @example
 * const source = new FluxGitRepository(chart, 'ci', { repository: 'https://github.com/example/ci-manifests.git' });
 * const platform = new FluxKustomization(chart, 'ci-platform', { source, path: 'manifests/platform' });
 * new FluxKustomization(chart, 'ci-uploads', { source, path: 'manifests/uploads', dependsOn: [platform] });
 */
export class FluxKustomization extends Construct {
  /** The object's name. */
  readonly name: string;
  /** The object's namespace. */
  readonly namespace: string;
  /** The Kustomization. */
  readonly kustomization: ApiObject;

  constructor(scope: Construct, id: string, given: FluxKustomizationProps) {
    super(scope, id);
    const props = sound(this, 'FluxKustomizationProps', given, {}, [
      'source',
      'source.*',
      'path',
      'namespace',
      'interval',
      'retryInterval',
      'timeout',
      'serviceAccountName',
      'dependsOn.*',
    ]);
    const source = props.source ?? MISSING;
    const { path = 'manifests', namespace = source.namespace } = props;
    const { prune = true, deleteObjects = false, serviceAccountName } = props;
    const dependsOn = (props.dependsOn ?? []).filter((other) => other instanceof FluxKustomization);
    const { interval = Duration.minutes(10), retryInterval = Duration.minutes(1) } = props;
    const { timeout = Duration.minutes(5) } = props;
    applyAgain(this);
    this.name = id;
    this.namespace = namespace;
    reportProblems(this, [
      ...labelProblems('id', id),
      ...sourceProblems(source),
      ...folderProblems('path', path),
      ...labelProblems('namespace', namespace),
      ...intervalProblems('interval', interval),
      ...intervalProblems('retryInterval', retryInterval),
      ...intervalProblems('timeout', timeout),
      ...(serviceAccountName === undefined ? [] : nameProblems('serviceAccountName', serviceAccountName)),
      ...dependencyProblems(props.dependsOn ?? []),
    ]);
    if (Construct.isConstruct(source)) this.node.addDependency(source);
    this.node.addDependency(...dependsOn);
    this.kustomization = kubeObject<FluxKustomizationObject>(this, 'Resource', {
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name: id, namespace },
      spec: {
        sourceRef: { kind: source.kind, ...this.#reference(source) },
        path: whenKnown(path, fromRoot),
        interval: goDuration(interval),
        retryInterval: goDuration(retryInterval),
        timeout: goDuration(timeout),
        prune,
        deletionPolicy: deleteObjects ? 'Delete' : 'Orphan',
        force: false,
        wait: false,
        ...(serviceAccountName !== undefined && { serviceAccountName }),
        ...(dependsOn.length > 0 && { dependsOn: dependsOn.map((other) => this.#reference(other)) }),
      },
    });
  }

  /** Name and namespace of another object, the latter only where it is another one: Flux may forbid that. */
  #reference({ name, namespace }: { name: string; namespace: string }): { name: string; namespace?: string } {
    return { name, ...(namespace !== this.namespace && { namespace }) };
  }
}

function dependencyProblems(dependsOn: readonly unknown[]): Problem[] {
  return dependsOn
    .filter((other) => !(other instanceof FluxKustomization))
    .map((other) => ({
      property: 'dependsOn',
      value: other ?? undefined,
      message: 'is no FluxKustomization',
      remedy: 'give the constructs whose objects have to be there first',
    }));
}

/** Stands in for a source that was not given, which is reported. */
const MISSING: FluxSource = { kind: 'GitRepository', name: '', namespace: 'flux-system' };

const KINDS: ReadonlySet<string> = new Set(['GitRepository', 'OCIRepository', 'Bucket']);

function sourceProblems(source: FluxSource): Problem[] {
  if (source === MISSING) {
    const remedy = 'give a FluxGitRepository, or FluxGitRepository.existing()';
    return [{ property: 'source', value: undefined, message: 'is missing', remedy }];
  }
  const kind: Problem[] = KINDS.has(source.kind)
    ? []
    : [
        {
          property: 'source.kind',
          value: source.kind,
          message: 'is not a kind of source that Flux has',
          remedy: `use ${[...KINDS].join(', ')}`,
        },
      ];
  // A construct says itself what is wrong with it.
  if (Construct.isConstruct(source)) return kind;
  return [
    ...kind,
    ...nameProblems('source.name', source.name),
    ...labelProblems('source.namespace', source.namespace),
  ];
}

function fromRoot(path: string): string {
  return folder(path) === '.' ? './' : `./${folder(path)}`;
}
